"""Which media types go as a transcript's or a recording's."""

from __future__ import annotations

import pytest

from stream_app.core.media_types import is_recording_type, is_transcript_type


@pytest.mark.parametrize(
    ("media_type", "transcript", "recording"),
    [
        ("application/json", True, False),
        ("Application/JSON; charset=utf-8", True, False),
        ("application/vnd.provider.v2+json", True, False),
        ("text/plain", True, False),
        ("text/html", False, False),
        ("image/svg+xml", False, False),
        ("text/evil+json", False, False),
        ("application/octet-stream", True, True),
        ("binary/octet-stream", True, True),
        ("audio/wav", False, True),
        ("AUDIO/mpeg", False, True),
        ("video/mp4", False, True),
        ("application/ogg", False, True),
        ("audio", False, False),
        ("", False, False),
    ],
)
def test_a_type_is_of_its_kind_or_no_statement(media_type: str, transcript: bool, recording: bool) -> None:
    assert (is_transcript_type(media_type), is_recording_type(media_type)) == (transcript, recording)
