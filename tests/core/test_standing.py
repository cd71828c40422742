"""A call looked at whole: what it is bound to, what it waits for, when it is settled."""

from __future__ import annotations

from stream_app.core.calls import CallState
from stream_app.core.standing import View, stand
from stream_app.policy_file import default_policy
from tests.evidence import START_MS, artifact, call, evaluation, pieces, report

POLICY, SCALED = default_policy(), default_policy().scaled(50)


def view(now: int | None = START_MS) -> View:
    return View(now, SCALED, {POLICY.sha256: POLICY, SCALED.sha256: SCALED})


def test_a_call_is_judged_by_the_policy_it_is_bound_to_else_by_the_one_in_force() -> None:
    assert view().policy_of(CallState(call_id="c", policy=POLICY.sha256)) == POLICY
    assert view().policy_of(CallState(call_id="c")) == SCALED
    assert view().policy_of(CallState(call_id="c", policy="f" * 64)) == SCALED


def test_what_is_declared_never_is_missing_but_not_waited_for() -> None:
    items = (
        call(channels=1, expectedToolCalls=0),
        artifact("transcript"),
        evaluation(),
        artifact("recording", never=True),
    )
    standing = stand(CallState(call_id="c", items=pieces(*items)), view())
    assert [gap.kind for gap in standing.missing] == ["recording"]
    assert standing.waiting == ()
    assert standing.settled


def test_without_call_ended_there_is_an_anchor_but_no_deadline_and_nothing_is_settled() -> None:
    standing = stand(CallState(call_id="c", items=pieces(report()), first_seen=START_MS), view())
    assert (standing.anchor, standing.deadline, standing.settled) == (START_MS, None, False)
    assert [hit.row.reason for hit in standing.hits] == ["customer_reported"]


def test_the_reason_of_an_ordered_version_goes_on_counting() -> None:
    state = CallState(call_id="c", items=pieces(call(), evaluation()), version=1, ordered_reason="low_confidence_turn")
    assert "low_confidence_turn" in [hit.row.reason for hit in stand(state, view()).hits]
