"""What LiveKit's egress says of a recording."""

from __future__ import annotations

from typing import Any

import pytest

from stream_app.core.events import ArtifactReady
from stream_app.providers.adapter import Normalised
from tests.providers.trying import Trying

UPDATED_MS = 1_780_000_066_900
TRYING = Trying("livekit")
made, own, only = TRYING.made, TRYING.own, TRYING.only


def test_a_complete_egress_names_its_file() -> None:
    ready = only(own("egress-complete"))
    assert isinstance(ready, ArtifactReady)
    assert (ready.artifact, ready.availability, ready.occurred_at) == ("recording", "ready", UPDATED_MS)
    assert ready.reference is not None
    assert ready.reference.uri == "https://made-up-recordings.s3.eu-west-1.amazonaws.com/recordings/one.ogg"
    assert (ready.reference.duration_ms, ready.reference.size_bytes) == (59_100, 472_800)
    assert (ready.reference.channels, ready.reference.media_type) == (2, "audio/ogg")
    assert ready.reference.producer == "livekit/egress/roomComposite"
    assert ready.reference.redaction_state == "unknown"
    assert ready.aliases == {
        "livekitRoomSid": "RM_made0up01", "livekitRoom": "support-made-up-1", "livekitEgress": "EG_made0up01",
    }  # fmt: skip


def test_older_servers_name_one_file() -> None:
    ready = only(own("egress-complete-snake"))
    assert ready.reference.uri == "https://files.example.com/recordings/one.mp3"
    assert (ready.reference.duration_ms, ready.reference.channels) == (30_000, 2)
    document = own("egress-complete")
    document["egressInfo"]["file"] = dict(document["egressInfo"]["fileResults"][0])
    assert only(document).reference == only(own("egress-complete")).reference, "one file told twice is one"


def test_a_link_that_expires_is_staged() -> None:
    result = made(own("egress-complete-signed-link"))
    assert isinstance(result, Normalised)
    (ready,), (blob,) = result.events, result.blobs
    assert isinstance(ready, ArtifactReady)
    assert ready.reference is not None
    assert ready.reference.uri == blob.uri
    assert "X-Amz-Signature" in (blob.link or "")


def test_without_a_location_the_bucket_says_where_it_is() -> None:
    assert only(own("egress-complete-bucket-only")).reference.uri == "s3://made-up-recordings/recordings/one.ogg"
    result = made(own("egress-complete-two-outputs"))
    assert [one.reference.uri for one in result.events] == ["s3://made-up-recordings/a.ogg", "gs://made-up-gcs/b.mp3"]
    assert {one.reference.channels for one in result.events} == {2}


def test_a_file_that_only_its_egress_can_find_is_named_after_it() -> None:
    assert only(own("egress-complete-local-file")).reference.uri == "livekit-egress://EG_made0up01/file-0"
    document = own("egress-complete-local-file")
    document["egressInfo"]["fileResults"] = [{"filename": "/out/my call.ogg"}]
    assert only(document).reference.uri == "livekit-egress://EG_made0up01/out/my%20call.ogg"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("egress-failed", "egress failed (code 403)"),
        ("egress-aborted", "egress was aborted: Start signal not received (code 412)"),
        ("egress-limit-without-file", "egress reached its limit: Session limit reached (code 413)"),
    ],
)
def test_a_failed_egress_says_that_no_recording_comes(name: str, reason: str) -> None:
    never = only(own(name))
    assert (never.artifact, never.availability, never.reason) == ("recording", "never", reason)
    assert never.reference is None


def test_a_limit_leaves_what_was_recorded_until_then() -> None:
    ready = only(own("egress-limit-with-file"))
    assert (ready.availability, ready.reference.size_bytes) == ("ready", 472_800)


def test_a_failure_stands_beside_a_later_success() -> None:
    failed, complete = only(own("egress-failed")), only(own("egress-complete"))
    assert failed.event_id != complete.event_id


def test_an_update_may_be_the_only_word_of_a_failure() -> None:
    """Webhooks that do not fit into the server's queue are dropped."""
    document = own("egress-failed") | {"event": "egress_updated"}
    assert only(document).availability == "never"


@pytest.mark.parametrize(
    "changes",
    [
        {"roomComposite": {"videoOnly": True}},
        {"web": {"video_only": "true"}},
        {"egress": {"template": {"videoOnly": True}}},
        {"egress": {"media": {"videoTrackId": "TR_VC"}}},
        {"trackComposite": {"videoTrackId": "TR_VC", "audioTrackId": ""}},
        {"track": {"trackId": "TR_VC"}, "fileResults": [{"filename": "x.webm", "location": "https://example.com/x"}]},
    ],
)
def test_video_alone_is_no_recording(changes: dict[str, Any]) -> None:
    document = own("egress-complete")
    del document["egressInfo"]["roomComposite"]
    document["egressInfo"] |= changes
    assert only(document).type == "identity-linked"
    document["egressInfo"]["status"] = "EGRESS_FAILED"
    assert only(document).type == "identity-linked"


@pytest.mark.parametrize(
    ("changes", "type"),
    [
        ({}, "identity-linked"),
        ({"status": "EGRESS_ACTIVE"}, "identity-linked"),
        (
            {"status": "EGRESS_SOMETHING_NEW", "fileResults": [{"location": "https://example.com/x.ogg"}]},
            "artifact-ready",
        ),
        ({"status": None, "fileResults": [{"filename": "x.ogg", "size": "0"}]}, "identity-linked"),
        ({"status": "EGRESS_COMPLETE", "fileResults": "x", "file": []}, "identity-linked"),
        ({"status": "EGRESS_ABORTED", "streamResults": [{"url": "rtmp://x"}]}, "identity-linked"),
        ({"status": "EGRESS_ABORTED", "roomComposite": {"roomName": "x"}}, "artifact-ready"),
    ],
)
def test_what_it_comes_to_hangs_on_status_and_files(changes: dict[str, Any], type: str) -> None:
    info = {"egressId": "EG_1", "roomName": "r", **changes}
    assert only({"event": "egress_ended", "createdAt": 1_780_000_000, "egressInfo": info}).type == type


def test_zero_is_what_was_not_set() -> None:
    """Some encoders of protobuf write fields that were left out."""
    document = own("egress-complete-snake")
    plain = only(document)
    document["egress_info"]["file"] |= {"duration": "0"}
    document["egress_info"] |= {"file_results": [], "error": "", "error_code": 0, "stream_results": []}
    assert only(document) == plain
    document["egress_info"]["file"] |= {"size": "0", "started_at": "0", "ended_at": "0"}
    assert (only(document).reference.size_bytes, only(document).reference.duration_ms) == (None, None)
