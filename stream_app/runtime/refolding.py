"""The only place that folds the whole evidence log anew, in memory, and compares the orders it gives with those sent.

The proof for disputes: the same log gives the same orders byte for byte, timeouts included, whoever reads it, in
whatever batches, after whatever crashes. It writes nothing and joins no group, so it can run beside the line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from stream_app.core.policy import Policy
from stream_app.core.wire import WireError, read_json
from stream_app.pipeline.join import JoinPartition
from stream_app.pipeline.ports import Incoming
from stream_app.runtime.client import begin_offsets, read_topic
from stream_app.runtime.memory_rows import MemoryRows
from stream_app.settings import Settings
from stream_app.topics import EVIDENCE, SEAL_ORDERS

BATCH = 500
"""Records folded at a time; how a log is cut into batches changes no order."""

Order = tuple[str, str]
"""(order ID, SHA-256 of the record's value)."""


@dataclass
class Refolding:
    """What came of it. Orders are named by ID and the first 12 digits of the digests of their bytes."""

    records: int = 0
    """Records of `evidence` that were folded."""
    matched: int = 0
    """Orders that are the same byte for byte."""
    differing: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """The log gives them, and `seal-orders` does not hold them (yet: the join may be behind)."""
    unexpected: list[str] = field(default_factory=list)
    """`seal-orders` holds them, and the log does not give them."""
    disordered: list[str] = field(default_factory=list)
    """Partitions in which the same orders stand in another order, or more often."""
    truncated: list[str] = field(default_factory=list)
    """Partitions whose beginning retention has taken: there is no telling what it said."""

    @property
    def identical(self) -> bool:
        """The whole log gives exactly the orders that were sent."""
        return not (self.differing or self.missing or self.unexpected or self.disordered or self.truncated)


class _Partition:
    """One partition of the log, its stage, and the orders that came of it so far."""

    def __init__(self, number: int, default_policy: Policy) -> None:
        self._rows = MemoryRows()
        self._stage = JoinPartition(number, self._rows, default_policy)
        self._stage.recover()
        self._batch: list[Incoming] = []
        self.orders: list[Order] = []

    def take(self, record: Incoming) -> None:
        """The next record."""
        self._batch.append(record)
        if len(self._batch) >= BATCH:
            self.fold()

    def fold(self) -> None:
        """Fold what has gathered."""
        batch, self._batch = self._batch, []
        for one in self._rows.folded(self._stage.fold, batch):
            self.orders += [_order(send.value) for send in one.sends if send.topic == SEAL_ORDERS.name]


async def refold(settings: Settings, default_policy: Policy) -> Refolding:
    """Fold `evidence` from its beginning and compare. Raises KafkaUnavailable, TopicAbsent.

    `default_policy` is in force until the log's first policy record, as it is for the join. The orders are read first:
    one that is sent meanwhile counts as missing, never as unexpected. Holds the rows of every call in memory.
    """
    result = Refolding()
    sent: dict[int, list[Order]] = {}
    async for record in read_topic(settings, SEAL_ORDERS.name):
        sent.setdefault(record.partition, []).append(_order(record.value))
    begins = await begin_offsets(settings, EVIDENCE.name)
    result.truncated = [f"{topic}/{number} begins at {at}" for (topic, number), at in sorted(begins.items()) if at]
    partitions = {number: _Partition(number, default_policy) for _, number in begins}
    async for record in read_topic(settings, EVIDENCE.name):
        result.records += 1
        partitions[record.partition].take(record)
    for number in sorted(partitions | sent):
        orders: list[Order] = []
        if number in partitions:
            partitions[number].fold()
            orders = partitions[number].orders
        _compare(result, number, sent.get(number, []), orders)
    return result


def _compare(result: Refolding, number: int, sent: list[Order], given: list[Order]) -> None:
    """Compare one partition's orders as they were sent with those that the log gives."""
    was, now = dict(sent), dict(given)
    result.matched += sum(now.get(order_id) == digest for order_id, digest in was.items())
    result.differing += [
        f"{order_id} (sent {was[order_id][:12]}, the log gives {now[order_id][:12]})"
        for order_id in sorted(was.keys() & now.keys())
        if was[order_id] != now[order_id]
    ]
    result.missing += [f"{order_id} ({now[order_id][:12]})" for order_id in sorted(now.keys() - was.keys())]
    result.unexpected += [f"{order_id} ({was[order_id][:12]})" for order_id in sorted(was.keys() - now.keys())]
    if [one for one, _ in sent if one in now] != [one for one, _ in given if one in was]:
        result.disordered.append(f"{SEAL_ORDERS.name}/{number}")


def _order(value: bytes | None) -> Order:
    body = value or b""
    try:
        document: Any = read_json(body)
    except WireError:
        document = None
    order_id = document.get("orderId") if isinstance(document, dict) else None
    return str(order_id or "not an order"), sha256(body).hexdigest()
