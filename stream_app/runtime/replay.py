"""The only place where a table's changelog is replayed into local stores: whole fetches at a time, committed ones only.

Why not Faust's own: it applies a record at a time (about 3,000 a second), reads uncommitted records, and waits for ever
on a changelog that ends in a transaction's control record. Here positions tell the end, not records.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_app.runtime.client import AWAY, unavailable
from stream_app.runtime.steps import reached
from stream_app.runtime.tables import TablePartition
from stream_app.settings import Settings

log = logging.getLogger(__name__)

LocalRows = Callable[[bytes, bytes], tuple[tuple[bytes, bytes], ...]]
"""Changelog key and row -> rows that only the local store keeps (an index), made anew here."""

STALL_S = 60.0
"""Without any progress for so long, the replay gives up and the process ends."""
PROGRESS_EVERY_S = 5.0


class ReplayStalled(Exception):
    """The broker answers, and the changelog's end does not come nearer."""


@dataclass(frozen=True)
class Replayed:
    """What a replay did."""

    records: int
    seconds: float


async def ends_of(settings: Settings, changelog: str, partitions: list[int]) -> dict[int, int]:
    """Where the changelog ends for committed readers, by partition. Ask only behind the fence: nothing comes after."""
    async with _Reader(settings) as consumer:
        places = {TopicPartition(changelog, partition): partition for partition in partitions}
        ends = await consumer.end_offsets(list(places))
        return {places[place]: end for place, end in ends.items()}


async def replay(
    settings: Settings, changelog: str, tables: Mapping[int, TablePartition], derive: LocalRows
) -> Replayed:
    """Bring every store to the end of its changelog. The partitions must be fenced: then nothing comes behind the end.

    Raises ReplayStalled, KafkaUnavailable.
    """
    began = time.monotonic()
    records = 0
    async with _Reader(settings) as consumer:
        places = {TopicPartition(changelog, partition): table for partition, table in tables.items()}
        consumer.assign(list(places))
        begins = await consumer.beginning_offsets(list(places))
        ends = await consumer.end_offsets(list(places))
        behind = set()
        for place, table in places.items():
            start = max(begins[place], 0 if table.offset is None else table.offset + 1)
            consumer.seek(place, start)
            if start < ends[place]:
                behind.add(place)
            else:
                consumer.pause(place)
        moved = told = time.monotonic()
        while behind:
            before = records
            for place, fetched in (await consumer.getmany(*behind, timeout_ms=200)).items():
                places[place].load(_rows(fetched, derive), fetched[-1].offset)
                records += len(fetched)
                reached("replaying")
            for place in list(behind):
                if await consumer.position(place) >= ends[place]:
                    behind.discard(place)
                    consumer.pause(place)
            now = time.monotonic()
            if records != before:
                moved = now
            elif now - moved > STALL_S:
                raise ReplayStalled(f"no record of {changelog} for {STALL_S:g} s, {len(behind)} partitions to go")
            if now - told > PROGRESS_EVERY_S:
                told = now
                log.info("replaying %s: %d records, %d partitions to go", changelog, records, len(behind))
    return Replayed(records, time.monotonic() - began)


def _rows(fetched: list[Any], derive: LocalRows) -> list[tuple[bytes, bytes | None]]:
    rows: list[tuple[bytes, bytes | None]] = []
    for record in fetched:
        rows.append((record.key, record.value))
        if record.value is not None:
            rows.extend(derive(record.key, record.value))
    return rows


class _Reader:
    """A consumer of no group, of committed records."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.kafka_bootstrap,
            client_id=f"{settings.app_id}-replay",
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=4 << 20,
            request_timeout_ms=int(settings.request_timeout_s * 1000),
        )

    async def __aenter__(self) -> Any:
        try:
            await self._consumer.start()
        except AWAY as error:
            await self._consumer.stop()
            raise unavailable(self._settings, error) from error
        return self._consumer

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()
