"""A policy made ready: it answers as its rows do, and once for all."""

from __future__ import annotations

from stream_app.core.calls import BITS
from stream_app.core.policy import Policy
from stream_app.core.selection import facts_of, plan_of
from stream_app.core.selection.plans import _MOST, _PLANS
from stream_app.policy_file import default_policy
from tests.evidence import call, evaluation, report, tool

POLICY = default_policy()


def test_its_tests_say_what_the_rows_conditions_say() -> None:
    stories = (
        [call()], [call(measures={"minAsrConfidence": 0.1, "maxSilenceMs": 9000})], [report()],
        [tool("t", status="failed")], [evaluation(label="task_failed", policyFlags=["x"])], [],
        [call(workflowAgent=True, channels=2, expectedToolCalls=1)],
    )  # fmt: skip
    answers = set()
    for items in stories:
        values = facts_of("call-1", items).values
        for planned, row in zip(plan_of(POLICY).rows, POLICY.reasons, strict=True):
            assert (planned.test is None) == (row.when is None)
            if planned.test is not None and row.when is not None:
                assert planned.test(values) == row.when.holds(values)
                answers.add(planned.test(values))
        for (kind, test), conditional in zip(plan_of(POLICY).conditional, POLICY.evidence.conditional, strict=True):
            assert kind == conditional.kind
            assert test(values) == conditional.when.holds(values)
    assert answers == {True, False}


def test_what_every_packet_needs_stands_in_packet_order() -> None:
    assert plan_of(POLICY).base == ("call", "transcript", "evaluation")
    assert plan_of(POLICY).base_bits == BITS["call"] | BITS["transcript"] | BITS["evaluation"]


def test_a_policy_by_which_evidence_takes_reasons_away_is_known_as_one() -> None:
    def with_condition(condition: object) -> Policy:
        document = POLICY.to_dict()
        document["reasons"][0]["when"] = condition
        return Policy.from_dict(document)

    assert plan_of(POLICY).only_grows
    fickle = {"fact": "toolCalls", "below": 2}
    for condition in (fickle, {"any": [{"fact": "reported", "is": True}, {"all": [fickle]}]}):
        assert not plan_of(with_condition(condition)).only_grows
    assert plan_of(with_condition({"fact": "toolCalls", "above": 2})).only_grows
    assert not plan_of(with_condition({"fact": "evaluationScore", "atLeast": 0.5})).only_grows
    assert not plan_of(with_condition({"fact": "traceId", "is": "t"})).only_grows


def test_equal_policies_share_a_plan_and_many_policies_do_not_pile_up() -> None:
    assert plan_of(POLICY) is plan_of(Policy.from_dict(POLICY.to_dict()))
    for speed in range(2, _MOST + 10):
        plan_of(POLICY.scaled(speed))
    assert len(_PLANS) <= _MOST
