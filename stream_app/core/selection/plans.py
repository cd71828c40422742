"""The only place where a policy is made ready to be asked often: conditions compiled, the constant worked out once."""

from __future__ import annotations

from dataclasses import dataclass

from stream_app.core.calls import BITS
from stream_app.core.conditions import Test, compiled, only_grows
from stream_app.core.evidence import KIND_ORDER, Kind
from stream_app.core.policy import Policy, ReasonRow


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """A reason's row, with its condition as a function of the facts."""

    row: ReasonRow
    test: Test | None


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
    return Plan(
        policy=policy,
        rows=tuple(PlannedRow(row, None if row.when is None else compiled(row.when)) for row in policy.reasons),
        conditional=tuple((row.kind, compiled(row.when)) for row in policy.evidence.conditional),
        base=base,
        base_bits=sum(BITS[kind] for kind in base),
        only_grows=all(row.when is None or only_grows(row.when) for row in policy.reasons),
    )
