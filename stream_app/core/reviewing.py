"""The only place for how a review moves: packets queue it, reviewers take and decide it, time makes it overdue.

Theory of operation. A call has one task. What may happen to it is a row of MOVES; whatever is no row is refused, and
changes nothing:

    queued --take, release--> queued              with an assignee and a lease, or without
    queued --no_issue, bug--> reviewed
    queued --promote_to_regression--> promoted_to_test
    queued --ignore--> ignored
    queued --needs_compliance_review--> queued    for compliance, once
    any    --a later packet version--> queued     by the policy row of that packet; earlier decisions become stale

A record counts only for the manifest hash and version that the task stands at, and, where it says so, for the task's
revision: so of any number of takers who saw the same task one wins, and a decision about what has been replaced is
refused. A lease runs out by the broker's time of the next record, never by a worker's clock. A question for compliance
stays with compliance when a later version comes: nobody has answered it.

Two alerts, each once until it is resolved: `review_overdue` (queued, and the line's time has passed `due_at`) and
`review_ownerless` (queued, and the policy names nobody). A move or a later version resolves them. All is pure:
manifests are never touched, and the same records in the same order give the same tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stream_app.core.alerts import RUNBOOKS
from stream_app.core.events import ReviewRecorded
from stream_app.core.orders import AlertKind, JoinAlert
from stream_app.core.packet import Packet, ReviewStatus
from stream_app.core.reviews import Decision, ReviewTask

LEASE_MS = 30 * 60_000
"""How long a taken task is its reviewer's alone; taking it again renews it."""
COMPLIANCE = "compliance"
"""The owner of what is handed on."""


@dataclass(frozen=True, slots=True)
class Move:
    """From `queued` by this word (an action, or a decision's outcome) to this status."""

    word: str
    to: ReviewStatus
    decides: bool


MOVES: tuple[Move, ...] = (
    Move("take", "queued", False),
    Move("release", "queued", False),
    Move("no_issue", "reviewed", True),
    Move("bug", "reviewed", True),
    Move("promote_to_regression", "promoted_to_test", True),
    Move("ignore", "ignored", True),
    Move("needs_compliance_review", "queued", True),
)
_BY_WORD = {move.word: move for move in MOVES}


class Refused(Exception):
    """The record changes nothing; says why, and what to do next."""


@dataclass(frozen=True, slots=True)
class Step:
    """A task that has changed, and the alerts that follow."""

    task: ReviewTask
    alerts: tuple[JoinAlert, ...] = ()


def on_packet(task: ReviewTask | None, packet: Packet) -> Step | None:
    """Queue the review of a packet; None for a version that the task has reached already."""
    if task is not None and packet.version <= task.version:
        return None
    handed_on = task is not None and task.for_compliance and task.status == "queued"
    made = ReviewTask(
        canonical_call_id=packet.canonical_call_id,
        version=packet.version,
        status="queued",
        owner=COMPLIANCE if handed_on else packet.review.owner.strip(),
        priority=packet.priority,
        due_at=packet.review.due_at,
        manifest_hash=packet.manifest_hash,
        selection_reason=packet.selection_reason,
        allowed_outcomes=packet.review.allowed_outcomes,
        sla_ms=packet.review.due_at - packet.sealed_at,
        for_compliance=handed_on,
        revision=1 if task is None else task.revision + 1,
        decisions=() if task is None else tuple(one.model_copy(update={"stale": True}) for one in task.decisions),
    )
    resolved = () if task is None else _resolved(task, packet.sealed_at)
    if made.owner:
        return Step(made, resolved)
    firing: tuple[AlertKind, ...] = ("review_ownerless",)
    said = _alert(made, "review_ownerless", "firing", packet.sealed_at)
    return Step(made.model_copy(update={"firing": firing}), (*resolved, said))


