"""The only place that says whether two sides did the same work: their outputs in one form, compared. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec


class _Item(msgspec.Struct):
    event: _EventId


class _EventId(msgspec.Struct, rename="camel"):
    event_id: str


class _Order(msgspec.Struct, rename="camel"):
    canonical_call_id: str
    version: int
    completed_by: str
    items: list[_Item]
    evidence: list[str] | None = None
    """Only the peers state their sorted event IDs beside the items; where stated, both must agree."""


_DECODER = msgspec.json.Decoder(_Order)


@dataclass(frozen=True)
class Order:
    """What an order says, whoever wrote it."""

    call: str
    version: int
    completed_by: str
    events: tuple[str, ...]
    """Sorted; one ID twice shows as such."""


def read_order(value: bytes) -> Order:
    """The order in a record. Raises ValueError for what is none, or contradicts itself."""
    try:
        order = _DECODER.decode(value)
    except msgspec.DecodeError as error:
        raise ValueError(f"not an order: {error}") from None
    events = tuple(sorted(item.event.event_id for item in order.items))
    if order.evidence is not None and tuple(order.evidence) != events:
        raise ValueError(f"{order.canonical_call_id} lists {order.evidence} and carries {list(events)}")
    return Order(order.canonical_call_id, order.version, order.completed_by, events)


def faults(orders: Iterable[Order], complete: Mapping[str, frozenset[str]]) -> list[str]:
    """What is wrong with a side's output, in sentences by kind with an example each; [] when it is exactly right.

    Right is: for each complete call one order, version 1, completed by all evidence, with exactly its events; no other.
    """
    found: dict[str, list[str]] = {}
    times: Counter[str] = Counter()
    for order in orders:
        times[order.call] += 1
        expected = complete.get(order.call)
        if expected is None:
            found.setdefault("ordered though incomplete", []).append(order.call)
        elif order.events != tuple(sorted(expected)):
            found.setdefault("ordered with other evidence than was sent", []).append(order.call)
        if (order.version, order.completed_by) != (1, "all_evidence"):
            found.setdefault("not version 1 by all_evidence", []).append(order.call)
    found["ordered more than once"] = [call for call, count in times.items() if count > 1]
    found["never ordered"] = [call for call in complete if call not in times]
    return [f"{len(calls)} {what}, for example {calls[0]}" for what, calls in found.items() if calls]


def differences(sides: Mapping[str, Iterable[Order]]) -> list[str]:
    """Which sides disagree with the first; [] when all put out the same set of (call, events)."""
    sets = {name: {(order.call, order.events) for order in orders} for name, orders in sides.items()}
    if not sets:
        return []
    first, *others = sets
    return [
        f"{name} and {first} differ in {len(sets[name] ^ sets[first])} orders"
        for name in others
        if sets[name] != sets[first]
    ]
