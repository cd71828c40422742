"""What the join reads from `evidence`: every record that the models write, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream_app.core.calls import BITS
from stream_app.core.evidence import ClockRecord, EventRecord, PolicyActivated, kind_of
from stream_app.core.evidence_records import Activation, Clock, Heard, RecordError, read_record
from stream_app.policy_file import default_policy
from tests import evidence
from tests.evidence import START_MS

ITEMS = (
    evidence.call(transcript={"uri": "s3://a/b"}, traceId="t"),
    evidence.tool("t", arguments={"ü": 1e16, "b": [1, {}]}, status="failed"),
    evidence.artifact("recording"),
    evidence.artifact("pcap", never=True),
    evidence.item("trace-completed", "trace", traceId="t"),
    evidence.evaluation(score=1, assertions=[{"name": 'quo"te', "passed": False}]),
    evidence.report(),
    evidence.request("manual"),
    evidence.item("identity-linked", "link", aliases={"room": "r"}),
)


def written(item: Any, call_id: str = "call/1 ü") -> EventRecord:
    return EventRecord(
        canonical_call_id=call_id,
        position=item.position,
        received_at=item.received_at + 7,
        digest=item.digest,
        event=item.event,
        traceparent="00-a-b-01",
    )


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.event_id)
def test_an_event_is_read_as_it_was_written(item: Any) -> None:
    read = read_record(written(item).to_bytes())
    assert isinstance(read, Heard)
    piece = read.piece
    assert (read.call_id, read.type, piece.kind) == ("call/1 ü", item.event["type"], kind_of(item.event))
    assert (piece.event_id, piece.digest, piece.traceparent) == (item.event_id, item.digest, "00-a-b-01")
    assert (piece.received_at, piece.occurred_at) == (item.received_at + 7, item.occurred_at)
    assert piece.position.key() == item.position.key()
    assert piece.event == item.event
    assert piece.body in written(item).to_bytes(), "the very bytes"
    assert read.ended_at == (START_MS if piece.kind == "call" else None)


def test_a_call_ended_may_be_more_than_its_kind() -> None:
    bare, full = (read_record(written(one).to_bytes()) for one in (evidence.call(), ITEMS[0]))
    assert isinstance(bare, Heard)
    assert isinstance(full, Heard)
    assert bare.piece.bits == BITS["call"] | BITS["tools"]
    assert full.piece.bits == bare.piece.bits | BITS["transcript"]


def test_clocks_and_policies_are_read() -> None:
    clock = ClockRecord(via=2, worker="w", read_up_to={"t/0": 5}, sources={"t": 1}, vias=3)
    read = read_record(clock.to_bytes())
    assert isinstance(read, Clock)
    assert (read.via, read.read_up_to, read.sources, read.vias) == (2, {"t/0": 5}, {"t": 1}, 3)
    policy = default_policy()
    activation = read_record(PolicyActivated(sha256=policy.sha256, policy=policy.to_dict()).to_bytes())
    assert isinstance(activation, Activation)
    assert (activation.sha256, activation.policy) == (policy.sha256, policy.to_dict())


def changed(**fields: Any) -> bytes:
    document = json.loads(written(ITEMS[0]).to_bytes())
    for name, value in fields.items():
        place = document if name in document else document["event"]
        if value is None:
            del place[name]
        else:
            place[name] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "value",
    [
        None, b"", b"\x00junk", b"[]", b"{}", b"null", b"[" * 5000, b'{"record":"event"}', b'{"record":"other"}',
        changed(canonicalCallId=""), changed(canonicalCallId="a\nb"), changed(canonicalCallId="x" * 257),
        changed(digest="short"), changed(position={"topic": "t", "partition": 0}), changed(receivedAt=5),
        changed(receivedAt="yesterday"), changed(event=[]), changed(eventId=None), changed(type="telex"),
        changed(occurredAt=None), changed(occurredAt="2026-06-03T18:42:31"), changed(endedAt=None),
        changed(endedAt="soon"), changed(source=None), changed(type="artifact-ready"),
        ClockRecord(worker="w", read_up_to={}, sources={}, vias=0).to_bytes(),
        b'{"record":"clock","worker":"w","readUpTo":{"t/0":"x"},"sources":{},"vias":1}',
        b'{"record":"policy-activated","sha256":"x","policy":{}}',
        written(ITEMS[0]).to_bytes()[:-9], written(ITEMS[0]).to_bytes() + b"{}", b"\xff" + written(ITEMS[0]).to_bytes(),
    ],
)  # fmt: skip
def test_what_is_none_of_them_is_refused(value: bytes | None) -> None:
    with pytest.raises(RecordError):
        read_record(value)


def test_what_the_checks_start_from_is_fine() -> None:
    assert isinstance(read_record(changed()), Heard)
