"""The only place where several call-ended events of one call are read as one: field by field, the latest that says it.

A telephony provider knows how the call was hung up, the agent's platform which version of the agent spoke, the media
server how many channels there were: each sends a call-ended of its own, and none of them alone tells of the call.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, TypeVar

import msgspec

from stream_app.core.calls import Evidence
from stream_app.core.evidence import Kind
from stream_app.core.statements import Statement, statement_of

ALL_READINGS = 4
"""Up to so many call-ended events every choice of them is a reading of its own; of more, each alone."""
AnyEvidence = TypeVar("AnyEvidence", bound=Evidence)
_BY_PARTS = frozenset({"measures", "callQuality", "aliases"})


class MergedCall(msgspec.Struct, frozen=True):
    """One call-ended made of several: when and as what it came is the latest's."""

    kind: Kind
    event_id: str
    received_at: int
    occurred_at: int
    digest: str
    event: dict[str, Any]
    statement: Statement


def merged(calls: Sequence[Evidence]) -> Evidence:
    """The call-ended events as one; they come in the order in which later ones speak before earlier ones."""
    *_, latest = calls
    if len(calls) == 1:
        return latest
    document: dict[str, Any] = {}
    for call in calls:
        document = _over(document, call.event)
    return MergedCall(
        latest.kind,
        latest.event_id,
        latest.received_at,
        latest.occurred_at,
        latest.digest,
        document,
        statement_of(document),
    )


def choices(calls: Sequence[AnyEvidence]) -> list[tuple[AnyEvidence, ...]]:
    """What might have been there before the rest came: what any of it gives a reason for counts in every order."""
    sizes = range(1, len(calls)) if len(calls) <= ALL_READINGS else range(1, 2)
    return [chosen for size in sizes for chosen in combinations(calls, size)]


def _over(known: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    """What is known, with what the later event says: its silence takes nothing back, nor does its `false`."""
    result = dict(known)
    for name, value in later.items():
        if value is None or (value is False and result.get(name) is True):
            continue
        before = result.get(name)
        result[name] = _over(before, value) if name in _BY_PARTS and isinstance(before, dict) else value
    return result
