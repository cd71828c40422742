"""The only place that accounts for every input position, and matches orders with packets: closed accounting.

Read from outside, from topics alone: what was put in, what was refused, what the stages remember, what came out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from stream_app.core.calls import MAX_KEPT_REPEATS
from stream_app.core.evidence import Position
from stream_app.core.wire import read_json
from stream_app.runtime import changelogs
from stream_app.runtime.client import read_topic
from stream_app.settings import Settings
from stream_app.topics import DEAD_LETTERS, INTAKE_TOPICS, PACKETS, SEAL_ORDERS

Ending = Literal["used", "duplicate", "conflict", "dead_letter", "parked", "late"]


@dataclass
class Accounting:
    """Where every input position ended. `unaccounted` is empty on a line that has come to rest."""

    positions: int = 0
    endings: dict[str, Counter[Ending]] = field(default_factory=dict)
    """Input topic -> how many ended how."""
    unaccounted: list[str] = field(default_factory=list)
    """Positions that nothing knows: still on their way, or forgotten with their call after its retention."""
    twice: list[str] = field(default_factory=list)
    """Positions that ended in more than one way."""

    @property
    def closed(self) -> bool:
        """Every position ended in exactly one way."""
        return not self.unaccounted and not self.twice


@dataclass
class Matching:
    """`seal-orders` against `packets`, by packet ID."""

    orders: int = 0
    packets: int = 0
    unmarked: list[str] = field(default_factory=list)
    """Packets that nobody ordered."""
    unsealed: list[str] = field(default_factory=list)
    """Orders without a packet (or dead letter) yet."""
    repeated: list[str] = field(default_factory=list)
    """Packets published more than once: allowed at least once, to be dropped by `packetId`."""


async def accounting(settings: Settings) -> Accounting:
    """Account for every position of the input topics. Raises KafkaUnavailable, TopicAbsent."""
    ended: dict[str, set[Ending]] = {}

    def mark(position: Position, ending: Ending) -> None:
        ended.setdefault(position.key(), set()).add(ending)

    async for record in read_topic(settings, DEAD_LETTERS.name):
        letter = read_json(record.value or b"")
        mark(Position.from_dict(letter["position"]), "late" if letter["reason"] == "late" else "dead_letter")
    for alias in (await changelogs.read_identity(settings)).values():
        for event in alias.parked:
            mark(event.position, "parked")
    overflow = False
    for call in (await changelogs.read_join(settings)).calls.values():
        conflicting = {position.key() for conflict in call.conflicts for position in conflict.positions}
        for conflict in call.conflicts:
            for position in conflict.positions:
                mark(position, "conflict")
        for item in call.items:
            if item.position.key() not in conflicting:
                mark(item.position, "used")
        for position in call.duplicates:
            mark(position, "duplicate")
        overflow = overflow or call.duplicate_count > MAX_KEPT_REPEATS
    async for record in read_topic(settings, PACKETS.name):
        for entry in read_json(record.value or b"{}").get("evidence", ()):
            key = f"{entry['topic']}/{entry['partition']}/{entry['offset']}"
            ended.setdefault(key, set()).add("used") if not ended.get(key) else None
    result = Accounting()
    async for record in read_topic(settings, *(topic.name for topic in INTAKE_TOPICS)):
        result.positions += 1
        key = f"{record.topic}/{record.partition}/{record.offset}"
        endings = ended.get(key, set())
        if not endings and not overflow:
            result.unaccounted.append(key)
        elif len(endings) > 1:
            result.twice.append(f"{key} ({', '.join(sorted(endings))})")
        for ending in endings:
            result.endings.setdefault(record.topic, Counter())[ending] += 1
    return result


async def matching(settings: Settings) -> Matching:
    """Match orders with packets one to one. Raises KafkaUnavailable, TopicAbsent."""
    ordered: set[str] = set()
    async for record in read_topic(settings, SEAL_ORDERS.name):
        ordered.add(read_json(record.value or b"")["orderId"])
    packets: Counter[str] = Counter()
    async for record in read_topic(settings, PACKETS.name):
        packets[read_json(record.value or b"")["packetId"]] += 1
    refused: set[str] = set()
    async for record in read_topic(settings, DEAD_LETTERS.name):
        letter = read_json(record.value or b"")
        if letter["stage"] == "seal":
            refused.add(letter["detail"].split()[0])
    return Matching(
        orders=len(ordered),
        packets=len(packets),
        unmarked=sorted(set(packets) - ordered),
        unsealed=sorted(ordered - set(packets) - refused),
        repeated=sorted(packet for packet, count in packets.items() if count > 1),
    )
