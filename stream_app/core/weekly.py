"""The only place for the weekly report (`aggregate_only`): counts of packets, and what is too small to tell.

Only one-way tables over one total are told, so nothing can be found out by laying them across each other. In each, a
group below MIN_GROUP calls is withheld; a single withheld group would follow from the total, so the next smallest goes
with it until those withheld are two at least and MIN_GROUP calls together. Labels that may name somebody are `other`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from stream_app.core.instants import parse_instant

MIN_GROUP = 5
OTHER = "other"
NONE = "none"
_WEEK = re.compile(r"(\d{4})-W(\d{2})")
_LABEL = re.compile(r"(?!.*\d{5})[a-z][a-z0-9_]{0,47}")
_AGENT = re.compile(r"(?!.*\d{5})[A-Za-z][A-Za-z0-9_.@-]{0,63}")


@dataclass(frozen=True, slots=True)
class Table:
    """Calls by one property. `withheld`: how many groups are too small to be told; how many calls they hold is not."""

    name: str
    groups: Mapping[str, int]
    withheld: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """One week. `calls` None: fewer than MIN_GROUP, and then there is no table."""

    week: str
    calls: int | None
    tables: tuple[Table, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON; no identifiers."""
        return {
            "schemaVersion": 1,
            "exportLevel": "aggregate_only",
            "week": self.week,
            "minimumGroup": MIN_GROUP,
            "calls": self.calls,
            "tables": [
                {"by": one.name, "groups": dict(one.groups), "groupsWithheld": one.withheld} for one in self.tables
            ],
        }


def week_bounds(week: str) -> tuple[int, int]:
    """First and last-plus-one ms (UTC) of an ISO week like `2026-W23`. Raises ValueError."""
    found = _WEEK.fullmatch(week)
    if found is None:
        raise ValueError("a week looks like 2026-W23")
    begin = datetime.fromisocalendar(int(found[1]), int(found[2]), 1).replace(tzinfo=UTC)
    return int(begin.timestamp() * 1000), int((begin + timedelta(days=7)).timestamp() * 1000)


def report_of(packets: Iterable[Mapping[str, Any]], week: str) -> Report:
    """The report of packets (as on `packets`) sealed in this week. Of each call its last version counts."""
    begin, end = week_bounds(week)
    last: dict[str, Mapping[str, Any]] = {}
    for packet in packets:
        known = last.get(packet["canonicalCallId"])
        if begin <= parse_instant(packet["sealedAt"]) < end and (known is None or packet["version"] > known["version"]):
            last[packet["canonicalCallId"]] = packet
    if len(last) < MIN_GROUP:
        return Report(week, None, ())
    counted = {name: Counter(told(packet) for packet in last.values()) for name, told in TABLES}
    return Report(week, len(last), tuple(_table(name, groups) for name, groups in counted.items()))


def _table(name: str, groups: Counter[str]) -> Table:
    ascending = sorted(groups.items(), key=lambda group: (group[1], group[0]))
    small = [group for group, count in ascending if count < MIN_GROUP]
    withheld = len(small)
    while (
        withheld
        and withheld < len(ascending)
        and (withheld < 2 or sum(count for _, count in ascending[:withheld]) < MIN_GROUP)
    ):
        withheld += 1
    shown = sorted(ascending[withheld:], key=lambda group: (-group[1], group[0]))
    return Table(name, dict(shown), withheld)


def _label(field: str, packet: Mapping[str, Any]) -> str:
    found = (packet["evaluationResult"] or {}).get(field)
    return NONE if found is None else found if _LABEL.fullmatch(found) else OTHER


def _agent(packet: Mapping[str, Any]) -> str:
    found = packet["agentVersion"]
    return NONE if found is None else found if _AGENT.fullmatch(found) else OTHER


def _segment(field: str, packet: Mapping[str, Any]) -> str:
    found = (packet.get("segment") or {}).get(field)
    return NONE if found is None else found if _AGENT.fullmatch(found) else OTHER


TABLES = (
    ("status", lambda packet: str(packet["status"])),
    ("selectionReason", lambda packet: str(packet["selectionReason"])),
    ("agentVersion", _agent),
    ("agentId", lambda packet: _segment("agentId", packet)),
    ("queue", lambda packet: _segment("queue", packet)),
    ("language", lambda packet: _segment("language", packet)),
    ("cohort", lambda packet: _segment("cohort", packet)),
    ("label", lambda packet: _label("label", packet)),
    ("failureLabel", lambda packet: _label("failureLabel", packet)),
)
"""(what calls are counted by, how it is read from a packet)."""
