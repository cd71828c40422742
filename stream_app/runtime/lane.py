"""The only place where a partition's records are folded and made durable in order: one lane a partition and generation.

Theory of operation. A lane is a FIFO queue and one task. It takes what has queued up as one batch, folds the records
one by one (reads see the rows of the batch before they are stored), and commits the batch:

    1. everything the batch sends is confirmed by the broker
    2. its rows are confirmed in the changelog, then written to the local store
    3. records that expect receipts wait for them; what follows a receipt is sent
    4. in order, records whose turn has come send what had to wait for all before them, and are acknowledged

A crash between any two steps means that the records come again and are folded again: at least once. The join and
identity know a record they have folded. The fenced transaction of the next release takes the place of steps 1 and 2.
A failure in the lane's own generation ends the process (exit 70): the supervisor starts it anew from what is durable.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass, field
from typing import Protocol

from stream_app.pipeline.ports import Effects, Incoming, Outgoing

log = logging.getLogger(__name__)

MAX_BATCH = 500
MAX_QUEUE = 2000
"""Records that wait to be folded in one lane before the consumer is held back. Those that wait for a receipt do not
count: the receipt comes by the same partition, behind any backlog, and holding it back would hold it for ever."""


class Writer(Protocol):
    """Sends records and waits until the broker has confirmed every one."""

    async def send_all(self, records: Sequence[Outgoing]) -> object:
        """Raises when one of them could not be confirmed in time."""
        ...


class Rows(Protocol):
    """The partition's rows: reads see staged writes; `commit` makes them durable."""

    def stage(self, rows: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Let later reads see these rows."""
        ...

    async def commit(self) -> None:
        """Changelog first, then the local store."""
        ...


@dataclass
class Entry:
    """One record between its arrival and its ack."""

    incoming: Incoming
    ack: Callable[[], None]
    effects: Effects = field(default_factory=Effects)
    waiting: set[str] = field(default_factory=set)
    """Receipts that have not come back yet."""
    followed: bool = False
    """Whether `then` was sent and confirmed."""


async def drain(lane: Sized, task: asyncio.Task[None], drain_s: float) -> None:
    """Wait until nothing of the lane is under way, its task has ended, or the time is up."""
    deadline = asyncio.get_running_loop().time() + drain_s
    while len(lane) and not task.done() and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


class Lane:
    """Runs one partition. `handle` folds a record; it must not block."""

    def __init__(
        self,
        name: str,
        handle: Callable[[Incoming], Effects],
        writer: Writer,
        rows: Rows | None,
        fail: Callable[[str, BaseException], None],
    ) -> None:
        self.name = name
        self._handle = handle
        self._writer = writer
        self._rows = rows
        self._fail = fail
        self._arrived: deque[Entry] = deque()
        self._undone: deque[Entry] = deque()
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self.closed = False
        self.done_upto: int | None = None
        """Every record below this offset is durable; None until one was."""
        self._task = asyncio.create_task(self._run(), name=f"lane {name}")

    def __len__(self) -> int:
        """Records that are not acknowledged yet, those of the batch under way included."""
        return len(self._arrived) + len(self._undone)

    async def submit(self, incoming: Incoming, ack: Callable[[], None]) -> None:
        """Queue one record; waits while the lane is full."""
        while len(self._arrived) >= MAX_QUEUE and not self.closed:
            self._room.clear()
            await self._room.wait()
        self._arrived.append(Entry(incoming, ack))
        self._wake.set()

    async def close(self, drain_s: float) -> None:
        """Finish what was begun if that is quick, then stop; what is not acknowledged will come again."""
        await drain(self, self._task, drain_s)
        self.closed = True
        self._room.set()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while True:
                if not self._arrived:
                    self._wake.clear()
                    await self._wake.wait()
                batch = [self._arrived.popleft() for _ in range(min(len(self._arrived), MAX_BATCH))]
                self._undone.extend(batch)
                if len(self._arrived) < MAX_QUEUE:
                    self._room.set()
                await self._commit(batch)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            if not self.closed:
                self._fail(self.name, error)

    async def _commit(self, batch: list[Entry]) -> None:
        receipts: set[str] = set()
        for entry in batch:
            entry.effects = self._handle(entry.incoming)
            entry.waiting = set(entry.effects.expects)
            receipts.update(entry.effects.receipts)
            if self._rows is not None:
                self._rows.stage(entry.effects.rows)
        # 1. Output before state: a state that says "ordered" before the order is safe would lose the order.
        sends = [send for entry in batch for send in entry.effects.sends]
        if sends:
            await self._writer.send_all(sends)
        # 2. State.
        if self._rows is not None:
            await self._rows.commit()
        # 3. Receipts.
        for entry in self._undone:
            entry.waiting -= receipts
        following = [entry for entry in self._undone if not entry.followed and not entry.waiting]
        sends = [send for entry in following for send in entry.effects.then]
        if sends:
            await self._writer.send_all(sends)
        for entry in following:
            entry.followed = True
        # 4. In turn.
        await self._acknowledge()

    async def _acknowledge(self) -> None:
        ready = []
        for entry in self._undone:
            if not entry.followed:
                break
            ready.append(entry)
        sends = [send for entry in ready for send in entry.effects.in_turn]
        if sends:
            await self._writer.send_all(sends)
        for entry in ready:
            self._undone.popleft()
            entry.ack()
            self.done_upto = entry.incoming.offset + 1
