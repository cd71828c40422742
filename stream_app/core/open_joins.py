"""The only place that lists calls which wait for evidence: what each misses, since when, whose job it is; and counts.

"Open" is what the join's row says: evidence is awaited, and the deadline lies ahead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from heapq import heappush, heappushpop
from typing import Any, Literal

import msgspec

from stream_app.core.calls import CallState
from stream_app.core.evidence import Kind
from stream_app.core.instants import LATEST_MS, format_instant
from stream_app.core.requirements import EXPECTED_FROM
from stream_app.core.standing import View, stand

By = Literal["source", "missing", "policy"]
BYS: tuple[By, ...] = ("source", "missing", "policy")
MAX_LISTED = 1000
"""What is listed is sorted, masked and written while other questions, and /livez, wait."""


class Wanted(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Which open joins are asked for. Of `missing` any is enough; ages are counted from `now`, ms of a wall clock."""

    now: int
    missing: tuple[Kind, ...] = ()
    older_than_ms: int = 0
    limit: int = 100
    """At most so many are listed, the oldest first; all are counted."""


class OpenJoins:
    """Folds the calls of one partition, one at a time."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._count = 0
        self._by: dict[By, Counter[str]] = {by: Counter() for by in BYS}
        self._oldest: list[tuple[int, str, dict[str, Any]]] = []
        """A heap, the youngest on top: (minus its time, call, row)."""

    def add(self, state: CallState, view: View) -> None:
        """Count and keep this call where it is asked for."""
        since, wanted = state.open_since, self._wanted
        if since is None or state.merged_into is not None or wanted.now - since < wanted.older_than_ms:
            return
        standing = stand(state, view)
        missing = [(gap.kind, gap.expected_from or EXPECTED_FROM[gap.kind]) for gap in standing.waiting]
        if wanted.missing and not any(kind in wanted.missing for kind, _ in missing):
            return
        self._count += 1
        by = self._by
        for kind, _ in missing:
            by["missing"][kind] += 1
        # Whose job it is to end the wait: with a filter, of what was asked for. A source counts once a call.
        for source in {source for kind, source in missing if not wanted.missing or kind in wanted.missing}:
            by["source"][source] += 1
        by["policy"][standing.policy.version] += 1
        if not wanted.limit:
            return
        if len(self._oldest) >= wanted.limit and -since <= self._oldest[0][0]:
            return
        timing = standing.policy.timing
        deadline = standing.deadline
        row = {
            "canonicalCallId": state.call_id,
            "openSince": format_instant(since),
            "ageS": round((wanted.now - since) / 1000, 1),
            "deadlineAt": format_instant(since + timing.orphan if deadline is None else deadline),
            "ended": standing.call is not None,
            "reasons": [hit.row.reason for hit in standing.hits],
            "missing": [{"kind": kind, "expectedFrom": source} for kind, source in missing],
            "policy": standing.policy.version,
            "versionsOrdered": state.version,
        }
        put = heappush if len(self._oldest) < wanted.limit else heappushpop
        put(self._oldest, (-since, state.call_id, row))

    def result(self) -> dict[str, Any]:
        """What `merged` takes."""
        return {
            "count": self._count,
            "by": {by: dict(counts) for by, counts in self._by.items()},
            "joins": [row for _, _, row in sorted(self._oldest, key=_oldest_first)],
        }


def _oldest_first(one: tuple[int, str, dict[str, Any]]) -> tuple[int, str]:
    return -one[0], one[1]


def merged(results: Iterable[dict[str, Any]], limit: int) -> dict[str, Any]:
    """Partitions' results as one; the counts most frequent first."""
    count, by, joins = 0, {name: Counter[str]() for name in BYS}, []
    for one in results:
        count += one["count"]
        joins += one["joins"]
        for name in BYS:
            by[name].update(one["by"][name])
    joins.sort(key=lambda row: (row["openSince"], row["canonicalCallId"]))
    counted = {name: dict(sorted(counts.items(), key=lambda one: (-one[1], one[0]))) for name, counts in by.items()}
    return {"count": count, "by": counted, "joins": joins[:limit]}


def horizon(view: View) -> int:
    """No open call is due later than this, ms of the join's time: those behind it need not be looked at."""
    if view.now is None:
        return LATEST_MS
    policies = (view.active, *view.policies.values())
    longest = max(max(one.timing.deadline, one.timing.orphan, one.timing.reason_grace) for one in policies)
    return min(LATEST_MS, view.now + longest + max(one.timing.skew_ahead for one in policies))
