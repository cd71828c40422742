"""The eight reasons, one or more rows each: what makes them true, what does not, and what they require.

Adding a reason is one row in the policy and one row here.
"""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.events import Trigger
from stream_app.core.evidence import KIND_ORDER
from stream_app.core.orders import Item, SelectionReason
from stream_app.core.policy import PRIORITIES, REASONS, Policy
from stream_app.core.selection import facts_of, reasons_of, required_kinds
from stream_app.core.selection.samples import draw
from stream_app.policy_file import default_policy
from tests.evidence import artifact, call, evaluation, item, report, request, tool

POLICY = default_policy()
UNSAMPLED = "call-1"
"""Neither sample of the default policy draws this call, in the stratum of a call that says nothing of itself."""


def reasons(*items: Item, call_id: str = UNSAMPLED, policy: Policy = POLICY) -> list[str]:
    return [hit.row.reason for hit in reasons_of(policy, facts_of(call_id, items))]


def measured(**measures: Any) -> Item:
    return call(measures=measures)


def failed(name: str, severity: str | None = None) -> Item:
    return evaluation(assertions=[{"name": name, "passed": False, "severity": severity}])


WRITE: dict[str, Any] = {"name": "refund", "arguments": {"order": 1}, "sideEffect": {"kind": "write"}}

HITS: tuple[tuple[SelectionReason, tuple[Item, ...]], ...] = (
    ("customer_reported", (report(),)),
    ("customer_reported", (call(), report(reportedBy="support"))),
    ("failed_tool_call", (tool("t", status="failed"),)),
    ("failed_tool_call", (tool("t", status="timed_out"),)),
    ("failed_tool_call", (tool("t", status="invalid_result"),)),
    ("failed_tool_call", (tool("t1", **WRITE), tool("t2", **WRITE))),
    ("failed_tool_call", (tool("t1", key="t"), tool("t2", key="t", status="failed"))),
    ("unsafe_or_noncompliant", (evaluation(policyFlags=["missed_disclosure"]),)),
    ("unsafe_or_noncompliant", (failed("disclosure_given"),)),
    ("unsafe_or_noncompliant", (failed("no_data_leak", "low"),)),
    ("regression_candidate", (evaluation(label="task_failed"),)),
    ("regression_candidate", (evaluation(failureLabel="refund_not_issued"),)),
    ("regression_candidate", (failed("refund_confirmed", "high"),)),
    ("regression_candidate", (failed("refund_confirmed", "critical"),)),
    ("regression_candidate", (call(), request("failure_cluster"))),
    ("regression_candidate", (call(), request("escalation_spike"))),
    ("regression_candidate", (call(), request("promotion"))),
    ("low_confidence_turn", (measured(minAsrConfidence=0.59),)),
    ("low_confidence_turn", (measured(minIntentConfidence=0.49),)),
    ("latency_or_silence", (measured(maxSilenceMs=5001),)),
    ("latency_or_silence", (measured(p95ResponseMs=3001),)),
    ("latency_or_silence", (measured(interruptions=6),)),
    ("scheduled_sample", (call(), request("compliance_sample"))),
    ("scheduled_sample", (call(), request("manual"))),
    ("executive_report_sample", (call(), request("executive"))),
)

NO_HITS: tuple[tuple[Item, ...], ...] = (
    (),
    (call(),),
    (call(), tool("t"), evaluation(), artifact("recording"), item("trace-completed", "trace")),
    (tool("t1", **WRITE), tool("t2", **{**WRITE, "arguments": {"order": 2}})),
    (tool("t1", key="t", arguments={"a": 1}), tool("t2", key="t", arguments={"a": 2})),
    (evaluation(label="passed", score=0.0),),
    (failed("polite", "medium"),),
    (failed("polite"),),
    (evaluation(assertions=[{"name": "disclosure_given", "passed": True, "severity": "critical"}]),),
    (measured(minAsrConfidence=0.6, minIntentConfidence=0.5),),
    (measured(maxSilenceMs=5000, p95ResponseMs=3000, interruptions=5),),
    (call(expectedToolCalls=3, workflowAgent=True, channels=2),),
)


@pytest.mark.parametrize(("reason", "items"), HITS)
def test_each_reason_is_found_and_nothing_beside_it(reason: str, items: tuple[Item, ...]) -> None:
    assert reasons(*items) == [reason]


@pytest.mark.parametrize("items", NO_HITS)
def test_an_unremarkable_call_has_no_reason(items: tuple[Item, ...]) -> None:
    assert reasons(*items) == []


def test_every_reason_and_every_trigger_has_a_row_here() -> None:
    assert {reason for reason, _ in HITS} == set(REASONS)
    asked = {piece.event["trigger"] for _, items in HITS for piece in items if piece.kind == "selection"}
    assert asked == set(get_args(Trigger))


def test_the_highest_reason_comes_first() -> None:
    everything = [piece for _, items in HITS for piece in items if piece.kind != "call"]
    found = reasons_of(POLICY, facts_of(UNSAMPLED, [measured(minAsrConfidence=0.1, maxSilenceMs=9000), *everything]))
    assert [hit.row.reason for hit in found] == list(REASONS)
    priorities = [PRIORITIES.index(hit.row.priority) for hit in found]
    assert priorities == sorted(priorities)


