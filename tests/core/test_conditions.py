"""Conditions: every operator by table, absent facts, and mistakes that are told."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from stream_app.core.conditions import FACTS, Condition, FactName, Value
from stream_app.core.tool_findings import FINDINGS

ADAPTER: TypeAdapter[Any] = TypeAdapter(Condition)
VALUES: dict[str, Value] = {
    "queue": "billing",
    "workflowAgent": False,
    "maxSilenceMs": 5000,
    "minAsrConfidence": 0.6,
    "policyFlags": frozenset(),
    "toolFindings": frozenset({"failed", "timed_out"}),
}


def holds(condition: dict[str, Any], values: dict[str, Value] | None = None) -> bool:
    answer = ADAPTER.validate_python(condition).holds(VALUES if values is None else values)
    assert isinstance(answer, bool)
    return answer


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"fact": "queue", "is": "billing"}, True),
        ({"fact": "queue", "is": "sales"}, False),
        ({"fact": "queue", "in": ["sales", "billing"]}, True),
        ({"fact": "queue", "in": ["sales"]}, False),
        ({"fact": "queue", "present": True}, True),
        ({"fact": "workflowAgent", "is": False}, True),
        ({"fact": "workflowAgent", "is": True}, False),
        ({"fact": "workflowAgent", "present": True}, True),
        ({"fact": "maxSilenceMs", "is": 5000}, True),
        ({"fact": "maxSilenceMs", "in": [1, 5000]}, True),
        ({"fact": "maxSilenceMs", "above": 5000}, False),
        ({"fact": "maxSilenceMs", "above": 4999}, True),
        ({"fact": "maxSilenceMs", "atLeast": 5000}, True),
        ({"fact": "maxSilenceMs", "atLeast": 5001}, False),
        ({"fact": "minAsrConfidence", "below": 0.6}, False),
        ({"fact": "minAsrConfidence", "below": 0.61}, True),
        ({"fact": "minAsrConfidence", "atMost": 0.6}, True),
        ({"fact": "minAsrConfidence", "atMost": 0.59}, False),
        ({"fact": "toolFindings", "is": "failed"}, True),
        ({"fact": "toolFindings", "is": "invalid_result"}, False),
        ({"fact": "toolFindings", "in": ["invalid_result", "timed_out"]}, True),
        ({"fact": "toolFindings", "present": True}, True),
        ({"fact": "policyFlags", "present": True}, False),
        ({"any": [{"fact": "queue", "is": "sales"}, {"fact": "queue", "is": "billing"}]}, True),
        ({"any": [{"fact": "queue", "is": "sales"}]}, False),
        ({"all": [{"fact": "queue", "is": "sales"}, {"fact": "queue", "is": "billing"}]}, False),
        ({"all": [{"fact": "queue", "is": "billing"}, {"any": [{"fact": "maxSilenceMs", "above": 1}]}]}, True),
    ],
    ids=str,
)
def test_comparisons(condition: dict[str, Any], expected: bool) -> None:
    assert holds(condition) is expected


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_an_absent_fact_makes_every_comparison_false(fact: Any) -> None:
    operand: Any = {"flag": False, "number": 0}.get(fact.type, (fact.values or ("",))[0])
    conditions: list[dict[str, Any]] = [{"is": operand}, {"present": True}]
    if fact.type == "number":
        conditions += [{"above": -1}, {"atLeast": -1}, {"below": 10**9}, {"atMost": 10**9}, {"in": [0]}]
    for condition in conditions:
        assert holds({"fact": fact.name, **condition}, {}) is False


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"fact": "maxSilence", "above": 1}, "should be 'queue'"),
        ({"fact": "queue"}, "exactly one of .* none given"),
        ({"fact": "maxSilenceMs", "above": 1, "below": 3}, "exactly one of .* 2 given"),
        ({"fact": "queue", "above": 1}, "queue is a text: above does not apply"),
        ({"fact": "workflowAgent", "in": [True]}, "workflowAgent is a flag: in does not apply"),
        ({"fact": "workflowAgent", "is": 1}, "compared with true or false, not with 1"),
        ({"fact": "queue", "is": 3}, "compared with text"),
        ({"fact": "channels", "is": "2"}, "compared with a number"),
        ({"fact": "channels", "is": True}, "compared with a number"),
        ({"fact": "toolFindings", "in": ["failed", "timeout"]}, "toolFindings is never 'timeout'"),
        ({"fact": "triggers", "is": "boss"}, "triggers is never 'boss'; it knows compliance_sample"),
        ({"fact": "queue", "present": False}, "should be True"),
        ({"fact": "queue", "in": []}, "at least 1"),
        ({"fact": "queue", "equals": "x"}, "Extra inputs"),
        ({"any": []}, "at least 1"),
        ({"all": []}, "at least 1"),
        ({"any": [{"fact": "queue", "is": "a"}], "all": []}, "Extra inputs"),
        ("queue", "valid dictionary"),
    ],
    ids=str,
)
def test_mistakes_are_told(condition: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ADAPTER.validate_python(condition)


def test_only_what_is_said_is_written() -> None:
    for document in (
        {"fact": "workflowAgent", "is": False},
        {"any": [{"fact": "queue", "in": ["a"]}, {"all": [{"fact": "mos", "atMost": 3}]}]},
    ):
        assert ADAPTER.dump_python(ADAPTER.validate_python(document), mode="json") == document


def test_the_vocabulary_is_one() -> None:
    assert tuple(fact.name for fact in FACTS) == get_args(FactName)
    assert next(fact for fact in FACTS if fact.name == "toolFindings").values == FINDINGS


LEAVES = st.sampled_from(
    [
        {"fact": "toolFindings", "is": "failed"},
        {"fact": "policyFlags", "present": True},
        {"fact": "reported", "is": True},
        {"fact": "failedSeverities", "in": ["high", "critical"]},
    ]
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        lambda name, parts: {name: parts}, st.sampled_from(["any", "all"]), st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)
TEXTS = st.frozensets(st.sampled_from(["failed", "high", "low", "timed_out"]))


@given(TREES, st.dictionaries(st.sampled_from(["toolFindings", "policyFlags", "failedSeverities"]), TEXTS), TEXTS)
def test_more_evidence_never_makes_a_condition_false(
    tree: dict[str, Any], values: dict[str, Value], more: frozenset[str]
) -> None:
    before = holds(tree, values)
    grown: dict[str, Value] = {
        name: (old if isinstance(old := values.get(name), frozenset) else frozenset()) | more
        for name in ("toolFindings", "policyFlags", "failedSeverities")
    }
    assert holds(tree, {**grown, "reported": True}) or not before
