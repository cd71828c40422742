"""The only place where records to write become whole record batches: one await a batch instead of one a record.

The client library's own `send` costs some 100 µs a record, most of it turns of the event loop; its public
`create_batch` and `send_batch` cost a few. Its murmur2 goes byte by byte; ours, by words, gives the same.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stream_app.pipeline.ports import Headers, Outgoing

MAX_BATCH_BYTES = 1 << 20
"""What a record batch takes at most, unless one record alone is larger: the broker limits batches, not records, and
this is below every limit of our topics. A partition has one batch under way: larger ones are fewer round trips."""
MAX_REMEMBERED_KEYS = 100_000

_MIX = 0x5BD1E995
_WORD = 0xFFFFFFFF
_NO_HEADERS: list[tuple[str, bytes]] = []


def murmur2(key: bytes) -> int:
    """The hash of Java's default partitioner, unsigned."""
    words, rest = divmod(len(key), 4)
    hashed = 0x9747B28C ^ len(key)
    for word in struct.unpack_from(f"<{words}I", key):
        mixed = word * _MIX & _WORD
        hashed = hashed * _MIX & _WORD ^ (mixed ^ mixed >> 24) * _MIX & _WORD
    if rest:
        hashed = (hashed ^ int.from_bytes(key[-rest:], "little")) * _MIX & _WORD
    hashed = (hashed ^ hashed >> 13) * _MIX & _WORD
    return hashed ^ hashed >> 15


@dataclass(frozen=True, slots=True)
class Sent:
    """A record batch that was handed over: where to, how many records, and its confirmation (`offset` of the first)."""

    topic: str
    partition: int
    count: int
    confirmation: asyncio.Future[Any]


class Partitioner:
    """Key -> partition as Java's default partitioner has it; keys are remembered."""

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
    producer: Any, records: Iterable[Outgoing], partitioner: Partitioner, full_name: Mapping[str, str]
) -> list[Sent]:
    """Hand the records over, in order within each partition; `full_name` maps a topic's name to that of the broker.

    The producer's `max_batch_size` must be MAX_BATCH_BYTES.
    """
    by_place: dict[tuple[str, int], list[tuple[bytes | None, bytes | None, Headers]]] = {}
    place_of = partitioner.partition
    for record in records:
        place = (record.topic, place_of(record))
        ours = by_place.get(place)
        if ours is None:
            ours = by_place[place] = []
        ours.append((record.key, record.value, record.headers))
    return [
        one
        for (topic, partition), ours in by_place.items()
        for one in await _send(producer, topic, full_name[topic], partition, ours)
    ]


async def send_rows(
    producer: Any, topic: str, full_name: Mapping[str, str], partition: int, rows: Mapping[bytes, bytes | None]
) -> list[Sent]:
    """Hand the rows of one partition over to their changelog; the last batch holds the last row."""
    return await _send(producer, topic, full_name[topic], partition, ((key, row, ()) for key, row in rows.items()))


async def _send(
    producer: Any,
    topic: str,
    full_name: str,
    partition: int,
    records: Iterable[tuple[bytes | None, bytes | None, Headers]],
) -> list[Sent]:
    return [
        Sent(topic, partition, batch.record_count(), await producer.send_batch(batch, full_name, partition=partition))
        for batch in _filled(producer, records)
    ]


def _filled(producer: Any, records: Iterable[tuple[bytes | None, bytes | None, Headers]]) -> Iterator[Any]:
    """Batches with the records in order. A batch that is full takes no more; it always takes its first one."""
    now = time.time_ns() // 1_000_000
    batch = producer.create_batch()
    for key, value, headers in records:
        named = list(headers) if headers else _NO_HEADERS
        if batch.append(timestamp=now, key=key, value=value, headers=named) is None:
            yield batch
            batch = producer.create_batch()
            batch.append(timestamp=now, key=key, value=value, headers=named)
    if batch.record_count():
        yield batch
