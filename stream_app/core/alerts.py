"""The only place where a call's standing becomes alerts: stuck, timed out, orphaned; and their ends.

One alert per cause: its ID names the call, the kind and the threshold, so a repeat after a crash is the same alert. A
call that waits for nothing but sources that are silent has no alert of its own: theirs is the cause (`source_alerts`).
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from stream_app.core.calls import CallState
from stream_app.core.orders import AlertKind, AlertMissing, JoinAlert
from stream_app.core.requirements import EXPECTED_FROM
from stream_app.core.standing import Standing

RUNBOOKS: dict[AlertKind, str] = {
    "stuck": "docs/runbooks/stuck-join.md",
    "timed_out": "docs/runbooks/timed-out.md",
    "orphan": "docs/runbooks/orphan.md",
    "identity_conflict": "docs/runbooks/identity-conflict.md",
    "report_ambiguous": "docs/runbooks/report-ambiguous.md",
    "source_silent": "docs/runbooks/source-silent.md",
    "review_overdue": "docs/runbooks/review-overdue.md",
    "review_ownerless": "docs/runbooks/review-overdue.md",
}


class Said(msgspec.Struct, frozen=True, gc=False):
    """Which of a call's alerts are out, and which of its timers have spoken: fields of `CallState`."""

    firing: tuple[str, ...]
    soft_passed: int
    deadline_passed: bool
    orphan_passed: bool


def raise_due(
    state: CallState, standing: Standing, now: int | None, silent: Collection[str] = ()
) -> tuple[Said, list[JoinAlert]]:
    """Fire what is due at the join's time `now`, resolve what is cured; returns what the state must remember.

    `silent` are the input topics of which an alert says so.
    """
    raised: list[JoinAlert] = []
    firing, soft_passed = state.firing, state.soft_passed
    deadline_passed, orphan_passed = state.deadline_passed, state.orphan_passed
    if standing.settled:
        if firing:
            raised = resolve_all(state, standing, now)
        return Said((), soft_passed, deadline_passed, orphan_passed), raised
    orphaned = [alert for alert in firing if _kind_of(state, alert) == "orphan"]
    if standing.call is not None and orphaned:
        raised.extend(_resolved(state, standing, alert, now) for alert in orphaned)
        firing = tuple(alert for alert in firing if alert not in orphaned)
    if now is None or standing.anchor is None:
        return Said(firing, soft_passed, deadline_passed, orphan_passed), raised
    if standing.call is None:
        orphan_at = standing.anchor + standing.policy.timing.orphan
        if now >= orphan_at and not orphan_passed:
            orphan_passed = True
            if not standing.hits:  # With a reason the packet itself says so.
                raised.append(_firing(state, standing, "orphan", 1, orphan_at))
    else:
        deadline = standing.anchor + standing.policy.timing.deadline
        passed = [at for at in _soft_times(standing) if at <= now]
        if len(passed) > soft_passed:
            soft_passed = len(passed)
            if now < deadline and _own_cause(standing, silent):
                raised.append(_firing(state, standing, "stuck", len(passed), passed[-1]))
        if now >= deadline and not deadline_passed:
            deadline_passed = True
            if _own_cause(standing, silent):
                raised.append(_firing(state, standing, "timed_out", 1, deadline))
    if raised:
        firing = tuple(dict.fromkeys((*firing, *(alert.alert_id for alert in raised if alert.state == "firing"))))
    return Said(firing, soft_passed, deadline_passed, orphan_passed), raised


def _own_cause(standing: Standing, silent: Collection[str]) -> bool:
    """Whether something may still come that is not due from a silent source."""
    return any((gap.expected_from or EXPECTED_FROM[gap.kind]) not in silent for gap in standing.waiting)


def resolve_all(state: CallState, standing: Standing, now: int | None) -> list[JoinAlert]:
    """One `resolved` for each alert of the call that is still firing."""
    return [_resolved(state, standing, alert_id, now) for alert_id in state.firing]


def due_times(state: CallState, standing: Standing) -> list[int]:
    """When this call may have something to say next, ms."""
    if standing.anchor is None or standing.settled:
        return []
    if standing.call is None:
        return [] if state.orphan_passed else [standing.anchor + standing.policy.timing.orphan]
    times = list(_soft_times(standing)[state.soft_passed :])
    if not state.deadline_passed:
        times.append(standing.anchor + standing.policy.timing.deadline)
    return times


def _soft_times(standing: Standing) -> tuple[int, ...]:
    assert standing.anchor is not None
    return tuple(standing.anchor + soft for soft in standing.policy.timing.soft)


def _firing(state: CallState, standing: Standing, kind: AlertKind, number: int, at: int) -> JoinAlert:
    return JoinAlert(
        alert_id=f"{state.call_id}/{kind}/{number}",
        kind=kind,
        state="firing",
        raised_at=at,
        canonical_call_id=state.call_id,
        missing=tuple(
            AlertMissing(kind=gap.kind, expected_from=gap.expected_from or EXPECTED_FROM[gap.kind])
            for gap in standing.waiting
        ),
        since=standing.anchor if standing.anchor is not None else at,
        deadline_at=standing.deadline,
        runbook_url=RUNBOOKS[kind],
    )


def _kind_of(state: CallState, alert_id: str) -> AlertKind:
    """The kind in an alert's ID. The call's own ID stands before it, and may hold any kind's name."""
    return next(kind for kind in RUNBOOKS if f"/{kind}/" in alert_id.removeprefix(state.call_id))


def _resolved(state: CallState, standing: Standing, alert_id: str, now: int | None) -> JoinAlert:
    kind = _kind_of(state, alert_id)
    anchor = standing.anchor if standing.anchor is not None else 0
    return JoinAlert(
        alert_id=alert_id,
        kind=kind,
        state="resolved",
        raised_at=max(anchor, now or anchor),
        canonical_call_id=state.call_id,
        since=anchor,
        deadline_at=standing.deadline,
        runbook_url=RUNBOOKS[kind],
    )
