"""Which transcripts are read, and which may not be shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream_app.core.transcripts import examine

TURNS = [{"speaker": "agent", "text": "Hello", "startMs": 0}, {"speaker": "caller", "text": "Hi", "startMs": 900}]
LENS = [
    {"ParticipantId": "AGENT", "Content": "Hello", "BeginOffsetMillis": 0, "EndOffsetMillis": 500},
    {"ParticipantId": "CUSTOMER", "Content": "[PII] here", "BeginOffsetMillis": 600, "EndOffsetMillis": 900},
]


@pytest.mark.parametrize(
    "document",
    [
        {"turns": TURNS},
        TURNS,
        {"Transcript": LENS, "ContentMetadata": {"Output": "Redacted"}},
        {"Transcript": LENS},
        {"messages": [{"role": "bot", "message": "Hello", "secondsFromStart": 0.4}, {"role": "user", "message": "Hi"}]},
        {"transcript_object": [{"role": "agent", "content": "Hello"}, {"role": "user", "content": "Hi"}]},
        {"transcript": [{"role": "agent", "message": "a", "time_in_call_secs": 0}, {"role": "user", "message": "b"}]},
        {
            "transcript": "flat text",
            "transcript_object": [{"role": "a", "content": "b"}, {"role": "c", "content": "d"}],
        },
    ],
)
def test_known_shapes_have_their_turns_counted(document: Any) -> None:
    report = examine(json.dumps(document).encode())
    assert (report.problems, report.turns, report.speakers) == ((), 2, 2)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"hello", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b'{"turns":[],"turns":[]}', "duplicate_key"),
        (b'[{"speaker":"a","text":"b","startMs":NaN}]', "not_a_number"),
        (b"{}", "no list of turns"),
        (b"7", "no list of turns"),
        (b'{"turns":{}}', "no list of turns"),
        (b'{"turns":[]}', "no turns"),
        (b'{"turns":["hello"]}', "turn 1 lacks"),
        (b'[{"speaker":"a","text":"b"},{"text":"c"}]', "turn 2 lacks"),
        (b'[{"speaker":"","text":"b"}]', "turn 1 lacks"),
        (b'[{"speaker":"a","text":null}]', "turn 1 lacks"),
        (b'[{"speaker":"a","text":"b","startMs":5},{"speaker":"a","text":"b","startMs":4}]', "turn 2 begins"),
        (
            b'[{"speaker":"a","text":"b","startMs":5},{"speaker":"a","text":"b"},{"speaker":"a","text":"b","start":0}]',
            "turn 3 begins",
        ),
    ],
)
def test_what_is_no_transcript_says_why(body: bytes, problem: str) -> None:
    (told,) = examine(body).problems
    assert problem in told


def test_a_raw_transcript_is_found_out_whatever_its_reference_says() -> None:
    (told,) = examine(json.dumps({"Transcript": LENS, "ContentMetadata": {"Output": "Raw"}}).encode()).problems
    assert "raw" in told


def test_problems_never_quote_the_transcript() -> None:
    secret = "4111 1111 1111 1111"
    for body in (
        secret.encode(),
        json.dumps({secret: secret}).encode(),
        json.dumps([{"speaker": secret}]).encode(),
        json.dumps([{"speaker": secret, "text": secret, "startMs": 2}, {"role": secret, "text": secret, "start": 0}])
        .encode(),
    ):  # fmt: skip
        assert examine(body).problems
        assert secret not in " ".join(examine(body).problems)
