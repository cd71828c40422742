"""The only place for what the judge looks at: everything that was sent, and everything that came of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tests.chaos.reading import Position, Record
from tests.chaos.story import Plan, Send, Timing

OUTPUTS = ("packets", "packets-restricted", "seal-orders", "join-alerts", "dead-letters")


@dataclass(frozen=True)
class Sent:
    """One record of the plan where it came to stand. `at` is the broker's append time, ms."""

    send: Send
    position: Position
    at: int


@dataclass
class World:
    """What was sent, and what lies in the output topics and the object store afterwards."""

    plan: Plan
    timing: Timing
    sent: list[Sent]
    records: dict[str, list[Record]]
    """Output topic -> its committed records."""
    objects: dict[str, bytes] = field(default_factory=dict)
    """URI -> bytes of every object in the packet bucket."""
    audit: dict[str, Any] | None = None
    """What `stream-app audit --json` says; None: it was not asked."""

    def documents(self, topic: str) -> list[dict[str, Any]]:
        """The JSON of every record of the topic; {} for one that is none."""
        return [document_of(record) for record in self.records.get(topic, ())]

    @cached_property
    def restricted(self) -> dict[str, dict[str, Any]]:
        """Packet ID -> the body that only restricted readers get."""
        return {str(one.get("packetId")): one for one in self.documents("packets-restricted")}

    @cached_property
    def positions(self) -> dict[str, set[Position]]:
        """Event ID -> where it stands, each copy."""
        found: dict[str, set[Position]] = {}
        for one in self.sent:
            if one.send.event_id is not None:
                found.setdefault(one.send.event_id, set()).add(one.position)
        return found

    @property
    def waiting(self) -> int:
        """How many of the records that were sent must wait for ever."""
        return sum(one.send.event_id in self.plan.waiting for one in self.sent)

    @cached_property
    def delayed(self) -> set[str]:
        """Calls whose timely events reached the broker only near or after the deadline: no fault of the line."""
        first: dict[tuple[str, str], int] = {}
        for one in self.sent:
            if one.send.call is not None and one.send.event_id is not None:
                key = (one.send.call, one.send.event_id)
                first[key] = min(first.get(key, one.at), one.at)
        found = set()
        for (call, event_id), at in first.items():
            truth = self.plan.truths[call]
            timely = event_id not in truth.later and truth.events.get(event_id) != "report"
            if timely and at >= truth.end + self.timing.deadline - 1000:
                found.add(call)
        return found


def document_of(record: Record) -> dict[str, Any]:
    """The record's JSON object; {} where it holds none."""
    try:
        document = json.loads(record.value or b"{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def place(position: dict[str, Any]) -> Position:
    """A position as the contract writes it."""
    return (position["topic"], position["partition"], position["offset"])
