"""The only place where records to write become whole record batches: one await a batch instead of one a record.

The client library's own `send` costs some 100 µs a record, most of it turns of the event loop; its public
`create_batch` and `send_batch` cost a few.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiokafka.partitioner import murmur2

from stream_app.pipeline.ports import Outgoing

MAX_BATCH_BYTES = 512 << 10
"""Payload of one record batch, unless one record alone is larger: the broker limits batches, not records."""
BUILDER_BYTES = 1 << 20
"""What the client library's builders take at most: the payload above and what the format adds, below every limit of
our topics."""
MAX_REMEMBERED_KEYS = 100_000


@dataclass(frozen=True, slots=True)
class Sent:
    """A record batch that was handed over: where to, how many records, and its confirmation (`offset` of the first)."""

    topic: str
    partition: int
    count: int
    confirmation: asyncio.Future[Any]


class Partitioner:
    """Key -> partition as Java's default partitioner has it; murmur2 in Python is slow, so keys are remembered."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._hashes: dict[bytes, int] = {}

    def count(self, topic: str, partitions: int) -> None:
        """Tell how many partitions a topic has."""
        self._counts[topic] = partitions

    def knows(self, topic: str) -> bool:
        """Whether the topic's partitions were counted."""
        return topic in self._counts

    def partition(self, record: Outgoing) -> int:
        """Where the record goes: its own partition, else by its key; without both to the first."""
        if record.partition is not None:
            return record.partition
        if record.key is None:
            return 0
        hashed = self._hashes.get(record.key)
        if hashed is None:
            if len(self._hashes) >= MAX_REMEMBERED_KEYS:
                self._hashes.clear()
            hashed = self._hashes[record.key] = murmur2(record.key) & 0x7FFFFFFF
        return hashed % self._counts[record.topic]


async def send_batches(
    producer: Any, records: Iterable[Outgoing], partitioner: Partitioner, full_name: dict[str, str]
) -> list[Sent]:
    """Hand the records over, in order within each partition; `full_name` maps a topic's name to that of the broker."""
    by_place: dict[tuple[str, int], list[Outgoing]] = {}
    for record in records:
        by_place.setdefault((record.topic, partitioner.partition(record)), []).append(record)
    now = time.time_ns() // 1_000_000
    sent: list[Sent] = []
    for (topic, partition), ours in by_place.items():
        for batch, count in _filled(producer, ours, now):
            confirmation = await producer.send_batch(batch, full_name[topic], partition=partition)
            sent.append(Sent(topic, partition, count, confirmation))
    return sent


def _filled(producer: Any, records: list[Outgoing], now: int) -> Iterable[tuple[Any, int]]:
    batch, count, size = producer.create_batch(), 0, 0
    for record in records:
        weight = len(record.key or b"") + len(record.value or b"") + sum(len(content) for _, content in record.headers)
        if count and size + weight > MAX_BATCH_BYTES:
            yield batch, count
            batch, count, size = producer.create_batch(), 0, 0
        headers = list(record.headers)
        if batch.append(timestamp=now, key=record.key, value=record.value, headers=headers) is None:
            # Full, by what the format adds to very small records. A batch always takes its first one.
            yield batch, count
            batch, count, size = producer.create_batch(), 0, 0
            batch.append(timestamp=now, key=record.key, value=record.value, headers=headers)
        count += 1
        size += weight
    if count:
        yield batch, count
