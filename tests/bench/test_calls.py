"""What is fed in is what the product's models write, and its truth is known."""

from __future__ import annotations

from collections import Counter

import pytest
from pydantic import TypeAdapter

from bench.calls import CALL_ID_LENGTH, PIECES, Feed, call_id, event_ids
from stream_app.core.evidence import EventRecord, EvidenceRecord
from stream_app.pipeline.intake import Intake
from stream_app.pipeline.ports import Incoming

RECORDS: TypeAdapter[EvidenceRecord] = TypeAdapter(EvidenceRecord)


def test_evidence_is_byte_for_byte_what_the_model_writes() -> None:
    records = Feed().call(call_id("aa", 12))
    for record in records:
        read = RECORDS.validate_json(record.value)
        assert isinstance(read, EventRecord)
        assert read.to_bytes() == record.value
        assert (read.canonical_call_id, read.event["eventId"]) == (record.call, record.event_id)
    assert [record.event_id for record in records] == list(event_ids(call_id("aa", 12)))
    assert 500 < sum(len(record.value) for record in records) / len(records) < 2000


def test_every_record_has_a_source_position_of_its_own_also_a_repeat() -> None:
    feed = Feed()
    first, again = (RECORDS.validate_json(feed.record(call_id("aa", 1), "call").value) for _ in range(2))
    assert isinstance(first, EventRecord)
    assert isinstance(again, EventRecord)
    assert first.position != again.position
    assert (first.digest, first.event) == (again.digest, again.event)


def test_intake_accepts_every_input_event() -> None:
    for offset, record in enumerate(Feed("input").call(call_id("aa", 3), at_ms=1_780_512_345_678)):
        effects = Intake(1 << 20).handle(Incoming(record.topic, 0, offset, 1_780_512_345_678, record.key, record.value))
        assert {sent.topic for sent in effects.sends} <= {"identity", "evidence"}
        assert effects.sends


def test_a_backlog_is_seeded_and_shuffled() -> None:
    one, same, other = (Feed().backlog("aa", 300, seed=seed) for seed in (1, 1, 2))
    assert one.records == same.records
    assert one.records != other.records
    assert [record.call for record in one.records] != sorted(record.call for record in one.records)
    assert all(len(record.call) == CALL_ID_LENGTH for record in one.records)


def test_a_backlog_holds_what_its_truth_says() -> None:
    backlog = Feed().backlog("aa", 2000)
    sent: dict[str, Counter[str]] = {}
    for record in backlog.records:
        sent.setdefault(record.call, Counter())[record.event_id] += 1
    assert len(sent) == 2000
    for call, events in sent.items():
        assert (len(events) == len(PIECES)) == (call in backlog.complete)
        assert len(events) >= len(PIECES) - 1
        if call in backlog.complete:
            assert set(events) == backlog.complete[call]
    assert 0.08 < 1 - len(backlog.complete) / 2000 < 0.12
    repeated = sum(count - 1 for events in sent.values() for count in events.values())
    assert 0.04 < repeated / len(backlog.records) < 0.06


@pytest.mark.parametrize(("repeated", "short"), [(0.0, 0.0), (1.0, 0.0)])
def test_shares_are_kept(repeated: float, short: float) -> None:
    backlog = Feed().backlog("aa", 50, repeated=repeated, short=short)
    assert len(backlog.records) == 50 * len(PIECES) * (2 if repeated else 1)
    assert len(backlog.complete) == 50
