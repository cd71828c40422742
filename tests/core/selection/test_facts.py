"""Facts: what each piece of evidence contributes, which piece speaks, and that order never matters."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.conditions import FACTS
from stream_app.core.evidence import Kind
from stream_app.core.orders import Item
from stream_app.core.selection import facts_of
from tests.evidence import artifact, call, evaluation, item, report, request, tool

MEASURES = {
    "minAsrConfidence": 0.81, "minIntentConfidence": 0.72, "maxSilenceMs": 2100, "p95ResponseMs": 1400,
    "interruptions": 0, "callQuality": {"mos": 4.1, "packetLossPct": 0.3, "jitterMs": 7.5},
}  # fmt: skip
WHOLE: tuple[Item, ...] = (
    call(
        agentId="billing-agent", agentVersion="b@2", workflowAgent=True, queue="billing", language="en",
        cohort="june", region="eu", durationMs=199_000, disconnectReason="caller_hangup", channels=2,
        expectedToolCalls=1, toolsFinal=True, traceId="t1", measures=MEASURES,
    ),
    tool("t", status="timed_out"),
    evaluation(
        label="task_failed", score=0.42, failureLabel="no_refund", policyFlags=["disclosure"],
        assertions=[
            {"name": "refunded", "passed": False, "severity": "high"},
            {"name": "polite", "passed": True, "severity": "low"},
        ],
    ),
    report(reportedBy="support"),
    request("manual"),
)  # fmt: skip


def test_every_fact_has_a_source() -> None:
    values = facts_of("call-1", WHOLE).values
    assert values == {
        "agentId": "billing-agent", "agentVersion": "b@2", "workflowAgent": True, "queue": "billing",
        "language": "en", "cohort": "june", "region": "eu", "durationMs": 199_000,
        "disconnectReason": "caller_hangup", "channels": 2, "expectedToolCalls": 1, "toolsFinal": True,
        "traceId": "t1", "minAsrConfidence": 0.81, "minIntentConfidence": 0.72, "maxSilenceMs": 2100,
        "p95ResponseMs": 1400, "interruptions": 0, "mos": 4.1, "packetLossPct": 0.3, "jitterMs": 7.5,
        "evaluationLabels": frozenset({"task_failed"}), "evaluationScore": 0.42,
        "failureLabels": frozenset({"no_refund"}), "failedAssertions": frozenset({"refunded"}),
        "failedSeverities": frozenset({"high"}), "policyFlags": frozenset({"disclosure"}), "toolCalls": 1,
        "toolFindings": frozenset({"timed_out"}), "reported": True, "reportedBy": frozenset({"support"}),
        "triggers": frozenset({"manual"}),
    }  # fmt: skip
    assert set(values) == {fact.name for fact in FACTS}


def test_facts_have_the_type_that_the_vocabulary_says() -> None:
    types: dict[str, tuple[type, ...]] = {
        "flag": (bool,), "number": (int, float), "text": (str,), "texts": (frozenset,),
    }  # fmt: skip
    values = facts_of("call-1", WHOLE).values
    for fact in FACTS:
        assert isinstance(values[fact.name], types[fact.type]), fact.name


def test_what_nobody_said_is_absent() -> None:
    assert {name for name, value in facts_of("call-1", ()).values.items() if value} == set()
    values = facts_of("call-1", [call()]).values
    assert "channels" not in values
    assert "reported" not in values
    assert values["workflowAgent"] is False


def test_the_latest_call_ended_speaks_and_a_tie_goes_to_the_higher_event_id() -> None:
    old, new, tie = call("z", at=0, queue="a"), call("a", at=1, queue="b"), call("b", at=1, queue="c")
    assert facts_of("call-1", [new, old]).values["queue"] == "b"
    speaks = facts_of("call-1", [tie, new, old]).primary("call")
    assert speaks is not None
    assert (speaks.event_id, speaks.event["queue"]) == ("b", "c")


def test_a_correction_does_not_take_back_that_there_was_a_reason_to_look() -> None:
    first = evaluation("e1", at=0, evaluationId="ev", label="task_failed", failureLabel="x", policyFlags=["leak"])
    corrected = evaluation("e2", at=1, evaluationId="ev", label="passed")
    other = evaluation("e3", at=2, evaluationId="other", label="passed")
    assert facts_of("call-1", [first, other]).values["evaluationLabels"] == frozenset({"task_failed", "passed"})
    assert facts_of("call-1", [first, other]).values["policyFlags"] == frozenset({"leak"})
    repaired = facts_of("call-1", [other, corrected, first])
    assert repaired.values["evaluationLabels"] == frozenset({"passed", "task_failed"})
    assert repaired.values["policyFlags"] == frozenset({"leak"})
    assert repaired.primary("evaluation") == other


def test_the_lowest_score_counts() -> None:
    scores = [evaluation("e1", score=0.9), evaluation("e2", score=0), evaluation("e3")]
    assert facts_of("call-1", scores).values["evaluationScore"] == 0


def test_a_failed_assertion_without_severity_has_a_name_only() -> None:
    values = facts_of("call-1", [evaluation(assertions=[{"name": "polite", "passed": False}])]).values
    assert (values["failedAssertions"], values["failedSeverities"]) == (frozenset({"polite"}), frozenset())


def test_the_trace_of_a_call_without_call_ended() -> None:
    assert facts_of("call-1", [item("trace-completed", "t", traceId="t9")]).values["traceId"] == "t9"


@pytest.mark.parametrize(
    ("items", "kind", "primary", "uri"),
    [
        ([call(transcript={"uri": "s3://b/c"})], "transcript", None, "s3://b/c"),
        ([call(transcript={"uri": "s3://b/c"}), artifact("transcript", "a")], "transcript", "a", "s3://provider-drop/transcript"),
        ([call(recording={"uri": "s3://b/r"}), artifact("recording", "n", never=True)], "recording", "n", "s3://b/r"),
        ([artifact("recording", "n", at=9, never=True), artifact("recording", "r")], "recording", "r", "s3://provider-drop/recording"),
        ([artifact("recording", "n", never=True)], "recording", "n", None),
        ([artifact("log", "l", at=1), artifact("pcap", "p", at=2)], "log", "p", "s3://provider-drop/pcap"),
        ([call()], "log", None, None),
        ([], "transcript", None, None),
    ],
)  # fmt: skip
def test_artifacts(items: list[Item], kind: Kind, primary: str | None, uri: str | None) -> None:
    for order in (items, items[::-1]):
        facts = facts_of("call-1", order)
        speaker = facts.primary(kind)
        assert (speaker.event_id if speaker else None) == primary
        reference = facts.reference(kind)
        assert (reference["uri"] if reference else None) == uri


POOL: tuple[Item, ...] = (
    *WHOLE,
    call("call2", at=1, queue="sales"),
    call("call", at=0, queue="conflict"),  # One event ID with other content: a conflict has one answer in every order.
    tool("u", key="t", at=3),
    tool("v", at=3, status="failed"),
    evaluation("eval2", at=1, evaluationId="eval", label="passed"),
    evaluation("eval3", at=1, score=0.1, policyFlags=["leak"]),
    artifact("recording", at=2),
    artifact("recording", never=True, at=3),
    request("executive"),
)


@given(st.lists(st.sampled_from(POOL), max_size=20), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_order_and_repeats_change_nothing(items: list[Item], random: Any) -> None:
    shuffled = [*items, *items[::2]]
    random.shuffle(shuffled)
    expected, seen = facts_of("call-1", items), facts_of("call-1", shuffled)
    assert seen.values == expected.values
    assert seen.primaries == expected.primaries
    assert [(merged.key, merged.findings) for merged in seen.tools] == [
        (merged.key, merged.findings) for merged in expected.tools
    ]
