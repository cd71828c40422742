"""The only place that makes the demo's artifacts: a transcript as JSON, and a silent two-channel WAV of true length."""

from __future__ import annotations

import io
import wave

from stream_app.core.wire import write_json
from stream_app.demo.conversations import Conversation

SAMPLE_RATE_HZ = 50
"""Enough for a valid header and a true duration; nobody listens to silence."""


def transcript_bytes(conversation: Conversation, duration_ms: int) -> bytes:
    """Speaker turns with times, in the order of their times; our own shape.

    Turns without a time take that of the turn before; where none has one, they are spread over the call. The texts
    are public and fictional, and hold names and numbers: stated as unredacted, so that the line redacts them.
    """
    told = conversation.turns
    timed = any(turn.t_ms is not None for turn in told)
    turns, latest = [], 0
    for number, turn in enumerate(told):
        latest = turn.t_ms if turn.t_ms is not None else latest if timed else duration_ms * number // len(told)
        turns.append({"speaker": turn.speaker or "unknown", "text": turn.text or "(no words)", "startMs": latest})
    if not turns:
        turns = [{"speaker": "agent", "text": "(the data holds no words)", "startMs": 0}]
    return write_json({"turns": sorted(turns, key=lambda turn: turn["startMs"])})


def recording_bytes(duration_ms: int) -> bytes:
    """Silence, two channels, 8 bit."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(1)
        out.setframerate(SAMPLE_RATE_HZ)
        out.writeframes(b"\x80\x80" * (duration_ms * SAMPLE_RATE_HZ // 1000))
    return buffer.getvalue()
