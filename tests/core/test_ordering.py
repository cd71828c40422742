"""What an order says of a judged call: reasons in the policy's rank, why a version, the sample's probability."""

from __future__ import annotations

from typing import Any

import pytest

from stream_app.core.calls import CallState
from stream_app.core.gate_rows import GateRow
from stream_app.core.ordering import order_of
from stream_app.core.orders import SealOrder, SelectionReason
from stream_app.core.standing import View, stand
from stream_app.policy_file import default_policy
from tests.evidence import START_MS, call, evaluation, pieces, report, request, tool

POLICY = default_policy()


def order(unread: tuple[str, ...] = (), due: int | None = None, **state: Any) -> SealOrder:
    items = state.pop("items", (call(), evaluation(label="task_failed"), tool("t", status="failed", at=5000)))
    full = CallState(call_id="call-1", items=pieces(*items), first_seen=START_MS, **state)
    standing = stand(full, View(START_MS, POLICY, {POLICY.sha256: POLICY}, unread))
    made = order_of(full, standing, "deadline" if due else "all_evidence", due, unread)
    model = made.model()
    assert model.to_bytes() == made.to_bytes(), "the order is written as its model would write it"
    return model


def test_the_highest_reason_comes_first_and_brings_its_terms() -> None:
    made = order(items=(call(), evaluation(label="task_failed"), report()))
    assert made.selection.reason == "customer_reported"
    assert made.selection.other_reasons == ("regression_candidate",)
    assert (made.review.owner, made.order_id, made.version) == ("engineering", "call-1/1", 1)


@pytest.mark.parametrize(
    ("before", "conflict", "cause"),
    [
        ("failed_tool_call", False, "late_evidence"),
        ("regression_candidate", False, "higher_reason"),
        ("regression_candidate", True, "conflict"),
        ("customer_reported", False, "late_evidence"),
    ],
)
def test_why_a_version_supersedes(before: SelectionReason, conflict: bool, cause: str) -> None:
    made = order(version=3, ordered_reason=before, changed_by_conflict=conflict)
    assert made.supersedes is not None
    assert (made.supersedes.version, made.supersedes.reason, made.version) == (3, cause, 4)


def test_a_request_is_named_and_all_that_was_required_of_the_packet() -> None:
    made = order(items=(call(), request("compliance_sample"), evaluation()))
    assert made.selection.trigger == "compliance_sample"
    row = POLICY.row(made.selection.reason)
    assert set(made.review.required) == {*POLICY.evidence.required, *row.requires}
    assert (made.review.reviewers, made.review.sla_ms) == (row.reviewers, row.sla)
    assert order().selection.trigger is None


def test_it_is_decided_by_the_latest_evidence_or_by_the_deadline() -> None:
    assert order().decided_at == START_MS + 5000
    assert order(due=START_MS + 900_000).decided_at == START_MS + 900_000
    assert order(due=START_MS + 1).decided_at == START_MS + 5000


def test_unread_sources_are_said_only_where_a_deadline_decided() -> None:
    assert order(unread=("tool-call/0",)).unread_sources == ()
    assert order(unread=("tool-call/0",), due=START_MS + 900_000).unread_sources == ("tool-call/0",)


def test_a_sample_keeps_its_probability_behind_a_stronger_reason() -> None:
    judged = (call(), evaluation(label="task_failed"))
    sampled = next(
        made
        for made in (
            order_of(state, stand(state, View(START_MS, POLICY, {})), "all_evidence", None, ()).model()
            for state in (CallState(call_id=f"call-{number}", items=pieces(*judged)) for number in range(400))
        )
        if "scheduled_sample" in made.selection.other_reasons
    )
    assert sampled.selection.reason == "regression_candidate"
    assert sampled.selection.inclusion_probability == 0.05


def test_the_policys_strictness_with_gates_travels_with_the_order() -> None:
    rows = (
        GateRow.from_dict({"gate": "trace", "strictness": "strict", "reasons": ["failed_tool_call"]}),
        GateRow.from_dict({"gate": "review", "strictness": "advisory", "reasons": ["scheduled_sample"]}),
    )
    policy = POLICY.model_copy(update={"gates": rows})
    state = CallState(
        call_id="call-1", items=pieces(call(), evaluation(label="task_failed"), tool("t", status="failed", at=5000)),
        first_seen=START_MS,
    )  # fmt: skip
    made = order_of(state, stand(state, View(START_MS, policy, {policy.sha256: policy})), "all_evidence", None, ())
    assert made.model().to_bytes() == made.to_bytes()
    assert made.model().review.gates == {"trace": "strict"}
    assert b'"gates"' not in order().to_bytes()
