"""Vapi's transcripts, recordings, logs and captures; and why some will never come."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream_app.core import transcripts
from stream_app.core.events import ArtifactReady
from tests.providers.trying import Trying

VAPI = Trying("vapi")


def test_the_transcript_holds_what_was_spoken_in_order() -> None:
    normalised = VAPI.made(VAPI.own("end-of-call-report"))
    (ready,) = [
        event for event in normalised.events if isinstance(event, ArtifactReady) and event.artifact == "transcript"
    ]
    (blob,) = [blob for blob in normalised.blobs if blob.content is not None]
    assert ready.reference.uri == blob.uri
    assert ready.reference.redaction_state == "unredacted"
    report = transcripts.examine(blob.content)
    assert (report.turns, report.speakers, report.problems) == (4, 2, ())
    turns = json.loads(blob.content)["turns"]
    assert [turn["startMs"] for turn in turns] == [1_000, 4_000, 29_800, 30_000]
    assert b"SYSTEM PROMPT" not in blob.content
    assert b"ORIGINAL MESSAGE" not in blob.content


def test_a_transcript_that_is_only_text_is_read_line_by_line() -> None:
    (blob,) = VAPI.made(VAPI.own("end-of-call-report-legacy")).blobs
    assert json.loads(blob.content or b"")["turns"] == [
        {"speaker": "ai", "text": "Hello, how can I help?"},
        {"speaker": "user", "text": "I was charged twice.\nAnd nobody answers."},
        {"speaker": "ai", "text": "Sorry."},
    ]


def test_a_recording_is_the_one_that_opens() -> None:
    normalised = VAPI.made(VAPI.own("end-of-call-report"))
    (ready,) = [
        event for event in normalised.events if isinstance(event, ArtifactReady) and event.artifact == "recording"
    ]
    (blob,) = [blob for blob in normalised.blobs if blob.link is not None]
    assert "X-Amz-Signature" in (blob.link or "")
    assert ready.reference.uri == blob.uri
    assert (ready.reference.channels, ready.reference.media_type) == (2, "audio/wav")
    assert all("X-Amz" not in str(event) for event in normalised.events)


@pytest.mark.parametrize(
    ("places", "uri", "channels"),
    [
        ({"recording": {"mono": {"combinedUrl": "https://r.example.test/m.wav"}}}, "https://r.example.test/m.wav", 1),
        ({"recording": {"mono": "https://r.example.test/m.wav"}}, "https://r.example.test/m.wav", 1),
        ({"recordingUrl": "https://r.example.test/m.mp3"}, "https://r.example.test/m.mp3", 1),
        (
            {"recordingUrl": "https://r.example.test/m.mp3", "stereoRecordingUrl": "https://r.example.test/s.mp3"},
            "https://r.example.test/s.mp3",
            2,
        ),
        ({"recording": {"stereoUrl": "not a link"}, "recordingUrl": "gs://b/m.wav"}, "gs://b/m.wav", 1),
    ],
)
def test_recordings_of_every_age_are_found(places: dict[str, Any], uri: str, channels: int) -> None:
    document = VAPI.own("end-of-call-report")
    document["message"]["artifact"] = places
    recordings = [event for event in VAPI.of(ArtifactReady, document) if event.artifact == "recording"]
    assert [(event.reference.uri, event.reference.channels) for event in recordings] == [(uri, channels)]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("never-connected", ("never connected", "never connected")),
        ("hipaa", ("HIPAA", "HIPAA")),
        ("storage-switched-off", ("switched off", "switched off")),
    ],
)
def test_what_will_never_come_says_why(name: str, says: tuple[str, str]) -> None:
    never = VAPI.of(ArtifactReady, VAPI.own(name))
    assert [(event.artifact, event.availability) for event in never] == [
        ("transcript", "never"),
        ("recording", "never"),
    ]
    for event, words in zip(never, says, strict=True):
        assert words in event.reason


@pytest.mark.parametrize(
    ("reason", "never"), [("assistant-not-found", 2), ("customer-busy", 2), ("customer-ended-call", 0)]
)
def test_only_a_call_that_was_answered_ends_by_what_was_said(reason: str, never: int) -> None:
    """A report may leave the start out; that the customer hung up says that there was one."""
    document = VAPI.own("never-connected")
    document["message"] |= {"endedReason": reason, "artifact": {}}
    assert len(VAPI.of(ArtifactReady, document)) == never


def test_a_refused_consent_is_no_recording() -> None:
    transcript, recording = VAPI.of(ArtifactReady, VAPI.own("consent-refused"))
    assert (transcript.artifact, transcript.availability) == ("transcript", "ready")
    assert (recording.artifact, recording.availability) == ("recording", "never")
    assert "consent" in recording.reason
    document = VAPI.own("consent-refused")
    document["message"]["compliance"]["recordingConsent"]["grantedAt"] = "2026-08-29T10:40:05.000Z"
    assert len(VAPI.of(ArtifactReady, document)) == 1


def test_what_is_there_is_ready_in_any_mode() -> None:
    document = VAPI.own("end-of-call-report")
    document["message"]["assistant"]["compliancePlan"] = {"hipaaEnabled": True, "pciEnabled": True}
    assert {event.availability for event in VAPI.of(ArtifactReady, document)} == {"ready"}


def test_uploads_that_failed_are_told_where_no_other_of_their_kind_was_stored() -> None:
    failed = VAPI.of(ArtifactReady, VAPI.own("artifact-upload-failed"))
    assert [(event.artifact, event.availability) for event in failed] == [("recording", "never"), ("pcap", "never")]
    (stored,) = VAPI.of(ArtifactReady, VAPI.own("artifact-upload-stored"))
    assert (stored.availability, stored.reference.uri) == ("ready", "https://bucket.example.test/1-stereo.wav")
