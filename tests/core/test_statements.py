"""What the join reads of events: the fields of the models, each as the model has it."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest

from stream_app.core.events import EVENT_TYPES
from stream_app.core.evidence_records import TYPES
from stream_app.core.orders import Item
from stream_app.core.statements import (
    CallStated,
    DisputeStated,
    EvaluationStated,
    MergeStated,
    SettledStated,
    Statement,
    ToolStated,
    decode_statement,
    statement_of,
)
from stream_app.core.wire import write_json
from tests import evidence

ITEMS: tuple[Item, ...] = (
    evidence.call(
        queue="billing", agentId="a", agentVersion="a@1", language="en", cohort="c", region="eu", channels=2,
        durationMs=5, expectedToolCalls=2, toolsFinal=True, workflowAgent=True, disconnectReason="hangup", traceId="t",
        aliases={"twilioCallSid": "CA1"}, transcript={"uri": "s3://a/b"},
        measures={"minAsrConfidence": 0.5, "interruptions": 3, "callQuality": {"mos": 4, "jitterMs": 1.5}},
    ),
    evidence.tool("t", occurrence=2, sequence=7, status="failed", sideEffect={"kind": "write"}, arguments={"a": 1}),
    evidence.evaluation(
        score=0.0, label="x", failureLabel="y", policyFlags=["p"],
        assertions=[{"name": "n", "passed": False, "severity": "high"}, {"name": "m", "passed": True}],
    ),
    evidence.artifact("recording", never=True),
    evidence.artifact("transcript"),
    evidence.item("trace-completed", "trace", traceId="t"),
    evidence.report(reportedBy="support"),
    evidence.request("manual"),
    evidence.item("identity-linked", "link", aliases={"room": "r"}),
)  # fmt: skip


def of(number: int) -> Statement:
    return ITEMS[number].statement


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.event_id)
def test_document_and_bytes_state_the_same(item: Item) -> None:
    assert decode_statement(write_json(item.event)) == statement_of(item.event) == item.statement
    assert TYPES[type(item.statement)] == item.event["type"]


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.event_id)
def test_every_field_is_the_documents(item: Item) -> None:
    def check(stated: Any, document: dict[str, Any]) -> None:
        for field in msgspec.structs.fields(stated):
            value, there = getattr(stated, field.name), document.get(field.encode_name)
            if isinstance(value, msgspec.Struct):
                check(value, there or {})
            elif isinstance(value, tuple) and value and isinstance(value[0], msgspec.Struct):
                for one, other in zip(value, there or (), strict=True):
                    check(one, other)
            elif there is not None:
                assert value == (tuple(there) if isinstance(there, list) else there)
            else:
                assert not value or field.default == value

    check(item.statement, item.event)


def test_every_event_type_has_a_statement_and_its_fields_are_the_models() -> None:
    models = {model.TYPE: model for model in EVENT_TYPES}
    ours = {DisputeStated, SettledStated, MergeStated}  # Of notices, which no producer sends.
    assert {TYPES[stated] for stated in get_args(Statement)} == {*models, *(TYPES[stated] for stated in ours)}
    for stated in {*get_args(Statement)} - ours:
        names = {field.name for field in msgspec.structs.fields(stated)}
        assert names <= set(models[TYPES[stated]].model_fields)


def test_a_zero_is_a_value_and_what_nobody_said_is_absent() -> None:
    judged, bare = of(2), evidence.evaluation().statement
    assert isinstance(judged, EvaluationStated)
    assert isinstance(bare, EvaluationStated)
    assert (judged.score, bare.score, bare.assertions) == (0.0, None, ())
    called, tool = evidence.call().statement, of(1)
    assert isinstance(called, CallStated)
    assert isinstance(tool, ToolStated)
    assert (called.expected_tool_calls, called.transcript, tool.occurrence) == (None, None, 2)


@pytest.mark.parametrize(
    "document",
    [b"{}", b"[]", b'{"type":"telex"}', b'{"type":"tool-call","eventId":"e","occurredAt":"x","source":"s"}', b"{"],
)
def test_what_states_nothing_is_refused(document: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_statement(document)