def on_review(task: ReviewTask | None, said: ReviewRecorded, at: int) -> Step | None:
    """Do what a reviewer says; `at` is the broker's time of the record, ms. None: it was done already.

    Raises Refused.
    """
    if task is None:
        raise Refused("no packet of this call is known here: nothing is to be reviewed (`stream-app review list`)")
    if said.event_id == task.last_event_id or any(said.event_id == one.event_id for one in task.decisions):
        return None
    _check(task, said, at)
    move = _BY_WORD[said.outcome or said.action]
    changes: dict[str, object] = {
        "status": move.to,
        "assignee": None,
        "lease_until": None,
        "revision": task.revision + 1,
        "last_event_id": said.event_id,
    }
    if move.word == "take":
        changes |= {"assignee": said.reviewer, "lease_until": at + LEASE_MS}
    if not move.decides:
        return Step(task.model_copy(update=changes))
    decision = Decision(
        event_id=said.event_id,
        reviewer=said.reviewer,
        outcome="ignored" if move.word == "ignore" else move.word,
        version=said.version,
        manifest_hash=said.manifest_hash,
        at=at,
        note=said.note,
    )
    changes |= {"outcome": decision.outcome, "decisions": (*task.decisions, decision), "firing": ()}
    if move.word == "needs_compliance_review":
        changes |= {"owner": COMPLIANCE, "for_compliance": True, "due_at": at + task.sla_ms}
    return Step(task.model_copy(update=changes), _resolved(task, at))


def _check(task: ReviewTask, said: ReviewRecorded, at: int) -> None:
    """Whether this may be done to the task. Raises Refused."""
    if said.version != task.version or said.manifest_hash != task.manifest_hash:
        raise Refused(
            f"the task stands at version {task.version}, {task.manifest_hash}: read that version and decide again"
        )
    if said.expected_revision not in (None, task.revision):
        raise Refused(f"the task has changed since it was read (revision {task.revision}): look at it again")
    if task.status != "queued":
        raise Refused(f"it is {task.status} already ({task.outcome}); only a later version queues it again")
    held = task.assignee is not None and task.lease_until is not None and at < task.lease_until
    if said.action == "release" and not (held and task.assignee == said.reviewer):
        raise Refused(f"{said.reviewer} does not hold it: there is nothing to release")
    if held and task.assignee != said.reviewer:
        raise Refused(f"{task.assignee} has taken it: ask them, or wait until their lease has run out")
    if said.outcome == "needs_compliance_review" and task.for_compliance:
        raise Refused("compliance has it already: decide it, or ignore it")
    if said.outcome is not None and said.outcome not in task.allowed_outcomes:
        raise Refused(f"the policy does not allow {said.outcome} here, but {', '.join(task.allowed_outcomes)}")


def due_of(task: ReviewTask) -> int | None:
    """When the task must be looked at, ms; None where time changes nothing any more."""
    return task.due_at if task.status == "queued" and "review_overdue" not in task.firing else None


def on_time(task: ReviewTask, now: int) -> Step | None:
    """Raise the alert of a task that is overdue at the line's time `now`, ms; None where it is not, or was raised."""
    due = due_of(task)
    if due is None or now < due:
        return None
    changed = {"firing": (*task.firing, "review_overdue"), "revision": task.revision + 1, "last_event_id": None}
    return Step(task.model_copy(update=changed), (_alert(task, "review_overdue", "firing", due),))


def _resolved(task: ReviewTask, at: int) -> tuple[JoinAlert, ...]:
    kinds: tuple[AlertKind, ...] = ("review_overdue", "review_ownerless")
    return tuple(_alert(task, kind, "resolved", at) for kind in kinds if kind in task.firing)


def _alert(task: ReviewTask, kind: AlertKind, state: Literal["firing", "resolved"], at: int) -> JoinAlert:
    # A task that is handed on may fall due a second time in one version: the due time tells the two apart.
    return JoinAlert(
        alert_id=f"{task.canonical_call_id}/{kind}/{task.version}-{task.due_at}",
        kind=kind,
        state=state,
        raised_at=at,
        canonical_call_id=task.canonical_call_id,
        since=task.due_at - task.sla_ms,
        deadline_at=task.due_at,
        runbook_url=RUNBOOKS[kind],
    )
