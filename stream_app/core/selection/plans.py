"""The only place where a policy is made ready to be asked often: conditions compiled, the constant worked out once."""

from __future__ import annotations

from dataclasses import dataclass

from stream_app.core.calls import BITS
from stream_app.core.conditions import Test, compiled, only_grows
from stream_app.core.evidence import KIND_ORDER, Kind
from stream_app.core.policy import TRIGGERS, Policy, ReasonRow
from stream_app.core.selection.samples import Strata


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """A reason's row, with its condition as a function of the facts."""

    row: ReasonRow
    test: Test | None
    strata: Strata | None
    """Its sample; None also where the sample draws nothing."""
    asked_by: tuple[str, ...]
    """Review requests that stand for this reason, in the order in which one of them is named."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A policy, ready to be asked often."""

    policy: Policy
    rows: tuple[PlannedRow, ...]
    conditional: tuple[tuple[Kind, Test], ...]
    """Kinds required of calls for which the test holds."""
    base: tuple[Kind, ...]
    """Kinds that every packet needs, in packet order."""
    base_bits: int
    """The same as bits (`calls.BITS`)."""
    row_bits: dict[str, int]
    """What each reason requires beyond the base, as bits."""
    only_grows: bool
    """Whether evidence can only add reasons, while there is one call-ended (`conditions.only_grows`)."""


_PLANS: dict[str, Plan] = {}
_MOST = 64
"""Policies in use at a time are few; replays with many must not fill the memory."""


def plan_of(policy: Policy) -> Plan:
    """The plan of a policy, worked out once for all policies of this digest."""
    plan = _PLANS.get(policy.sha256)
    if plan is None:
        if len(_PLANS) >= _MOST:
            _PLANS.clear()
        plan = _PLANS[policy.sha256] = _planned(policy)
    return plan


def _planned(policy: Policy) -> Plan:
    base = tuple(kind for kind in KIND_ORDER if kind in policy.evidence.required)
    asked_by = {
        row.reason: tuple(name for name in TRIGGERS if policy.triggers[name] == row.reason) for row in policy.reasons
    }
    return Plan(
        policy=policy,
        rows=tuple(
            PlannedRow(row, None if row.when is None else compiled(row.when), _strata(row), asked_by[row.reason])
            for row in policy.reasons
        ),
        conditional=tuple((row.kind, compiled(row.when)) for row in policy.evidence.conditional),
        base=base,
        base_bits=sum(BITS[kind] for kind in base),
        row_bits={row.reason: sum(BITS[kind] for kind in row.requires) for row in policy.reasons},
        only_grows=all(row.when is None or only_grows(row.when) for row in policy.reasons),
    )


def _strata(row: ReasonRow) -> Strata | None:
    sample = row.sample
    if sample is None or not (sample.rate or any(stratum.rate for stratum in sample.strata)):
        return None
    return Strata(sample, row.reason)


def kinds_of(bits: int) -> tuple[Kind, ...]:
    """The kinds in a set of bits (`calls.BITS`), in packet order."""
    kinds = _KINDS.get(bits)
    if kinds is None:
        kinds = _KINDS[bits] = tuple(kind for kind in KIND_ORDER if BITS[kind] & bits)
    return kinds


_KINDS: dict[int, tuple[Kind, ...]] = {}
"""At most one entry a set of kinds."""
