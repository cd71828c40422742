from __future__ import annotations

import io
import json
import wave

import pytest

from stream_app.core.transcripts import examine
from stream_app.demo.artifacts import SAMPLE_RATE_HZ, recording_bytes, transcript_bytes
from stream_app.demo.conversations import Conversation, Turn


def told(*turns: Turn) -> Conversation:
    return Conversation(call_id="c", turns=turns)


def test_a_transcript_has_the_turns_in_order_with_their_own_times() -> None:
    call = told(Turn(speaker="user", text="Hello?", t_ms=40), Turn(speaker="agent", text="Good day.", t_ms=900))
    turns = json.loads(transcript_bytes(call, 5_000))["turns"]
    assert turns == [
        {"speaker": "user", "text": "Hello?", "startMs": 40},
        {"speaker": "agent", "text": "Good day.", "startMs": 900},
    ]


def test_turns_without_times_are_spread_over_the_call() -> None:
    call = told(*(Turn(speaker="user", text=str(number)) for number in range(4)))
    turns = json.loads(transcript_bytes(call, 8_000))["turns"]
    assert [turn["startMs"] for turn in turns] == [0, 2_000, 4_000, 6_000]


def test_turns_are_put_in_the_order_of_their_times() -> None:
    call = told(
        Turn(speaker="user", text="b", t_ms=900),
        Turn(speaker="agent", text="c"),
        Turn(speaker="user", text="a", t_ms=5),
    )
    turns = json.loads(transcript_bytes(call, 5_000))["turns"]
    assert [(turn["text"], turn["startMs"]) for turn in turns] == [("a", 5), ("b", 900), ("c", 900)]


@pytest.mark.parametrize(
    "call",
    [
        told(),
        told(Turn(speaker="user", text="")),
        told(Turn(speaker="", text="Hi")),
        told(Turn(speaker="user", text="b", t_ms=9), Turn(speaker="user", text="a", t_ms=3)),
    ],
)
def test_the_sealer_finds_nothing_wrong_with_a_transcript(call: Conversation) -> None:
    assert examine(transcript_bytes(call, 1_000)).problems == ()


@pytest.mark.parametrize("duration_ms", [0, 1_000, 181_340])
def test_a_recording_is_a_valid_wav_with_two_channels_and_the_length_of_the_call(duration_ms: int) -> None:
    with wave.open(io.BytesIO(recording_bytes(duration_ms)), "rb") as audio:
        assert audio.getnchannels() == 2
        length_ms = audio.getnframes() * 1000 / audio.getframerate()
    assert abs(length_ms - duration_ms) <= 1000 / SAMPLE_RATE_HZ
