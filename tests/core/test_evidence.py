"""What travels behind intake: reduced events, whose payloads are gone and whose digests tell contents apart."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from stream_app.core.events import EVENT_TYPES, ArtifactReady, ToolCall
from stream_app.core.evidence import (
    KIND_ORDER,
    AcceptedEvent,
    ClockRecord,
    EventRecord,
    EvidenceRecord,
    PolicyActivated,
    Position,
    event_digest,
    kind_of,
    reduce_event,
)
from stream_app.core.wire import MAX_DEPTH, digest_of, read_json
from tests import stories

MODELS = {model.TYPE: model for model in EVENT_TYPES}
MARK = "4929-1234-0000-9999"


@given(
    payload=st.recursive(
        st.just(MARK) | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.just(MARK), inner),
        max_leaves=6,
    )
)
def test_no_payload_survives_the_reduction(payload: Any) -> None:
    event = ToolCall.from_dict(stories.tool(arguments=payload, result=payload, error=f"failed for {MARK}"))
    assert MARK not in json.dumps(reduce_event(event))


def test_what_the_reduction_keeps_of_a_tool_call() -> None:
    reduced = reduce_event(ToolCall.from_dict(stories.tool(arguments={"orderId": "A"}, result={"ok": True}, error="x")))
    assert reduced["argumentSummary"] == "orderId: string"
    assert reduced["resultSummary"] == "ok: true"
    assert reduced["error"] == "present"
    assert len(reduced["argumentsSha256"]) == 64


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_a_payload_as_deep_as_can_be_read_can_be_reduced(opening: str, closing: str) -> None:
    payload = opening * (MAX_DEPTH - 1) + "1" + closing * (MAX_DEPTH - 1)
    record = json.dumps(stories.tool(arguments="HERE", result="HERE")).replace('"HERE"', payload)
    event = ToolCall.from_dict(read_json(record.encode()))
    assert reduce_event(event)["argumentsSha256"] == digest_of(json.loads(payload))
    assert len(event_digest(event)) == 64


def test_fields_that_say_nothing_do_not_travel() -> None:
    for document in (stories.call_ended(queue=None, recording=None), stories.evaluation(score=None)):
        reduced = reduce_event(MODELS[document["type"]].from_dict(document))
        assert [name for name, value in reduced.items() if value is None] == []
        assert not {"queue", "recording", "score"} & set(reduced)


def test_digests_tell_contents_apart_and_not_the_order_of_keys() -> None:
    def digest(arguments: Any) -> str:
        return event_digest(ToolCall.from_dict(stories.tool(arguments=arguments)))

    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_every_event_type_has_a_kind() -> None:
    for model in EVENT_TYPES:
        document = {"type": model.TYPE, "artifact": "transcript"}
        assert kind_of(document) in KIND_ORDER
    for artifact, kind in (("recording", "recording"), ("pcap", "log")):
        event = ArtifactReady.from_dict({**stories.artifact("log"), "artifact": artifact})
        assert kind_of(reduce_event(event)) == kind


def test_records_are_told_apart_when_read_back() -> None:
    adapter: TypeAdapter[EvidenceRecord] = TypeAdapter(EvidenceRecord)
    accepted = AcceptedEvent(
        position=Position(topic="t", partition=1, offset=2), received_at=0, digest="0" * 64, event={"type": "x"}
    )
    for record in (
        accepted.resolved("call-1"),
        ClockRecord(worker="w", read_up_to={"t/0": 5}, sources={"t": 1}, vias=2),
        PolicyActivated(sha256="0" * 64, policy={}),
    ):
        assert adapter.validate_python(json.loads(record.to_bytes())) == record
    assert isinstance(accepted.resolved("call-1"), EventRecord)
    assert accepted.position.key() == "t/1/2"
