"""Transcript documents: read in known shapes, copied with nothing but masked turns, reported without values."""

from __future__ import annotations

import json

import msgspec
import pytest

from stream_app.core.redaction.spans import Span
from stream_app.core.redaction.transcript import NotReadable, read_transcript, redacted_copy, report_of
from stream_app.core.transcripts import examine

DOCUMENT = {
    "Transcript": [
        {"ParticipantId": "AGENT", "Content": "Your number?", "BeginOffsetMillis": 0, "EndOffsetMillis": 900},
        {"ParticipantId": "Odette Quill", "Content": "500-555-0142", "BeginOffsetMillis": 1000, "words": ["500"]},
    ],
    "Summary": "500-555-0142",
}
SPANS = [[], [Span(0, 12, "PHONE", "written")]]


def test_the_copy_keeps_shape_and_times_alone() -> None:
    document, turns = read_transcript(json.dumps(DOCUMENT).encode())
    body = redacted_copy(document, turns, SPANS)
    assert body == redacted_copy(document, turns, SPANS)
    copy = json.loads(body)
    assert [turn["Content"] for turn in copy["Transcript"]] == ["Your number?", "[PHONE_1]"]
    assert copy["Transcript"][1]["ParticipantId"] == "SPEAKER_1"
    assert copy["Transcript"][0]["EndOffsetMillis"] == 900
    assert not any(value in body for value in (b"0142", b"Quill", b"words", b"Summary"))
    assert examine(body).problems == ()


def test_the_report_has_places_and_no_values() -> None:
    _, turns = read_transcript(json.dumps(DOCUMENT).encode())
    report = report_of(turns, SPANS, version="1", model=None, measured={"how": "here"})
    assert report.counts == {"PHONE": 1}
    assert (report.masks[0].turn, report.masks[0].start, report.masks[0].end) == (1, 0, 12)
    assert report.audio[0].begin_ms == 1000
    assert b"0142" not in msgspec.json.encode(report)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"turns": [{"speaker": "a"}]}', b'{"turns": [7]}', b'"text"'])
def test_what_is_no_transcript(body: bytes) -> None:
    with pytest.raises(NotReadable):
        read_transcript(body)
