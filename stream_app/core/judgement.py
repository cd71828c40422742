"""The only place where a call, as it stands, is judged: order it, alert, wait until when, or forget it.

The judgement is a function of the evidence set, the versions ordered, and the join's time; rule numbers in comments
are those of the join's rules in docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from stream_app.core import alerts, ordering
from stream_app.core.calls import CallState, end_of
from stream_app.core.evidence import Kind
from stream_app.core.orders import CompletedBy, Item, JoinAlert, Missing, SealOrder
from stream_app.core.policy import Policy
from stream_app.core.requirements import missing_of, tools_settled
from stream_app.core.selection import Facts, Hit, facts_of, reasons_of, required_kinds

Disposition = Literal["used", "duplicate", "conflict", "repeat"]


@dataclass(frozen=True)
class View:
    """What a call's judgement may look at besides the call: the join's time, and the policies in force."""

    now: int | None
    """The join's time, ms; None until every input was heard."""
    active: Policy
    """Binds the calls that end now."""
    policies: Mapping[str, Policy]
    """By SHA-256: calls stay bound to the one they ended under."""
    unread: tuple[str, ...] = ()
    """Input partitions that the clock has given up on."""

    def policy_of(self, state: CallState) -> Policy:
        """The policy that decides for this call."""
        return self.policies.get(state.policy, self.active) if state.policy else self.active


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


@dataclass(frozen=True)
class Standing:
    """A call looked at once: everything the decisions below need, computed from its evidence."""

    policy: Policy
    call: Item | None
    facts: Facts
    hits: tuple[Hit, ...]
    required: tuple[Kind, ...]
    missing: tuple[Missing, ...]
    anchor: int | None
    """The call's end, or without call-ended the time its first evidence came, ms."""
    settled: bool

    @property
    def waiting(self) -> tuple[Missing, ...]:
        """What is missing and may still come."""
        return tuple(gap for gap in self.missing if gap.reason != "declared_never")

    @property
    def deadline(self) -> int | None:
        """Hard deadline, ms; anchored once, never extended by arrivals (rule 5)."""
        return None if self.anchor is None or self.call is None else self.anchor + self.policy.timing.deadline


def stand(state: CallState, view: View) -> Standing:
    """Look at the call: facts, reasons, requirements, gaps, whether it is settled (rule 4)."""
    policy = view.policy_of(state)
    timing = policy.timing
    facts = facts_of(state.call_id, state.items)
    call = facts.primary("call")
    hits = _hits(state, policy, facts)
    required = required_kinds(policy, facts, hits)
    missing = missing_of(required, state.items, call)
    anchor = end_of(call, timing.skew_ahead, timing.skew_behind) if call else state.first_seen
    since_end = None if view.now is None or anchor is None else view.now - anchor
    settled = (
        call is not None
        and all(gap.reason == "declared_never" for gap in missing)
        and tools_settled(state.items, call, since_end, timing.tool_settle)
    )
    return Standing(policy, call, facts, hits, required, missing, anchor, settled)


def _hits(state: CallState, policy: Policy, facts: Facts) -> tuple[Hit, ...]:
    """Reasons of the evidence as it stands, of every reading of it, and the one ordered for before.

    A call that was selected stays selected: its reviewers must hear of what came later, also of what cleared it.
    """
    found = {hit.row.reason: hit for hit in reasons_of(policy, facts)}
    for items in _readings(state):
        for hit in reasons_of(policy, facts_of(state.call_id, items)):
            found.setdefault(hit.row.reason, hit)
    if state.ordered_reason is not None:
        found.setdefault(state.ordered_reason, Hit(policy.row(state.ordered_reason)))
    return tuple(found[row.reason] for row in policy.reasons if row.reason in found)


def _readings(state: CallState) -> Iterator[tuple[Item, ...]]:
    """The evidence with each other content of a conflicting event, and by each of several call-ended events alone.

    Had a corrected call-ended come first, its reason would have ordered a packet: so it counts in every order (rule 3).
    """
    for other in state.alternates:
        yield tuple(other if item.event_id == other.event_id else item for item in state.items)
    calls = [item for item in (*state.items, *state.alternates) if item.kind == "call"]
    if len(calls) > 1:
        rest = tuple(item for item in state.items if item.kind != "call")
        for call in calls:
            yield (*rest, call)


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