def test_a_request_names_its_trigger() -> None:
    (hit,) = reasons_of(POLICY, facts_of(UNSAMPLED, [call(), request("promotion"), request("failure_cluster")]))
    assert (hit.row.reason, hit.trigger, hit.inclusion_probability) == ("regression_candidate", "failure_cluster", None)


def _sampled(reason: str, by: tuple[str, ...], rate: float, **stratum: str) -> str:
    full: dict[str, str | None] = {field: stratum.get(field) for field in by}
    seed = "scheduled-2026" if reason == "scheduled_sample" else "executive-2026"
    return next(f"call-{number}" for number in range(100_000) if draw(seed, reason, full, f"call-{number}") < rate)


def test_a_sampled_call_says_with_which_probability_and_of_which_stratum() -> None:
    drawn = _sampled("scheduled_sample", ("agentId", "queue", "language", "cohort"), 0.05, queue="billing")
    facts = facts_of(drawn, [call(queue="billing")])
    hit = reasons_of(POLICY, facts)[0]
    assert hit.row.reason == "scheduled_sample"
    assert (hit.inclusion_probability, hit.trigger) == (0.05, None)
    assert hit.stratum == {"agentId": None, "queue": "billing", "language": None, "cohort": None}
    # Asked for as well, it still is a member of the sample.
    asked = reasons_of(POLICY, facts_of(drawn, [call(queue="billing"), request("manual")]))[0]
    assert (asked.inclusion_probability, asked.trigger) == (0.05, "manual")


def test_the_executive_sample_is_drawn_by_queue() -> None:
    drawn = _sampled("executive_report_sample", ("queue",), 0.01, queue="sales")
    assert "executive_report_sample" in reasons(call(queue="sales"), call_id=drawn)


def test_a_call_whose_end_nobody_saw_is_in_no_sample() -> None:
    document = POLICY.to_dict()
    document["reasons"][6]["sample"]["rate"] = 1
    everybody = Policy.from_dict(document)
    assert reasons(call(), policy=everybody) == ["scheduled_sample"]
    assert reasons(tool("t"), evaluation(), policy=everybody) == []


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ((), "call transcript evaluation"),
        ((call(),), "call transcript evaluation"),
        ((call(workflowAgent=True),), "call transcript tools evaluation"),
        ((call(expectedToolCalls=0),), "call transcript evaluation"),
        ((call(expectedToolCalls=1),), "call transcript tools evaluation"),
        ((call(channels=1),), "call transcript recording evaluation"),
        ((call(channels=0),), "call transcript evaluation"),
        ((report(),), "call transcript trace evaluation"),
        ((tool("t", status="failed"),), "call transcript tools trace evaluation"),
        ((evaluation(policyFlags=["x"]),), "call transcript evaluation"),
        ((evaluation(label="task_failed"),), "call transcript trace evaluation"),
        ((measured(minAsrConfidence=0),), "call transcript evaluation"),
        ((measured(maxSilenceMs=9999),), "call transcript trace evaluation"),
        ((call(), request("manual")), "call transcript evaluation"),
    ],
)
def test_what_is_required(items: tuple[Item, ...], expected: str) -> None:
    facts = facts_of(UNSAMPLED, items)
    assert " ".join(required_kinds(POLICY, facts, reasons_of(POLICY, facts))) == expected


POOL: tuple[Item, ...] = tuple({piece.event_id + piece.digest: piece for _, items in HITS for piece in items}.values())


@given(st.lists(st.sampled_from(POOL), max_size=12), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_order_changes_nothing(items: list[Item], random: Any) -> None:
    shuffled = list(items)
    random.shuffle(shuffled)
    first, second = facts_of(UNSAMPLED, items), facts_of(UNSAMPLED, shuffled)
    assert reasons_of(POLICY, first) == reasons_of(POLICY, second)
    assert required_kinds(POLICY, first, reasons_of(POLICY, first)) == required_kinds(
        POLICY, second, reasons_of(POLICY, second)
    )


# Corrections replace (another call-ended, the same evaluation once more); everything else only adds.
GROWING: tuple[Item, ...] = (
    call(),
    tool("t", status="failed"), tool("u", key="t"), tool("w1", **WRITE), tool("w2", **WRITE),
    evaluation("e1", policyFlags=["x"]), evaluation("e2", label="task_failed"), evaluation("e3"),
    report(), request("manual"), request("executive"), request("promotion"),
)  # fmt: skip


@given(st.sets(st.sampled_from(range(len(GROWING)))), st.sampled_from(range(len(GROWING))))
@settings(deadline=None)
def test_more_evidence_never_takes_a_reason_or_a_requirement_away(chosen: set[int], further: int) -> None:
    before = facts_of(UNSAMPLED, [GROWING[index] for index in chosen])
    after = facts_of(UNSAMPLED, [GROWING[index] for index in chosen | {further}])
    old, new = reasons_of(POLICY, before), reasons_of(POLICY, after)
    assert {hit.row.reason for hit in old} <= {hit.row.reason for hit in new}
    assert set(required_kinds(POLICY, before, old)) <= set(required_kinds(POLICY, after, new))
    assert list(required_kinds(POLICY, after, new)) == sorted(required_kinds(POLICY, after, new), key=KIND_ORDER.index)
