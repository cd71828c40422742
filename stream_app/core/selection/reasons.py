"""The only place that decides why a call is reviewed: the policy's rows that are true of its facts, highest first."""

from __future__ import annotations

import msgspec

from stream_app.core.calls import BITS
from stream_app.core.conditions import Value
from stream_app.core.evidence import Kind
from stream_app.core.policy import Policy, ReasonRow
from stream_app.core.selection.facts import Facts
from stream_app.core.selection.plans import PlannedRow, kinds_of, plan_of
from stream_app.core.selection.samples import Stratum


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
    asked = values["triggers"]
    # Only a call whose end was seen has a stratum; an orphan is no part of the population that is sampled.
    ended = "call" in facts.primaries
    hits = []
    for planned in plan_of(policy).rows:
        trigger = _trigger(planned, asked) if asked else None
        if ended and planned.strata is not None:
            drawn = planned.strata.drawn(values, facts.call_id)
            if drawn is not None:
                hits.append(Hit(planned.row, trigger, *drawn))
                continue
        if trigger is not None or (planned.test is not None and planned.test(values)):
            hits.append(Hit(planned.row, trigger))
    return tuple(hits)


def _trigger(planned: PlannedRow, asked: Value) -> str | None:
    return next((name for name in planned.asked_by if name in asked), None)  # type: ignore[operator]


def required_kinds(policy: Policy, facts: Facts, hits: tuple[Hit, ...]) -> tuple[Kind, ...]:
    """What the packet must hold: the base, what applies to this call, what its reasons need; in packet order."""
    plan = plan_of(policy)
    bits = plan.base_bits
    for kind, test in plan.conditional:
        if test(facts.values):
            bits |= BITS[kind]
    for hit in hits:
        bits |= plan.row_bits[hit.row.reason]
    return kinds_of(bits)
