"""The only place where what a lane has folded becomes durable: output and state in one fenced transaction.

Theory of operation. The log decides; the local store is a copy of the changelog. One commit is:

    1. one Kafka transaction holds the changelog records and everything the batch sends
    2. when it is committed, the rows are written to the local store in one write, with the changelog's offset
    3. only then may the input be acknowledged (the lane does)

A crash before 1 leaves an open transaction, which the next owner's fence aborts. A crash between 1 and 2 leaves a store
that is behind: the replay brings it up. A crash before 3 makes the records come again; `progress`, a row of the same
transaction, says which they are. A frozen owner that wakes finds its producer fenced and ends its process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer

from stream_app.pipeline.ports import Outgoing
from stream_app.runtime.client import AWAY, MAX_REQUEST_BYTES, Publisher, unavailable
from stream_app.runtime.record_batches import MAX_BATCH_BYTES, Partitioner, send_batches, send_rows
from stream_app.runtime.steps import reached
from stream_app.runtime.tables import Rows, TablePartition
from stream_app.settings import Settings

TRANSACTION_TIMEOUT_MS = 20_000
"""After this the broker aborts what a frozen owner left open, which holds back every reader of committed records."""
COMMIT_TIMEOUT_S = 25.0
"""A commit that takes longer has no known end: the process ends, and its successor's fence finds out."""


class Durable(Protocol):
    """Where a lane makes a batch durable. Not for two commits at a time of one lane."""

    async def commit(self, sends: Sequence[Outgoing], rows: Rows, local: Rows) -> None:
        """Returns when everything is safe; any error leaves it unknown, and the process must end."""
        ...


class Unfenced:
    """For a stage without rows: output may repeat after a fault, the next stage knows a repeat by its position.

    All lanes of the stage share one producer, which takes one batch a partition at a time: so what the lanes want sent
    meanwhile goes out together, as one wave.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._next: list[Outgoing] = []
        self._wave: asyncio.Task[None] | None = None
        self._after: asyncio.Task[None] | None = None

    async def commit(self, sends: Sequence[Outgoing], rows: Rows, local: Rows) -> None:
        """Confirm every record."""
        if rows or local:
            raise ValueError("a stage without a table cannot keep rows")
        if not sends:
            return
        reached("before-transaction")
        self._next += sends
        if self._after is None:
            self._after = asyncio.create_task(self._send_next(self._wave), name="wave")
        await asyncio.shield(self._after)
        reached("committed")

    async def _send_next(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        self._wave, self._after = self._after, None
        sends, self._next = self._next, []
        await self._publisher.send_batches(sends)


class Fenced:
    """The transactional producer and the store of one partition: whoever fences last is its only writer."""

    def __init__(
        self, settings: Settings, transactional_id: str, partitioner: Partitioner, names: dict[str, str], changelog: str
    ) -> None:
        self._settings = settings
        self._partitioner = partitioner
        self._names = names
        self._changelog = changelog
        self._producer = AIOKafkaProducer(
            bootstrap_servers=settings.kafka_bootstrap,
            client_id=transactional_id,
            transactional_id=transactional_id,
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            acks="all",
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
            linger_ms=0,
            request_timeout_ms=min(int(settings.request_timeout_s * 1000), TRANSACTION_TIMEOUT_MS),
        )
        self._one_at_a_time = asyncio.Lock()
        """Stages with two input topics have two lanes over one store: its offset must not jump over a commit."""
        self._table: TablePartition | None = None
        self._cut_off = False
        """A commit was not seen to its end: one behind it would move the store's offset over rows it never got."""

    async def fence(self) -> None:
        """Become the only writer: the one before can commit nothing any more, and what it left open is aborted."""
        try:
            await self._producer.start()
        except AWAY as error:
            raise unavailable(self._settings, error) from error

    def bind(self, table: TablePartition) -> None:
        """Give it the store that its commits go to, when that is recovered."""
        self._table = table

    async def stop(self) -> None:
        """Let go of the connection, and of the store."""
        self._table = None
        await asyncio.wait_for(self._producer.stop(), 5)

    async def commit(self, sends: Sequence[Outgoing], rows: Rows, local: Rows) -> None:
        """One transaction, then one write of the store. With nothing to keep or send, nothing."""
        if not sends and not rows:
            return
        async with self._one_at_a_time:
            table = self._table
            if table is None:
                raise RuntimeError("a commit before the partition was recovered, or after it was given up")
            if self._cut_off:
                raise RuntimeError("a commit after one whose end is not known")
            self._cut_off = True
            reached("before-transaction")
            async with asyncio.timeout(COMMIT_TIMEOUT_S):  # `wait_for` may lose a cancellation.
                offset = await self._transact(sends, rows, table.partition)
            reached("committed")
            table.write(rows, local, offset)
            self._cut_off = False
            reached("stored")

    async def _transact(self, sends: Sequence[Outgoing], rows: Rows, partition: int) -> int | None:
        """Commit everything; returns the changelog offset of the last row, None without rows."""
        await self._producer.begin_transaction()
        kept = await send_rows(self._producer, self._changelog, self._names, partition, rows)
        sent = await send_batches(self._producer, sends, self._partitioner, self._names)
        confirmed: list[Any] = await asyncio.gather(*(one.confirmation for one in (*kept, *sent)))
        reached("in-transaction")
        await self._producer.commit_transaction()
        return confirmed[len(kept) - 1].offset + kept[-1].count - 1 if kept else None
