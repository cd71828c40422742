"""Contact events and records: when a call ended, which name its chain has, which recordings there are."""

from __future__ import annotations

from stream_app.core.events import ArtifactReady, CallEnded, IdentityLinked
from tests.providers.trying import Trying

CONNECT = Trying("connect")
FIRST, SECOND = "0c0c0c0c-1111-4222-8333-aaaaaaaaaaaa", "0c0c0c0c-1111-4222-8333-bbbbbbbbbbbb"


def test_a_contact_that_ended_says_when_and_how_long_it_was() -> None:
    ended = CONNECT.only(CONNECT.own("disconnected"))
    assert isinstance(ended, CallEnded)
    assert (ended.duration_ms, ended.ended_at - (ended.started_at or 0)) == (120_000, 120_000)
    assert ended.occurred_at == ended.ended_at
    never = CONNECT.only(CONNECT.own("disconnected-never-connected"))
    assert never.duration_ms == 31_000, "1970 stands for never: the call began when it was initiated"


def test_a_transfer_is_the_same_call_under_another_contact() -> None:
    (link,) = CONNECT.events(CONNECT.own("transferred"))
    assert isinstance(link, IdentityLinked)
    assert link.aliases == {"connectContactId": SECOND, "connectInitialContactId": FIRST}
    first = CONNECT.only(CONNECT.own("disconnected"))
    assert first.aliases["connectInitialContactId"] == FIRST, "the first of a chain is its own first"


def test_a_record_that_is_sent_again_with_more_is_another_report() -> None:
    once, again = CONNECT.only(CONNECT.own("record")), CONNECT.events(CONNECT.own("record-with-recordings"))
    assert once.event_id not in {event.event_id for event in again}
    ended, recording = again
    assert (ended.canonical_call_id, ended.agent_version, ended.queue) == ("call_demo_9", "refunds@4", "Refunds")
    assert ended.disconnect_reason == "CUSTOMER_DISCONNECT"
    assert isinstance(recording, ArtifactReady)
    assert recording.reference is not None
    assert recording.reference.redaction_state == "unredacted"
    assert recording.reference.uri.startswith("s3://drop/connect/demo/CallRecordings/")
    assert ended.occurred_at > once.occurred_at, "the later one speaks"


def test_without_its_time_a_record_is_named_by_its_content() -> None:
    record = CONNECT.own("record")
    del record["LastUpdateTimestamp"]
    assert CONNECT.events(record) == CONNECT.events(record)
    other = CONNECT.events(record | {"Attributes": {"more": "1"}})
    assert other[0].event_id != CONNECT.events(record)[0].event_id


def test_what_will_never_come_is_said_with_its_reason() -> None:
    _, deleted = CONNECT.events(CONNECT.own("record-recording-deleted"))
    assert (deleted.artifact, deleted.availability, deleted.reason) == (
        "recording", "never", "the recording was deleted: retention",
    )  # fmt: skip
    _, off = CONNECT.events(CONNECT.own("record-analytics-off"))
    assert (off.artifact, off.availability) == ("transcript", "never")
    assert len(CONNECT.events(CONNECT.own("record"))) == 1, "a recording that nobody speaks of may still come"


def test_the_worse_side_is_the_quality_of_the_line() -> None:
    ended = CONNECT.only(CONNECT.own("record-quality"))
    assert ended.measures.call_quality.mos == 2.5
