"""The only place that makes the demo's artifacts: a transcript as JSON, and a silent two-channel WAV of true length."""

from __future__ import annotations

import io
import wave

from stream_app.core.wire import write_json
from stream_app.demo.conversations import Conversation

SAMPLE_RATE_HZ = 50
"""Enough for a valid header and a true duration; nobody listens to silence."""


def transcript_bytes(conversation: Conversation, duration_ms: int) -> bytes:
    """Ordered speaker turns with times, our own shape. The texts are public and fictional: stated as redacted."""
    count = max(1, len(conversation.turns))
    turns = [
        {
            "speaker": turn.speaker,
            "text": turn.text or "(no words)",
            "startMs": turn.t_ms if turn.t_ms is not None else duration_ms * number // count,
        }
        for number, turn in enumerate(conversation.turns)
    ]
    if not turns:
        turns = [{"speaker": "agent", "text": "(the data holds no words)", "startMs": 0}]
    return write_json({"turns": turns})


def recording_bytes(duration_ms: int) -> bytes:
    """Silence, two channels, 8 bit."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(1)
        out.setframerate(SAMPLE_RATE_HZ)
        out.writeframes(b"\x80\x80" * (duration_ms * SAMPLE_RATE_HZ // 1000))
    return buffer.getvalue()
