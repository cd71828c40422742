"""The policy's shape: what ships, round trips, digests, scaled time, and every rule between fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from stream_app.core.durations import parse_duration
from stream_app.core.evidence import KIND_ORDER
from stream_app.core.policy import REASONS, TRIGGERS, Policy
from stream_app.core.wire import digest_of, read_json
from stream_app.policy_file import default_policy

Change = Callable[[dict[str, Any]], object]


def changed(change: Change) -> dict[str, Any]:
    document = default_policy().to_dict()
    change(document)
    return document


def test_the_policy_that_ships() -> None:
    policy = default_policy()
    timing = policy.timing
    assert (timing.deadline, timing.soft, timing.tool_settle) == (900_000, (60_000,), 30_000)
    assert (timing.reason_grace, timing.settling) == (300_000, 10_000)
    assert (timing.retention, timing.late_horizon) == (86_400_000, 3 * 86_400_000)
    assert (timing.orphan, timing.max_hold, timing.seal_budget) == (900_000, 600_000, 600_000)
    assert (timing.skew_ahead, timing.skew_behind) == (60_000, 600_000)
    assert policy.evidence.required == ("call", "transcript", "evaluation")
    assert [row.kind for row in policy.evidence.conditional] == ["tools", "recording"]
    rows = [(row.reason, row.priority, row.reviewers) for row in policy.reasons]
    assert rows == [
        ("customer_reported", "highest", ("engineering", "support")),
        ("failed_tool_call", "highest", ("engineering",)),
        ("unsafe_or_noncompliant", "highest", ("compliance", "qa")),
        ("regression_candidate", "high", ("engineering", "qa")),
        ("low_confidence_turn", "medium", ("qa",)),
        ("latency_or_silence", "medium", ("engineering",)),
        ("scheduled_sample", "medium", ("qa",)),
        ("executive_report_sample", "low", ("ops_leadership",)),
    ]
    outcomes = ("no_issue", "bug", "promote_to_regression", "needs_compliance_review")
    for row in policy.reasons:
        assert row.owner == row.reviewers[0]
        assert row.allowed_outcomes == outcomes
        # Engineering cannot work without a trace.
        assert ("trace" in row.requires) == ("engineering" in row.reviewers)


def test_it_reads_back_from_what_it_writes() -> None:
    policy = default_policy()
    again = Policy.from_dict(read_json(policy.to_bytes()))
    assert again == policy
    assert again.sha256 == policy.sha256 == digest_of(policy.to_dict())


def test_any_change_changes_the_digest() -> None:
    policy = default_policy()
    other = Policy.from_dict(changed(lambda policy: policy["reasons"][4].update(sla="8d")))
    assert other.sha256 != policy.sha256
    assert policy.model_copy(update={"version": "other"}).sha256 != policy.sha256


def test_a_row_by_its_reason() -> None:
    for reason in REASONS:
        assert default_policy().row(reason).reason == reason
    with pytest.raises(KeyError):
        default_policy().row("boredom")


def test_scaled_time() -> None:
    policy = default_policy()
    fast = policy.scaled(50)
    assert (fast.timing.deadline, fast.timing.soft, fast.timing.retention) == (18_000, (1200,), 1_728_000)
    assert fast.version == "2026-06-01+50x"
    assert fast.sha256 != policy.sha256
    assert (fast.reasons, fast.evidence, fast.triggers) == (policy.reasons, policy.evidence, policy.triggers)
    assert Policy.from_dict(fast.to_dict()) == fast
    assert Policy.from_dict(policy.scaled(7).to_dict()) == policy.scaled(7)
    assert policy.scaled(1) == policy
    assert policy.scaled(0.5).timing.deadline == parse_duration("30m")


@pytest.mark.parametrize(
    ("speed", "message"), [(0, "above 0"), (-1, "above 0"), (float("nan"), "above 0"), (1e9, "longer than 0")]
)
def test_a_speed_that_leaves_no_time_is_refused(speed: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        default_policy().scaled(speed)


def timing(**fields: Any) -> Change:
    return lambda policy: policy["timing"].update(fields)


def evidence(**fields: Any) -> Change:
    return lambda policy: policy["evidence"].update(fields)


def row(index: int, **fields: Any) -> Change:
    return lambda policy: policy["reasons"][index].update(fields)


def sample(**fields: Any) -> Change:
    return lambda policy: policy["reasons"][6]["sample"].update(fields)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (timing(deadline="0s"), "deadline: must be longer than 0"),
        (timing(soft=["15m"]), r"soft.0: must be shorter than deadline \(15m\)"),
        (timing(soft=["5m", "1m"]), "soft.1: soft thresholds must rise"),
        (timing(soft=["5m", "5m"]), "soft.1: soft thresholds must rise"),
        (timing(toolSettle="15m"), "toolSettle: must be shorter than deadline"),
        (timing(settling="15m"), "settling: must be shorter than deadline"),
        (timing(retention="14m"), "retention: is shorter than deadline"),
        (timing(lateHorizon="14m"), "lateHorizon: is shorter than deadline"),
        (timing(maxHold="0s"), "maxHold: must be longer than 0"),
        (timing(extra="1s"), "Extra inputs"),
        (timing(deadline="-1s"), "whole number and its unit"),
        (lambda policy: policy["timing"].pop("orphan"), "Field required"),
        (evidence(required=["call", "call", "transcript", "evaluation"]), "required.1: call is listed twice"),
        (evidence(required=["call", "tools", "transcript", "evaluation"]), "conditional.0.kind: tools is listed twice"),
        (evidence(optional=["trace", "report", "selection", "log"]), "optional: identity stands in none"),
        (evidence(required=["video"]), "should be 'call'"),
        (lambda policy: policy["reasons"].pop(3), "reasons: the row for regression_candidate is missing"),
        (lambda policy: policy["reasons"].append(policy["reasons"][7]), "8.reason: there is a second row"),
        (row(7, priority="highest"), "reasons.7.priority: highest stands below medium"),
        (row(0, owner="qa"), "owner: qa is not one of the reviewers"),
        (row(0, owner="QA Team"), "should match pattern"),
        (row(0, reviewers=["engineering", "engineering"]), "reviewers.1: engineering is listed twice"),
        (row(0, sla="0s"), "sla: must be longer than 0"),
        (row(0, allowedOutcomes=["shrug"]), "should be 'no_issue'"),
        (row(0, allowedOutcomes=[]), "at least 1"),
        (row(0, requires=["trace", "trace"]), "requires.1: trace is listed twice"),
        (row(0, exportLevel="everything"), "should be 'aggregate_only'"),
        (row(1, when=None), "reasons.1: failed_tool_call has neither when nor sample nor a trigger"),
        (sample(rate=1.01), "less than or equal to 1"),
        (sample(rate=-0.1), "greater than or equal to 0"),
        (sample(rate="5%"), "valid number"),
        (sample(by=["queue", "queue"]), "by.1: queue is listed twice"),
        (sample(by=["shoeSize"]), "should be 'agentId'"),
        (sample(strata=[{"match": {"region": "eu"}, "rate": 1}]), "region does not stand in `by`"),
        (sample(strata=[{"match": {}, "rate": 1}]), "at least 1"),
        (lambda policy: policy["triggers"].pop("manual"), "triggers: the trigger manual is missing"),
        (lambda policy: policy["triggers"].update(manual="boredom"), "should be 'customer_reported'"),
        (lambda policy: policy.update(schemaVersion=2), "should be 1"),
        (lambda policy: policy.update(version=""), "at least 1 character"),
    ],
)
def test_mistakes_are_refused(change: Change, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Policy.from_dict(changed(change))


def test_the_unchanged_document_is_accepted() -> None:
    assert Policy.from_dict(changed(lambda _: None)) == default_policy()


def test_kinds_and_triggers_are_all_there() -> None:
    rules = default_policy().evidence
    assert {*rules.required, *(row.kind for row in rules.conditional), *rules.optional} == set(KIND_ORDER)
    assert set(default_policy().triggers) == set(TRIGGERS)
