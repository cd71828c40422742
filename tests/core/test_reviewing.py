from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from stream_app.core.events import ReviewRecorded
from stream_app.core.reviewing import COMPLIANCE, LEASE_MS, MOVES, Refused, Step, due_of, on_packet, on_review, on_time
from stream_app.core.reviews import ReviewTask
from tests.remembered import packet

HASH = "sha256:" + "a" * 64
LATER = "sha256:" + "b" * 64
FIRST = packet("call/1", manifestHash=HASH)
AT = FIRST.sealed_at + 1000


def queued() -> ReviewTask:
    step = on_packet(None, FIRST)
    assert step is not None
    return step.task


def said(word: str, **fields: Any) -> ReviewRecorded:
    action = word if word in ("take", "release", "ignore") else "decide"
    return ReviewRecorded.from_dict(
        {
            "schemaVersion": 1, "eventId": f"e-{word}", "type": "review-recorded", "source": "test",
            "occurredAt": "2026-06-03T18:42:31.120Z", "canonicalCallId": "call", "manifestHash": HASH, "version": 1,
            "reviewer": "ann", "action": action, "outcome": word if action == "decide" else None, **fields,
        }
    )  # fmt: skip


def done(task: ReviewTask, word: str, at: int = AT, **fields: Any) -> Step:
    step = on_review(task, said(word, **fields), at)
    assert step is not None
    return step


@pytest.mark.parametrize("move", [move for move in MOVES if move.word != "release"], ids=lambda move: move.word)
def test_each_move_leads_where_its_row_says(move: Any) -> None:
    task = done(queued(), move.word).task
    assert task.status == move.to
    assert task.revision == 2
    assert len(task.decisions) == move.decides
    assert task.manifest_hash == HASH


def test_what_is_decided_is_moved_by_nothing_but_a_later_version() -> None:
    for first, then in product(("no_issue", "bug", "promote_to_regression", "ignore"), MOVES):
        task = done(queued(), first).task
        with pytest.raises(Refused):
            on_review(task, said(then.word, eventId="again"), AT + 1)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"manifestHash": LATER}, "stands at version 1"),
        ({"version": 2}, "stands at version 1"),
        ({"expectedRevision": 7}, "has changed"),
    ],
)
def test_what_was_not_said_of_this_very_task_is_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused, match=why):
        on_review(queued(), said("bug", **fields), AT)
    assert done(queued(), "bug", expectedRevision=1).task.status == "reviewed"


def test_a_call_without_a_packet_and_an_outcome_the_policy_leaves_out_are_refused() -> None:
    with pytest.raises(Refused, match="no packet"):
        on_review(None, said("bug"), AT)
    with pytest.raises(Refused, match="does not allow"):
        on_review(queued().model_copy(update={"allowed_outcomes": ("no_issue",)}), said("bug"), AT)


def test_of_fifty_takers_one_wins_until_the_lease_has_run_out() -> None:
    task, won = queued(), []
    for number in range(50):
        try:
            task = done(task, "take", AT + number, reviewer=f"r{number}", eventId=f"t{number}").task
        except Refused:
            continue
        won.append(number)
    assert won == [0]
    assert (task.assignee, task.lease_until) == ("r0", AT + LEASE_MS)
    with pytest.raises(Refused, match="r0 has taken it"):
        on_review(task, said("bug"), AT + LEASE_MS - 1)
    assert done(task, "take", AT + LEASE_MS).task.assignee == "ann"
    assert done(task, "bug", reviewer="r0").task.status == "reviewed"


def test_who_has_taken_it_may_release_it_and_nobody_else() -> None:
    with pytest.raises(Refused, match="nothing to release"):
        on_review(queued(), said("release"), AT)
    taken = done(queued(), "take").task
    with pytest.raises(Refused, match="nothing to release"):
        on_review(taken, said("release", reviewer="bob"), AT)
    assert done(taken, "release").task.assignee is None


def test_the_same_record_again_changes_nothing() -> None:
    for word in ("take", "bug", "needs_compliance_review"):
        assert on_review(done(queued(), word).task, said(word), AT) is None


def test_compliance_gets_it_once_with_a_due_time_of_its_own() -> None:
    task = done(queued(), "needs_compliance_review").task
    assert (task.owner, task.status, task.due_at) == (COMPLIANCE, "queued", AT + task.sla_ms)
    with pytest.raises(Refused, match="compliance has it"):
        on_review(task, said("needs_compliance_review", eventId="again"), AT)
    step = on_packet(task, packet("call/2", manifestHash=LATER))
    assert step is not None
    assert step.task.owner == COMPLIANCE
    assert done(task, "no_issue").task.status == "reviewed"


def test_a_later_version_queues_again_and_makes_decisions_stale() -> None:
    task = done(queued(), "bug").task
    step = on_packet(task, packet("call/2", manifestHash=LATER))
    assert step is not None
    assert (step.task.status, step.task.version, step.task.outcome) == ("queued", 2, None)
    assert [one.stale for one in step.task.decisions] == [True]
    assert step.task.owner == FIRST.review.owner
    with pytest.raises(Refused, match="version 2"):
        on_review(step.task, said("bug", eventId="late"), AT)
    assert on_packet(step.task, FIRST) is None


def test_overdue_is_said_once_and_resolved_by_a_decision() -> None:
    task = queued()
    assert on_time(task, task.due_at - 1) is None
    step = on_time(task, task.due_at)
    assert step is not None
    assert [(one.kind, one.state) for one in step.alerts] == [("review_overdue", "firing")]
    assert due_of(step.task) is None
    assert on_time(step.task, task.due_at + 1) is None
    decided = done(step.task, "bug", task.due_at + 5)
    assert [(one.alert_id, one.state) for one in decided.alerts] == [(step.alerts[0].alert_id, "resolved")]
    assert on_time(done(task, "bug").task, task.due_at + 1) is None


def test_a_task_that_nobody_owns_is_said_at_once() -> None:
    step = on_packet(None, FIRST.model_copy(update={"review": FIRST.review.model_copy(update={"owner": " "})}))
    assert step is not None
    assert [(one.kind, one.state) for one in step.alerts] == [("review_ownerless", "firing")]
    assert [one.kind for one in done(step.task, "bug").alerts] == ["review_ownerless"]
