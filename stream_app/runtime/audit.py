"""The only place that accounts for every input position, and matches orders with packets: closed accounting.

Read from outside, from topics alone: what was put in, what was refused, what the stages remember, what came out.
"""

from __future__ import annotations

import asyncio
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from stream_app.core.evidence import Position
from stream_app.core.identity_records import Place
from stream_app.core.wire import WireError, read_json
from stream_app.pipeline.intake import Refusal
from stream_app.pipeline.ports import Incoming
from stream_app.pipeline.provider_records import part_of, read_record
from stream_app.runtime import changelogs
from stream_app.runtime.client import read_topic
from stream_app.runtime.otlp_codec import document_of
from stream_app.settings import Settings
from stream_app.topics import DEAD_LETTERS, INTAKE_TOPICS, PACKETS, SEAL_ORDERS

PATIENCE_S = 4.0
"""How long rows that wait in a stage (`lane.LATER_S`) may take to be there."""

Ending = Literal["used", "duplicate", "conflict", "dead_letter", "parked", "late", "nothing"]
"""`nothing`: a provider's payload that says nothing of any call."""


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
    """Packets published more than once."""
    doubled: list[str] = field(default_factory=list)
    """Orders given more than once."""

    @property
    def one_to_one(self) -> bool:
        """Every order has its one packet (or dead letter), every packet its one order."""
        return not (self.unmarked or self.unsealed or self.repeated or self.doubled)


async def accounting(settings: Settings) -> Accounting:
    """Account for every position of the input topics. Raises KafkaUnavailable, TopicAbsent.

    What stages remember may be a second old, and older where the broker is slow: what is not accounted for at first is
    looked for again for a while.
    """
    until = time.monotonic() + PATIENCE_S
    while True:
        found = await _look(settings)
        if found.closed or time.monotonic() >= until:
            return found
        await asyncio.sleep(1)


async def _look(settings: Settings) -> Accounting:
    ended: dict[str, set[Ending]] = {}
    late: set[str] = set()

    def mark(position: Position | Place, ending: Ending) -> None:
        ended.setdefault(position.key(), set()).add(ending)

    async for record in read_topic(settings, DEAD_LETTERS.name):
        letter = read_json(record.value or b"")
        mark(Position.from_dict(letter["position"]), "dead_letter")
        if letter["reason"] == "late":  # The letter is about an order: its evidence is what came late.
            late.update(Position.from_dict(item["position"]).key() for item in _order_in(letter)["items"])
    for alias in (await changelogs.read_identity(settings)).values():
        for event in alias.parked:
            mark(event.position, "parked")
    uncounted = 0
    for call in (await changelogs.read_join(settings)).calls.values():
        conflicting = {position.key() for conflict in call.conflicts for position in conflict.positions}
        for conflict in call.conflicts:
            for position in conflict.positions:
                mark(position, "conflict")
        for item in call.items:
            if item.position.key() not in conflicting:
                mark(item.position, "used")
        for repeated in call.duplicates:
            mark(repeated, "duplicate")
        uncounted += call.duplicate_count - len(call.duplicates)
    async for record in read_topic(settings, PACKETS.name):
        for entry in read_json(record.value or b"{}").get("evidence", ()):
            key = f"{entry['topic']}/{entry['partition']}/{entry['offset']}"
            ended.setdefault(key, {"used"})
    for key in late:
        if ended.get(key, {"used"}) == {"used"}:
            ended[key] = {"late"}
    result = Accounting()
    providers = settings.providers_by_topic()
    async for record in read_topic(settings, *(topic.name for topic in INTAKE_TOPICS), *providers):
        result.positions += 1
        key = f"{record.topic}/{record.partition}/{record.offset}"
        endings = ended.get(key, set())
        if record.topic in providers and "dead_letter" not in endings:
            endings = _endings_of_parts(record, providers, ended)
        if not endings:
            result.unaccounted.append(key)
        elif len(endings) > 1 and record.topic not in providers:  # Of several events each has its own end.
            result.twice.append(f"{key} ({', '.join(sorted(endings))})")
        for ending in endings:
            result.endings.setdefault(record.topic, Counter())[ending] += 1
    # Of a call with very many duplicates the later ones are only counted: so many positions may have no name, no more.
    if len(result.unaccounted) <= uncounted:
        for key in result.unaccounted:
            result.endings.setdefault(key.split("/")[0], Counter())["duplicate"] += 1
        result.unaccounted = []
    return result


def _endings_of_parts(
    record: Incoming, providers: Mapping[str, str | None], ended: Mapping[str, set[Ending]]
) -> set[Ending]:
    """How the events of one payload ended; none where one of them is unaccounted for."""
    try:
        found = read_record(record, providers, document_of)
    except Refusal:
        return set()  # Its dead letter is not there.
    if found is None:
        return {"nothing"}
    places = (part_of(record.topic, number) for number in range(len(found.made.events)))
    endings = [ended.get(f"{place}/{record.partition}/{record.offset}", set()) for place in places]
    return set().union(*endings) if all(endings) else set()


async def matching(settings: Settings) -> Matching:
    """Match orders with packets one to one. Raises KafkaUnavailable, TopicAbsent.

    Orders are read last: what is sealed meanwhile is an order without a packet, never a packet that nobody ordered.
    """
    packets: Counter[str] = Counter()
    async for record in read_topic(settings, PACKETS.name):
        packets[read_json(record.value or b"")["packetId"]] += 1
    refused: set[str] = set()
    async for record in read_topic(settings, DEAD_LETTERS.name):
        letter = read_json(record.value or b"")
        if letter["stage"] == "seal":
            refused.add(_order_in(letter).get("orderId") or Position.from_dict(letter["position"]).key())
    orders: Counter[str] = Counter()
    async for record in read_topic(settings, SEAL_ORDERS.name):
        # What is no order cannot be sealed either: known by its position, it waits for its dead letter.
        orders[_object(record.value).get("orderId") or f"{record.topic}/{record.partition}/{record.offset}"] += 1
    ordered = set(orders)
    return Matching(
        orders=len(ordered),
        packets=len(packets),
        unmarked=sorted(set(packets) - ordered),
        unsealed=sorted(ordered - set(packets) - refused),
        repeated=sorted(packet for packet, count in packets.items() if count > 1),
        doubled=sorted(order for order, count in orders.items() if count > 1),
    )


def _order_in(letter: dict[str, Any]) -> dict[str, Any]:
    """The seal order in a dead letter's body, also where a retry carries it; {} where there is none."""
    document = _object(b64decode(letter["body"] or ""))
    order = document.get("order", document)
    return order if isinstance(order, dict) else {}


def _object(value: bytes | None) -> dict[str, Any]:
    try:
        document = read_json(value or b"")
    except WireError:
        return {}
    return document if isinstance(document, dict) else {}
