"""One row for each plan and each reason. The conversations here are made by hand; samples are switched off."""

from __future__ import annotations

from typing import Any

import pytest

from stream_app import policy_file
from stream_app.core.policy import Policy
from stream_app.demo.conversations import Conversation, ToolUse, Verdict
from stream_app.demo.convert import ConvertedCall, Plan, convert
from stream_app.demo.ground_truth import Expected, expect


def policy(rate: float) -> Policy:
    """The default one with this rate for every sample."""
    default = policy_file.default_policy()
    rows = tuple(
        row.model_copy(update={"sample": row.sample and row.sample.model_copy(update={"rate": rate})})
        for row in default.reasons
    )
    return default.model_copy(update={"reasons": rows})


NO_SAMPLES, ALL_SAMPLED = policy(0.0), policy(1.0)
GOOD = ToolUse(id="t", name="look", args={"a": 1}, result={"b": 2})
BAD = ToolUse(id="t", name="look", is_error=True)
PASS, FAIL = Verdict(kind="judge", label="pass", score=0.9), Verdict(kind="judge", label="fail", score=0.1)


def told(number: int = 1, **fields: Any) -> Conversation:
    whole: dict[str, Any] = {"tool_calls": (GOOD,), "outcome": PASS, "duration_ms": 60_000}
    return Conversation(call_id=f"c-{number}", **{**whole, **fields})


def planned(plan: Plan, **fields: Any) -> ConvertedCall:
    """Some call that has this plan."""
    return next(call for number in range(9_000) if (call := convert(told(number, **fields), 1)).plan == plan)


def whole(**fields: Any) -> Expected:
    return expect(convert(told(**fields), 1, complete=True), NO_SAMPLES)


def test_a_good_call_with_everything_has_no_reason_and_no_packet() -> None:
    found = whole()
    assert (found.status, found.reasons, found.missing) == (None, frozenset(), frozenset())
    assert (found.times_out, found.parked, found.orphans, found.superseded) == (False, 0, frozenset(), False)


@pytest.mark.parametrize(
    ("fields", "reasons"),
    [
        ({"reported": True}, {"customer_reported"}),
        ({"tool_calls": (BAD,)}, {"failed_tool_call"}),
        ({"tool_calls": (ToolUse(id="t", name="look", status="timed_out"),)}, {"failed_tool_call"}),
        ({"tool_calls": (ToolUse(id="t", name="look", status="invalid_result"),)}, {"failed_tool_call"}),
        (
            {"tool_calls": tuple(ToolUse(id=i, name="pay", write=True, idempotency_key="k") for i in "ab")},
            {"failed_tool_call"},
        ),
        ({"tool_calls": tuple(ToolUse(id=i, name="pay", write=True, idempotency_key=i) for i in "ab")}, set()),
        ({"policy_flags": ("missed_disclosure",)}, {"unsafe_or_noncompliant"}),
        ({"outcome": FAIL}, {"regression_candidate"}),
        ({"measures": {"minAsrConfidence": 0.59}}, {"low_confidence_turn"}),
        ({"measures": {"minIntentConfidence": 0.49}}, {"low_confidence_turn"}),
        ({"measures": {"minAsrConfidence": 0.6, "minIntentConfidence": 0.5}}, set()),
        ({"measures": {"minAsrConfidence": None, "maxSilenceMs": None, "interruptions": None}}, set()),
        ({"measures": {"maxSilenceMs": 5_001}}, {"latency_or_silence"}),
        ({"measures": {"p95ResponseMs": 3_001}}, {"latency_or_silence"}),
        ({"measures": {"interruptions": 6}}, {"latency_or_silence"}),
        ({"measures": {"maxSilenceMs": 5_000, "p95ResponseMs": 3_000, "interruptions": 5}}, set()),
        ({"tool_calls": (BAD,), "outcome": FAIL}, {"failed_tool_call", "regression_candidate"}),
    ],
)
def test_each_reason_has_its_sign(fields: dict[str, Any], reasons: set[str]) -> None:
    found = whole(**fields)
    assert found.reasons == reasons
    assert found.status == ("complete" if reasons else None)


