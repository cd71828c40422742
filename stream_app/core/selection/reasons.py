"""The only place that decides why a call is reviewed: the policy's rows that are true of its facts, highest first."""

from __future__ import annotations

import msgspec

from stream_app.core.evidence import KIND_ORDER, Kind
from stream_app.core.policy import TRIGGERS, Policy, ReasonRow
from stream_app.core.selection.facts import Facts
from stream_app.core.selection.plans import PlannedRow, plan_of
from stream_app.core.selection.samples import Stratum, is_drawn, rate_of, stratum_of


class Hit(msgspec.Struct, frozen=True, gc=False):
    """One reason that is true of a call. Samples say with which probability, and of which stratum, it was drawn."""

    row: ReasonRow
    trigger: str | None = None
    """The review request behind it, where there is one."""
    inclusion_probability: float | None = None
    stratum: Stratum | None = None


def reasons_of(policy: Policy, facts: Facts) -> tuple[Hit, ...]:
    """Every reason that is true, in the policy's order; none means that the call is not exported."""
    values = facts.values
    asked = bool(values["triggers"])
    hits = []
    for planned in plan_of(policy).rows:
        if asked or planned.row.sample is not None:
            hit = _hit(policy, planned, facts)
            if hit is not None:
                hits.append(hit)
        elif planned.test is not None and planned.test(values):
            hits.append(Hit(planned.row))
    return tuple(hits)


def _hit(policy: Policy, planned: PlannedRow, facts: Facts) -> Hit | None:
    row = planned.row
    trigger = _trigger(policy, row, facts) if facts.values["triggers"] else None
    stratum = None
    # Only a call whose end was seen has a stratum; an orphan is no part of the population that is sampled.
    if row.sample is not None and facts.primary("call") is not None:
        stratum = stratum_of(row.sample, facts.values)
        if is_drawn(row.sample, row.reason, stratum, facts.call_id):
            return Hit(row, trigger, rate_of(row.sample, stratum), stratum)
    if trigger is not None or (planned.test is not None and planned.test(facts.values)):
        return Hit(row, trigger)
    return None


def _trigger(policy: Policy, row: ReasonRow, facts: Facts) -> str | None:
    asked = facts.values["triggers"]
    if not isinstance(asked, frozenset):
        return None
    return next((name for name in TRIGGERS if name in asked and policy.triggers[name] == row.reason), None)


def required_kinds(policy: Policy, facts: Facts, hits: tuple[Hit, ...]) -> tuple[Kind, ...]:
    """What the packet must hold: the base, what applies to this call, what its reasons need; in packet order."""
    plan = plan_of(policy)
    required: set[Kind] = set(plan.base)
    for kind, test in plan.conditional:
        if test(facts.values):
            required.add(kind)
    for hit in hits:
        required.update(hit.row.requires)
    return tuple(kind for kind in KIND_ORDER if kind in required)
