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
POLL_MS = 20
"""A log ends in a control record, whose coming wakes nobody: so the position is looked at this often."""


class ReplayStalled(Exception):
    """The broker answers, and the changelog's end does not come nearer."""


@dataclass(frozen=True)
class Replayed:
    """What a replay did."""

    records: int
    seconds: float


class Reader:
    """A consumer of no group, of committed records: one connection for the changelog's ends and for its records."""

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
            retry_backoff_ms=20,  # The first look-up of a topic always finds it unknown, and waits so long.
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


async def ends_of(reader: Any, changelog: str, partitions: list[int]) -> dict[int, int]:
    """Where the changelog ends for committed readers, by partition. Ask only behind the fence: nothing comes after."""
    places = {TopicPartition(changelog, partition): partition for partition in partitions}
    ends = await reader.end_offsets(list(places))
    return {places[place]: end for place, end in ends.items()}


async def replay(
    reader: Any, changelog: str, tables: Mapping[int, TablePartition], ends: Mapping[int, int], derive: LocalRows
) -> Replayed:
    """Bring every store to the end of its changelog. The partitions must be fenced: then nothing comes behind the end.

    Raises ReplayStalled.
    """
    began = moved = told = time.monotonic()
    records = 0
    behind = await _sought(reader, changelog, tables, ends)
    while behind:
        before = records
        for place, fetched in (await reader.getmany(*behind, timeout_ms=POLL_MS)).items():
            behind[place].load(_rows(fetched, derive).items(), fetched[-1].offset)
            records += len(fetched)
            reached("replaying")
        for place in list(behind):
            if await reader.position(place) >= ends[place.partition]:
                del behind[place]
                reader.pause(place)
        now = time.monotonic()
        if records != before:
            moved = now
        elif now - moved > STALL_S:
            raise ReplayStalled(f"no record of {changelog} for {STALL_S:g} s, {len(behind)} partitions to go")
        if now - told > PROGRESS_EVERY_S:
            told = now
            log.info("replaying %s: %d records, %d partitions to go", changelog, records, len(behind))
    return Replayed(records, time.monotonic() - began)


async def _sought(
    reader: Any, changelog: str, tables: Mapping[int, TablePartition], ends: Mapping[int, int]
) -> dict[TopicPartition, TablePartition]:
    """The stores that are behind, with the reader where each goes on. Nothing is asked or fetched for the others."""
    places = {TopicPartition(changelog, number): table for number, table in tables.items() if ends[number]}
    begins = await reader.beginning_offsets(list(places)) if places else {}
    starts = {
        place: max(begins[place], 0 if table.offset is None else table.offset + 1) for place, table in places.items()
    }
    behind = {place: table for place, table in places.items() if starts[place] < ends[place.partition]}
    if behind:
        reader.assign(list(behind))
    for place in behind:
        reader.seek(place, starts[place])
    return behind


def _rows(fetched: list[Any], derive: LocalRows) -> dict[bytes, bytes | None]:
    """What the records leave: the last row of each key, and the local rows of those alone."""
    rows: dict[bytes, bytes | None] = {record.key: record.value for record in fetched}
    for key, row in list(rows.items()):
        if row is not None:
            rows.update(derive(key, row))
    return rows
