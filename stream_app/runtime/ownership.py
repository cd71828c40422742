"""The only place where a table's partitions are taken over: fence, trust or wipe the local store, replay.

Theory of operation. The order matters:

    1. fence: start the transactional producer of every partition. The owner before can commit nothing more.
    2. look at the local stores: one that is ahead of its log, or so old that the log may have dropped tombstones
       which it never saw, is wiped
    3. replay the changelog from where each store stands to its end. Because of 1 nothing comes behind that end.

All of it belongs to one generation of the consumer group. A revocation may come at any step: whoever called checks
after every await that its generation is still the one, and stops what was begun.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import shutil
import time
from typing import Any

from stream_app.runtime.durable import Fenced
from stream_app.runtime.record_batches import Partitioner
from stream_app.runtime.replay import LocalRows, Reader, ends_of, replay
from stream_app.runtime.steps import reached
from stream_app.runtime.tables import TablePartition
from stream_app.settings import Settings

log = logging.getLogger(__name__)

DELETE_RETENTION_MS = 24 * 3600 * 1000
"""How long a compacted changelog keeps tombstones (the broker's default, and set on our changelogs)."""
MAX_STORE_AGE_MS = DELETE_RETENTION_MS // 2
"""A store written longer ago may hold rows whose tombstones are gone: it would bring the dead back."""
CANCEL_S = 5.0


class Owned:
    """Partitions of one table in one generation: their fenced producers and their stores."""

    def __init__(self, settings: Settings, table: Any, stage: str, partitioner: Partitioner, names: dict[str, str]):
        self._settings = settings
        self._table = table
        self._group = settings.group(stage)
        self._partitioner = partitioner
        self._names = names
        self._changelog: str = table.changelog_topic_name
        self.fenced: dict[int, Fenced] = {}
        self.tables: dict[int, TablePartition] = {}
        self._taking: asyncio.Task[None] | None = None

    async def take(self, partitions: list[int], derive: LocalRows) -> None:
        """Become the owner. Raises KafkaUnavailable, ReplayStalled, what the store raises; and, when the partitions are
        let go of meanwhile, CancelledError."""
        self._taking = asyncio.create_task(self._take(partitions, derive), name=f"take over {self._group}")
        await self._taking

    async def _take(self, partitions: list[int], derive: LocalRows) -> None:
        began = time.monotonic()
        # 1. Fence.
        short = self._changelog.removeprefix(self._settings.topic_prefix)
        for partition in partitions:
            self.fenced[partition] = Fenced(
                self._settings, f"{self._group}-{partition}", self._partitioner, self._names, short
            )
        await asyncio.gather(*(fenced.fence() for fenced in self.fenced.values()))
        reached("fencing")
        fenced_at = time.monotonic()
        async with Reader(self._settings) as reader:
            # 2. Look at the stores.
            ends = await ends_of(reader, self._changelog, partitions)
            for partition in partitions:
                self.tables[partition] = self._trusted(partition, ends[partition])
            # 3. Replay.
            done = await replay(reader, self._changelog, self.tables, ends, derive)
        for partition, fenced in self.fenced.items():
            fenced.bind(self.tables[partition])
        log.info(
            "%s: %d partitions fenced in %.2f s, %d records replayed in %.2f s",
            self._group, len(partitions), fenced_at - began, done.records, done.seconds,
        )  # fmt: skip

    async def let_go(self) -> None:
        """Stop the producers and drop the stores; a take-over that is under way is cancelled, and leaves nothing."""
        taking, self._taking = self._taking, None
        if taking is not None and not taking.done():
            taking.cancel()
            await asyncio.wait({taking}, timeout=CANCEL_S)
        fenced, self.fenced = self.fenced, {}
        for stopped in await asyncio.gather(*(one.stop() for one in fenced.values()), return_exceptions=True):
            if isinstance(stopped, BaseException):
                log.info("a producer did not stop cleanly: %r", stopped)
        tables, self.tables = self.tables, {}
        for table in tables.values():
            table.release()

    def _trusted(self, partition: int, end: int) -> TablePartition:
        table = TablePartition(self._table, partition)
        doubt = _doubt(table, end, time.time_ns() // 1_000_000)
        if doubt is None:
            return table
        log.warning("%s partition %d: the local store is wiped: %s", self._group, partition, doubt)
        table.release()
        store = self._table.data
        store._dbs.pop(partition, None)
        gc.collect()  # RocksDB's lock goes with the last reference.
        shutil.rmtree(store.partition_path(partition), ignore_errors=True)
        return TablePartition(self._table, partition)


def _doubt(table: TablePartition, end: int, now: int) -> str | None:
    """Why the store cannot be believed, or None."""
    offset, written = table.offset, table.written_at
    if offset is None:
        return None
    if offset >= end:
        return f"it is at offset {offset} of a changelog that ends at {end}: that log was lost or made anew"
    if written is None or now - written > MAX_STORE_AGE_MS:
        return "it was last written so long ago that the changelog may have dropped tombstones since"
    return None
