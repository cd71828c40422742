"""The only place where a call is looked at whole: facts, reasons, requirements and gaps, computed from its evidence.

A standing is a function of the evidence set, the versions ordered and the join's time; what follows from it is decided
in `judgement`. Rule numbers in comments are those of the join's rules in docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from stream_app.core.calls import CallState, Evidence, Piece, end_of
from stream_app.core.evidence import Kind
from stream_app.core.merged_calls import choices
from stream_app.core.orders import Missing
from stream_app.core.policy import Policy
from stream_app.core.requirements import missing_of, tools_settled
from stream_app.core.selection import Facts, Hit, facts_of, plan_of, reasons_of, required_kinds

__all__ = ["Standing", "View", "hits_of", "is_steady", "plan_of", "stand"]


class View(msgspec.Struct, frozen=True):
    """What a call's judgement may look at besides the call: the join's time, and the policies in force."""

    now: int | None
    """The join's time, ms; None until every input was heard."""
    active: Policy
    """Binds the calls that end now."""
    policies: Mapping[str, Policy]
    """By SHA-256: calls stay bound to the one they ended under."""
    unread: tuple[str, ...] = ()
    """Input partitions that the clock has given up on."""
    silent: frozenset[str] = frozenset()
    """Input topics that an alert calls silent (`source_alerts`)."""

    def policy_of(self, state: CallState) -> Policy:
        """The policy that decides for this call."""
        return self.policies.get(state.policy, self.active) if state.policy else self.active


class Standing(msgspec.Struct, frozen=True, gc=False):
    """A call looked at once: everything the decisions below need, computed from its evidence."""

    policy: Policy
    call: Evidence | None
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
    items = state.items
    facts = facts_of(state.call_id, items, policy.tool_rules)
    call = facts.primaries.get("call")
    hits = _hits(state, policy, facts)
    required = required_kinds(policy, facts, hits)
    missing = missing_of(required, items, call)
    if call is None:
        return Standing(policy, call, facts, hits, required, missing, state.first_seen, False)
    anchor = end_of(call, timing.skew_ahead, timing.skew_behind)
    since_end = None if view.now is None else view.now - anchor
    settled = not missing or all(gap.reason == "declared_never" for gap in missing)
    settled = settled and tools_settled(items, call, since_end, timing.tool_settle)
    return Standing(policy, call, facts, hits, required, missing, anchor, settled)


def hits_of(state: CallState, policy: Policy) -> tuple[Hit, ...]:
    """The reasons of the call's evidence by this policy."""
    return _hits(state, policy, facts_of(state.call_id, state.items, policy.tool_rules))


def is_steady(state: CallState, policy: Policy) -> bool:
    """Whether a call that has no reason now had none with less of this evidence: reasons only ever come."""
    if state.alternates or not plan_of(policy).only_grows:
        return False
    calls = 0
    for item in state.items:
        calls += item.kind == "call"
    return calls <= 1


def _hits(state: CallState, policy: Policy, facts: Facts) -> tuple[Hit, ...]:
    """Reasons of the evidence as it stands, of every reading of it, and the one ordered for before.

    A call that was selected stays selected: its reviewers must hear of what came later, also of what cleared it.
    """
    hits = reasons_of(policy, facts)
    several = state.alternates or facts.calls > 1
    rules = policy.tool_rules
    readings = [reasons_of(policy, facts_of(state.call_id, one, rules)) for one in _readings(state)] if several else ()
    if not several and state.ordered_reason is None:
        return hits
    found = {hit.row.reason: hit for hit in hits}
    for reading in readings:
        for hit in reading:
            found.setdefault(hit.row.reason, hit)
    if state.ordered_reason is not None:
        found.setdefault(state.ordered_reason, Hit(policy.row(state.ordered_reason)))
    return tuple(found[row.reason] for row in policy.reasons if row.reason in found)


def _readings(state: CallState) -> Iterator[Sequence[Piece]]:
    """The evidence with each other content of a conflicting event, and with some of several call-ended events only.

    Had a corrected call-ended come first, its reason would have ordered a packet: so it counts in every order (rule 3).
    """
    for other in state.alternates:
        yield tuple(other if item.event_id == other.event_id else item for item in state.items)
    calls = [item for item in (*state.items, *state.alternates) if item.kind == "call"]
    if len(calls) > 1:
        rest = tuple(item for item in state.items if item.kind != "call")
        for chosen in choices(calls):
            yield (*rest, *chosen)
