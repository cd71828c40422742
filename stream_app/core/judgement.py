"""The only place where a call, as it stands, is judged: order it, alert, wait until when, or forget it.

The judgement is a function of the evidence set, the versions ordered, and the join's time; rule numbers in comments
are those of the join's rules in docs/architecture.md.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec.structs import replace

from stream_app.core import alerts, ordering
from stream_app.core.calls import CallState, Piece
from stream_app.core.ordering import Order
from stream_app.core.orders import CompletedBy, JoinAlert
from stream_app.core.standing import Standing, View, hits_of, is_steady, stand

Disposition = Literal["used", "duplicate", "conflict", "repeat"]


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What one record came to. `state` None: the call is forgotten."""

    state: CallState | None
    orders: tuple[Order, ...] = ()
    alerts: tuple[JoinAlert, ...] = ()
    disposition: Disposition | None = None
    moved: tuple[Piece, ...] = ()
    """Evidence that goes on under the name that the call was merged into."""

    @property
    def due(self) -> int | None:
        """When this call must be looked at again, ms of the join's time."""
        return None if self.state is None else self.state.due

    @property
    def open_since(self) -> int | None:
        """The call's end (or what stands for it), ms, while its deadline lies ahead and evidence is still awaited."""
        return None if self.state is None else self.state.open_since


def judge(
    state: CallState, view: View, *, before: CallState | None = None, disposition: Disposition | None = None
) -> Outcome:
    """Decide what the call's standing asks for at the join's time `view.now`.

    `before` is the call without the record that is folded in: what is not weighed of it yet, is now.
    """
    standing = stand(state, view)
    now = view.now
    since = state.reason_since
    if since is None:
        if state.unweighed and before is not None:
            since = _weighed(before, state, standing, view)
        if since is None and standing.hits:
            since = now or 0
    if since != state.reason_since:
        state = replace(state, reason_since=since)
    orders: tuple[Order, ...] = ()
    due = _order_due(state, standing, view)
    if due is not None:
        order = ordering.order_of(state, standing, *due, view.unread)
        orders = (order,)
        state = replace(
            state,
            version=order.version,
            ordered_reason=standing.hits[0].row.reason,
            changed_at=None,
            changed_by_conflict=False,
        )
    said, raised = alerts.raise_due(state, standing, now, view.silent)
    expiry = _expiry(standing)
    if expiry is not None and now is not None and now >= expiry:
        state = replace(state, firing=said.firing)
        raised += alerts.resolve_all(state, standing, now)
        return Outcome(None, orders, tuple(raised), disposition)
    waits = not standing.settled and not said.deadline_passed and not said.orphan_passed
    state = replace(
        state,
        deadline_passed=said.deadline_passed,
        orphan_passed=said.orphan_passed,
        soft_passed=said.soft_passed,
        firing=said.firing,
        open_since=standing.anchor if waits else None,
        unweighed=(),
        under=view.active.sha256 if state.policy is None else None,
    )
    next_look = _next_due(state, standing, now)
    if next_look != state.due:
        state = replace(state, due=next_look)
    return Outcome(state, orders, tuple(raised), disposition)


def merge(state: CallState, into: str, view: View) -> Outcome:
    """The call is another one: its evidence moves there, its alerts are over, its name is kept as long as a call is."""
    resolved = alerts.resolve_all(state, stand(state, view), view.now) if state.items else []
    timing = view.policy_of(state).timing
    due = None if view.now is None else view.now + max(timing.retention, timing.late_horizon)
    merged = CallState(
        state.call_id, version=state.version, merged_into=into, due=due or 0,
        # Positions that nothing else knows: the accounting finds them here.
        duplicates=state.duplicates, duplicate_count=state.duplicate_count,
    )  # fmt: skip
    return Outcome(merged, (), tuple(resolved), moved=(*state.items, *state.alternates))


def keep_merged(state: CallState, view: View) -> Outcome:
    """Time has passed for a call that was merged: it is forgotten, or had no time to count from yet."""
    if state.due:
        return Outcome(None)
    timing, now = view.active.timing, view.now
    return Outcome(state if now is None else replace(state, due=now + max(timing.retention, timing.late_horizon)))


def next_due(state: CallState, view: View) -> int | None:
    """When the call must be looked at again, ms of the join's time."""
    return _next_due(state, stand(state, view), view.now)


def _weighed(before: CallState, state: CallState, standing: Standing, view: View) -> int | None:
    """When the first reason appeared among the items that came without being weighed, ms; None: in none of them.

    Where evidence can only add reasons and there is none now, there was none then.
    """
    if standing.hits and before.unweighed[0] == view.now:
        return view.now  # They all came at this very time.
    by = view.policies.get(before.policy or before.under or "", view.active)
    if not standing.hits and by is standing.policy and is_steady(state, by):
        return None
    first = len(before.items) - len(before.unweighed) + 1
    steady = is_steady(before, by)
    # Whether a call is in a sample hangs on its call-ended alone.
    drawn = steady and by is standing.policy and any(hit.inclusion_probability is not None for hit in standing.hits)
    drawn = drawn and is_steady(state, by)
    for count, (at, following) in enumerate(zip(before.unweighed, (*before.unweighed[1:], None), strict=True), first):
        if steady and at == following:
            continue  # What the next one adds came at the same time.
        items = before.items[:count]
        if drawn and any(item.kind == "call" for item in items):
            return at
        if hits_of(replace(before, items=items), by):
            return at
    return None


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


def _next_due(state: CallState, standing: Standing, now: int | None) -> int | None:
    """The earliest timer that has not passed. Without an anchor: as soon as the join has a time."""
    anchor = standing.anchor
    if anchor is None:
        return 0
    candidates = [_expiry(standing), _order_at(state, standing)]
    if not standing.settled:
        candidates += alerts.due_times(state, standing)
        if standing.call:
            candidates.append(anchor + standing.policy.timing.tool_settle)
    return min([due for due in candidates if due is not None and (now is None or due > now)], default=None)