def test_a_sample_that_takes_all_takes_all_and_only_with_call_ended() -> None:
    assert expect(convert(told(), 1, complete=True), ALL_SAMPLED).reasons == {
        "scheduled_sample", "executive_report_sample",
    }  # fmt: skip
    assert expect(planned("no_call_ended_canonical"), ALL_SAMPLED).reasons == frozenset()


@pytest.mark.parametrize(
    ("plan", "missing", "times_out"),
    [
        ("no_evaluation", {("evaluation", "never_seen")}, True),
        ("no_tool", {("tools", "never_seen")}, True),
        ("no_recording", {("recording", "never_seen")}, True),
        ("never_recording", {("recording", "declared_never")}, False),
        ("no_transcript", {("transcript", "never_seen")}, True),
        ("transcript_lost", {("transcript", "fetch_failed")}, False),
        ("late_evaluation", set(), True),
    ],
)
def test_each_plan_leaves_its_gap(plan: Plan, missing: set[tuple[str, str]], times_out: bool) -> None:
    call = planned(plan, reported=True)
    found = expect(call, NO_SAMPLES)
    assert found.missing == missing
    assert found.status == ("incomplete" if missing else "complete")
    assert found.times_out == times_out
    assert found.superseded == (plan == "late_evaluation")


@pytest.mark.parametrize("plan", ["no_evaluation", "no_recording", "no_transcript"])
def test_a_gap_without_a_reason_times_out_and_nothing_leaves(plan: Plan) -> None:
    found = expect(planned(plan), NO_SAMPLES)
    assert (found.status, found.missing, found.times_out) == (None, frozenset(), True)


def test_late_evidence_that_brings_the_only_reason_makes_no_second_version() -> None:
    found = expect(planned("late_evaluation", outcome=FAIL), NO_SAMPLES)
    assert (found.status, found.reasons, found.superseded) == ("complete", {"regression_candidate"}, False)
    assert found.times_out


def test_a_call_that_nobody_identified_stays_parked_and_every_alias_that_evidence_waits_at_is_an_orphan() -> None:
    call = planned("no_call_ended_aliases", tool_calls=(BAD,))
    found = expect(call, ALL_SAMPLED)
    assert (found.status, found.reasons, found.times_out) == (None, frozenset(), False)
    assert found.parked == len(call.events) > 2
    known = {f"{scheme}:{value}/orphan/1" for scheme, value in call.aliases.items()}
    assert found.orphans
    assert found.orphans <= known


def test_evidence_without_call_ended_is_an_orphan_or_with_a_reason_a_packet_that_says_so() -> None:
    without = planned("no_call_ended_canonical")
    assert expect(without, NO_SAMPLES).orphans == {f"{without.call_id}/orphan/1"}
    found = expect(planned("no_call_ended_canonical", tool_calls=(BAD,)), NO_SAMPLES)
    assert (found.status, found.reasons, found.orphans) == ("incomplete", {"failed_tool_call"}, frozenset())
    assert ("call", "never_seen") in found.missing
    assert not found.times_out


@pytest.mark.parametrize(
    ("fields", "status", "may_block"),
    [
        ({"unproved": True, "language": "en-GB"}, "blocked", False),
        ({"unproved": True}, "blocked", False),
        ({"unproved": True, "language": "de"}, "complete", False),
        ({"unproved": False, "language": "en"}, "complete", False),
        ({"unproved": None, "language": "en"}, "complete", True),
        ({"unproved": None, "language": "fr"}, "complete", False),
    ],
)
def test_a_claim_without_proof_blocks_where_it_can_be_heard(
    fields: dict[str, Any], status: str, may_block: bool
) -> None:
    found = whole(reported=True, **fields)
    assert (found.status, found.may_block) == (status, may_block)


@pytest.mark.parametrize("plan", ["no_transcript", "no_tool"])
def test_a_claim_that_nobody_can_compare_does_not_block(plan: Plan) -> None:
    found = expect(planned(plan, reported=True, unproved=True), NO_SAMPLES)
    assert found.status == "incomplete"
