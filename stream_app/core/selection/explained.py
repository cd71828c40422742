"""The only place that says of each reason whether it holds of a call, and why or why not, without what anybody said.

Of a fact only numbers, flags and words of closed lists are shown; any other says no more than that it is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stream_app.core.conditions import FACTS, AnyOf, Comparison, Condition, Value
from stream_app.core.policy import Policy, ReasonRow
from stream_app.core.selection.facts import Facts
from stream_app.core.selection.plans import plan_of
from stream_app.core.selection.reasons import reasons_of
from stream_app.core.selection.samples import draw, rate_of, stratum_of

_CLOSED = frozenset(fact.name for fact in FACTS if fact.values is not None or fact.type in ("number", "flag"))


def explained(policy: Policy, facts: Facts) -> list[dict[str, Any]]:
    """One entry a reason, in the policy's order: `holds`, `chosen` (the packet's own), and what decided it."""
    hits = [hit.row.reason for hit in reasons_of(policy, facts)]
    asked = facts.values["triggers"]
    assert isinstance(asked, frozenset)
    told = []
    for planned in plan_of(policy).rows:
        row = planned.row
        told.append(
            {
                "reason": row.reason,
                "holds": row.reason in hits,
                "chosen": hits[:1] == [row.reason],
                "priority": row.priority,
                "owner": row.owner,
                "tests": [] if row.when is None else list(_tests(row.when, facts.values)),
                "joinedBy": "any" if isinstance(row.when, AnyOf) else "all",
                "askedForBy": sorted(asked & set(planned.asked_by)),
                "couldBeAskedForBy": list(planned.asked_by),
                "sample": _sample(row, facts),
            }
        )
    return told


def _tests(condition: Condition, values: Mapping[str, Value]) -> Iterator[dict[str, Any]]:
    """Every comparison in the condition, however deep."""
    if isinstance(condition, Comparison):
        name, operand = condition.operator
        value = values.get(condition.fact)
        yield {
            "fact": condition.fact,
            "operator": name,
            "operand": list(operand) if name == "in" else operand,
            "known": value is not None and value != frozenset(),
            "value": _shown(condition.fact, value),
            "holds": condition.holds(values),
        }
        return
    for part in condition.any if isinstance(condition, AnyOf) else condition.all:
        yield from _tests(part, values)


def _shown(fact: str, value: Value | None) -> Any:
    if value is None or fact not in _CLOSED:
        return None
    return sorted(value) if isinstance(value, frozenset) else value


def _sample(row: ReasonRow, facts: Facts) -> dict[str, Any] | None:
    """Where the call's draw lies, and how high the rate of its stratum is."""
    if row.sample is None:
        return None
    if "call" not in facts.primaries:
        return {"inPopulation": False, "stratum": None, "rate": None, "draw": None}
    stratum = stratum_of(row.sample, facts.values)
    return {
        "inPopulation": True,
        "stratum": {field: None if value is None else "known" for field, value in stratum.items()},
        "rate": rate_of(row.sample, stratum),
        "draw": draw(row.sample.seed, row.reason, stratum, facts.call_id),
    }
