"""The public input events: the contract's examples pass, and each field refuses what it is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from stream_app.core.events import (
    EVENT_TYPES,
    CallEnded,
    EvaluationCompleted,
    Event,
    Reference,
    ReviewRecorded,
    ToolCall,
)
from tests import stories
from tests.examples import CONTRACT

MODELS: dict[str, type[Event]] = {model.TYPE: model for model in EVENT_TYPES}


@pytest.mark.parametrize("path", sorted(CONTRACT.glob("[1-6]-*.json")), ids=lambda path: path.stem)
def test_the_contracts_examples_are_events_and_lose_nothing(path: Any) -> None:
    document = json.loads(path.read_text())
    again = MODELS[document["type"]].from_dict(document).to_dict()
    for name, value in document.items():
        if isinstance(value, dict) and name not in ("aliases", "arguments", "result"):
            assert {key: again[name][key] for key in value if value[key] is not None} == {
                key: part if not isinstance(part, dict) else again[name][key]
                for key, part in value.items()
                if part is not None
            }
        elif not isinstance(value, list):
            assert again[name] == value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("eventId", ""), ("eventId", "x" * 257), ("eventId", "a\tb"), ("eventId", 7), ("source", ""),
        ("canonicalCallId", ""), ("canonicalCallId", 5), ("aliases", []), ("aliases", {"": "x"}),
        ("aliases", {"a b": "x"}),
        ("aliases", {"room": ""}), ("aliases", {"room": 5}), ("aliases", {f"s{n}": "v" for n in range(65)}),
        ("durationMs", True), ("durationMs", 1.5), ("durationMs", 2**53), ("channels", -1), ("workflowAgent", "yes"),
        ("workflowAgent", 1), ("expectedToolCalls", "2"), ("measures", {"minAsrConfidence": 1.1}),
        ("measures", {"minAsrConfidence": "0.5"}), ("transcript", {}), ("transcript", {"uri": "no-scheme"}),
        ("transcript", {"uri": "s3://a b"}), ("transcript", {"uri": "s3://a", "sha256": "AB"}),
        ("transcript", {"uri": "s3://a", "redactionState": "maybe"}), ("endedAt", None), ("endedAt", 1_780_512_000_000),
    ],
)  # fmt: skip
def test_a_wrong_field_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        CallEnded.from_dict({**stories.call_ended(), field: value})
    assert caught.value.errors()[0]["loc"][0] == field


REFUSED: tuple[tuple[dict[str, Any], str, tuple[Any, ...]], ...] = (
    (stories.tool(), "toolCallId", ("", 7, "x" * 257, None)),
    (stories.tool(), "occurrence", (0, -1, True, "1", 1.5)),
    (stories.tool(), "sequence", (-1, True, "1", 2**53)),
    (stories.tool(), "name", ("", None, 5, "x" * 513)),
    (stories.tool(), "status", ("ok", None, True, "SUCCEEDED")),
    (stories.tool(), "error", (5, ["x"])),
    (stories.tool(), "latencyMs", (-1, True, "20", 0.5, 2**53)),
    (stories.tool(), "retries", (-1, True, "0", None)),
    (stories.tool(), "sideEffect", ("write", {}, {"kind": "delete"}, {"kind": "write", "proof": 5})),
    (stories.evaluation(), "evaluationId", ("", None, 5)),
    (stories.evaluation(), "score", (True, "0.5", [1])),
    (stories.evaluation(), "assertions", ("x", [{}], [{"name": "a", "passed": 1}], [{"name": "", "passed": True}])),
    (stories.evaluation(), "policyFlags", ("x", [5], [""])),
    (stories.artifact("log"), "artifact", ("video", None)),
    (stories.artifact("log"), "availability", ("soon", None, True)),
    (stories.artifact("log"), "reference", ("s3://a/b", {"uri": "s3://a", "sizeBytes": True})),
    (stories.artifact("log"), "reference", ({"uri": "s3://a", "channels": 0}, {"sizeBytes": 1})),
    (stories.trace(), "keySpans", ({}, [{"name": "asr"}], [{"name": "asr", "count": True}])),
    (stories.trace(), "keySpans", ([{"name": "a", "count": 1}] * 257, [{"name": "", "count": 1}])),
    (stories.event("call-reported", "r"), "reportedBy", ("robot", None)),
    (stories.event("call-reported", "r"), "around", (1_780_512_000_000, "yesterday")),
    (stories.event("selection-requested", "s", trigger="manual"), "trigger", ("mood", None, ["manual"])),
    (stories.trace(), "schemaVersion", (2, "1", None)),
    (stories.trace(), "type", ("call-ended", None)),
)  # fmt: skip
REFUSALS = [
    pytest.param(document, field, value, id=f"{document['type']}-{field}-{row}.{number}")
    for row, (document, field, values) in enumerate(REFUSED)
    for number, value in enumerate(values)
]


@pytest.mark.parametrize(("document", "field", "value"), REFUSALS)
def test_each_kind_of_event_refuses_what_a_field_is_not(document: dict[str, Any], field: str, value: Any) -> None:
    model = MODELS[document["type"]]
    model.from_dict(document)
    with pytest.raises(ValidationError) as caught:
        model.from_dict({**document, field: value})
    assert caught.value.errors()[0]["loc"][0] == field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("manifestHash", "0" * 64), ("manifestHash", "sha256:" + "0" * 63), ("manifestHash", "sha256:" + "A" * 64),
        ("version", 0), ("version", True), ("version", "1"), ("outcome", "fine"), ("reviewer", ""),
    ],
)  # fmt: skip
def test_a_review_is_bound_to_a_whole_hash_and_a_version(field: str, value: Any) -> None:
    document = stories.event(
        "review-recorded", "r", manifestHash="sha256:" + "0" * 64, version=1, reviewer="qa", outcome="bug"
    )
    assert ReviewRecorded.from_dict(document).outcome == "bug"
    with pytest.raises(ValidationError) as caught:
        ReviewRecorded.from_dict({**document, field: value})
    assert caught.value.errors()[0]["loc"] == (field,)


def test_unknown_fields_are_dropped_and_do_not_fail() -> None:
    event = CallEnded.from_dict({**stories.call_ended(), "phoneNumber": "+1 555 0100", "measures": {"later": 1}})
    assert "555" not in str(event.to_dict())


def test_zero_is_a_score_and_absence_is_not() -> None:
    assert EvaluationCompleted.from_dict(stories.evaluation(score=0)).score == 0.0
    assert EvaluationCompleted.from_dict(stories.evaluation(score=None)).score is None


def test_a_tool_call_may_carry_any_json() -> None:
    payloads: tuple[Any, ...] = (None, [], {}, "text", 2**80, {"deep": [{"er": None}]})
    for payload in payloads:
        assert ToolCall.from_dict(stories.tool(arguments=payload, result=payload)).arguments == payload


def test_redaction_is_unknown_unless_stated() -> None:
    assert Reference(uri="s3://a/b").redaction_state == "unknown"


def test_events_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(CallEnded.from_dict(stories.call_ended()), "event_id", "other")  # noqa: B010
