"""The only place that decides why a call is reviewed: the policy's rows that are true of its facts, highest first."""

from __future__ import annotations

from dataclasses import dataclass

from stream_app.core.evidence import KIND_ORDER, Kind
from stream_app.core.policy import TRIGGERS, Policy, ReasonRow
from stream_app.core.selection.facts import Facts
from stream_app.core.selection.samples import Stratum, is_drawn, rate_of, stratum_of


@dataclass(frozen=True, slots=True)
class Hit:
    """One reason that is true of a call. Samples say with which probability, and of which stratum, it was drawn."""

    row: ReasonRow
    trigger: str | None = None
    """The review request behind it, where there is one."""
    inclusion_probability: float | None = None
    stratum: Stratum | None = None


def reasons_of(policy: Policy, facts: Facts) -> tuple[Hit, ...]:
    """Every reason that is true, in the policy's order; none means that the call is not exported."""
    hits = (_hit(policy, row, facts) for row in policy.reasons)
    return tuple(hit for hit in hits if hit is not None)


def _hit(policy: Policy, row: ReasonRow, facts: Facts) -> Hit | None:
    trigger = _trigger(policy, row, facts)
    stratum = None
    # Only a call whose end was seen has a stratum; an orphan is no part of the population that is sampled.
    if row.sample is not None and facts.primary("call") is not None:
        stratum = stratum_of(row.sample, facts.values)
        if is_drawn(row.sample, row.reason, stratum, facts.call_id):
            return Hit(row, trigger, rate_of(row.sample, stratum), stratum)
    if trigger is not None or (row.when is not None and row.when.holds(facts.values)):
        return Hit(row, trigger)
    return None


def _trigger(policy: Policy, row: ReasonRow, facts: Facts) -> str | None:
    asked = facts.values.get("triggers")
    if not isinstance(asked, frozenset):
        return None
    return next((name for name in TRIGGERS if name in asked and policy.triggers[name] == row.reason), None)


def required_kinds(policy: Policy, facts: Facts, hits: tuple[Hit, ...]) -> tuple[Kind, ...]:
    """What the packet must hold: the base, what applies to this call, what its reasons need; in packet order."""
    required: set[Kind] = set(policy.evidence.required)
    required |= {row.kind for row in policy.evidence.conditional if row.when.holds(facts.values)}
    for hit in hits:
        required |= set(hit.row.requires)
    return tuple(kind for kind in KIND_ORDER if kind in required)
