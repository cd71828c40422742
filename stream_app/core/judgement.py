"""The only place where a call, as it stands, is judged: order it, alert, wait until when, or forget it.

The judgement is a function of the evidence set, the versions ordered, and the join's time; rule numbers in comments
are those of the join's rules in docs/architecture.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stream_app.core import alerts, ordering
from stream_app.core.calls import CallState
from stream_app.core.orders import CompletedBy, JoinAlert, SealOrder
from stream_app.core.standing import Standing, View, stand

Disposition = Literal["used", "duplicate", "conflict", "repeat"]


@dataclass(frozen=True)
class Outcome:
    """What one record came to. `state` None: the call is forgotten."""

    state: CallState | None
    orders: tuple[SealOrder, ...] = ()
    alerts: tuple[JoinAlert, ...] = ()
    disposition: Disposition | None = None
    due: int | None = None
    """When this call must be looked at again, ms of the join's time."""
    open_since: int | None = None
    """The call's end (or what stands for it), ms, while its deadline lies ahead and evidence is still awaited."""


def judge(state: CallState, view: View) -> Outcome:
    """Decide what the call's standing asks for at the join's time `view.now`."""
    standing = stand(state, view)
    if standing.hits and state.reason_since is None:
        state = state.model_copy(update={"reason_since": view.now or 0})
    orders: tuple[SealOrder, ...] = ()
    raised: list[JoinAlert] = []
    due = _order_due(state, standing, view)
    if due is not None:
        completed_by, decided_at = due
        order = ordering.order_of(state, standing, completed_by, decided_at, view.unread)
        orders = (order,)
        state = state.model_copy(
            update={
                "version": order.version,
                "ordered_reason": order.selection.reason,
                "changed_at": None,
                "changed_by_conflict": False,
            }
        )
    state, raised = alerts.raise_due(state, standing, view.now)
    if _expired(standing, view):
        return Outcome(None, orders, (*raised, *alerts.resolve_all(state, standing, view.now)))
    waits = not standing.settled and not state.deadline_passed and not state.orphan_passed
    return Outcome(
        state,
        orders,
        tuple(raised),
        due=_next_due(state, standing, view),
        open_since=standing.anchor if waits else None,
    )


def next_due(state: CallState, view: View) -> int | None:
    """When the call must be looked at again, ms of the join's time."""
    return _next_due(state, stand(state, view), view)


def _order_due(state: CallState, standing: Standing, view: View) -> tuple[CompletedBy, int | None] | None:
    """Whether a version is to be ordered now, why, and at a deadline its due time (rules 5 and 6)."""
    at = _order_at(state, standing)
    if at is None or (at > 0 and (view.now is None or view.now < at)):
        return None
    return ("all_evidence", None) if standing.settled else _give_up(state, standing)


def _order_at(state: CallState, standing: Standing) -> int | None:
    """When the next version is ordered, ms; 0: at once; None: there is nothing to order.

    A later version waits for its deadline as the first does: with a new reason may come new requirements, and what
    they require must not be called missing while it still may come.
    """
    if not standing.hits or (state.version and state.changed_at is None):
        return None
    settling = 0 if state.changed_at is None else state.changed_at + standing.policy.timing.settling
    if standing.settled:
        return settling
    due = _give_up(state, standing)[1]
    return None if due is None else max(settling, due)


def _give_up(state: CallState, standing: Standing) -> tuple[CompletedBy, int | None]:
    """When an unsettled call is ordered all the same: its deadline, or that of a reason that came after it (rule 5)."""
    timing = standing.policy.timing
    if standing.call is None:
        return "orphan_deadline", None if standing.anchor is None else standing.anchor + timing.orphan
    deadline = standing.deadline
    assert deadline is not None
    if state.reason_since is not None and state.reason_since >= deadline:
        return "reason_deadline", state.reason_since + timing.reason_grace
    return "deadline", deadline


def _expiry(standing: Standing) -> int | None:
    """When the call is forgotten (rule 7)."""
    timing = standing.policy.timing
    return None if standing.anchor is None else standing.anchor + max(timing.retention, timing.late_horizon)


def _expired(standing: Standing, view: View) -> bool:
    expiry = _expiry(standing)
    return expiry is not None and view.now is not None and view.now >= expiry


def _next_due(state: CallState, standing: Standing, view: View) -> int | None:
    """The earliest timer that has not passed. Without an anchor: as soon as the join has a time."""
    if standing.anchor is None:
        return 0
    candidates = [_expiry(standing), _order_at(state, standing), *alerts.due_times(state, standing)]
    if standing.call and not standing.settled:
        candidates.append(standing.anchor + standing.policy.timing.tool_settle)
    now = view.now
    return min((due for due in candidates if due is not None and (now is None or due > now)), default=None)
