"""The only place where slow records (object storage) are handled side by side, and still acknowledged in order.

One lane a partition and generation. Records of one call are handled one after the other; different calls at the same
time, at most `limit` in one worker. The ack follows the order of the partition. A record that is not due yet waits
beside the others and takes none of their places. Only our own store being away pauses the lane: it tries again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable

from stream_app.pipeline.ports import Effects, Incoming, StoreUnavailable
from stream_app.runtime.lane import MAX_QUEUE, Writer, drain

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0


class ConcurrentLane:
    """Runs one partition of a stage whose `handle` is slow."""

    def __init__(
        self,
        name: str,
        handle: Callable[[Incoming], Awaitable[Effects]],
        due_at: Callable[[Incoming], int] | None,
        writer: Writer,
        limit: asyncio.Semaphore,
        fail: Callable[[str, BaseException], None],
    ) -> None:
        self.name = name
        self._handle = handle
        self._due_at = due_at
        self._writer = writer
        self._limit = limit
        self._fail = fail
        self._queue: deque[tuple[Incoming, asyncio.Task[None], Callable[[], None]]] = deque()
        self._last_of_call: dict[bytes | None, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self.closed = False
        self.done_upto: int | None = None
        self._task = asyncio.create_task(self._acknowledge(), name=f"lane {name}")

    def __len__(self) -> int:
        return len(self._queue)

    async def submit(self, incoming: Incoming, ack: Callable[[], None]) -> None:
        """Start handling one record; waits while the lane is full."""
        while len(self) >= MAX_QUEUE and not self.closed:
            self._room.clear()
            await self._room.wait()
        before = self._last_of_call.get(incoming.key)
        task = asyncio.create_task(self._make(incoming, before), name=f"{self.name} {incoming.offset}")
        self._last_of_call[incoming.key] = task
        self._queue.append((incoming, task, ack))
        self._wake.set()

    async def close(self, drain_s: float) -> None:
        """Finish what was begun if that is quick, then stop; what is not acknowledged will come again."""
        await drain(self, self._task, drain_s)
        self.closed = True
        self._room.set()
        tasks = [self._task, *(task for _, task, _ in self._queue)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _make(self, incoming: Incoming, before: asyncio.Task[None] | None) -> None:
        """Handle one record. A failure is told at once, not when its turn to be acknowledged comes."""
        try:
            await self._handle_when_due(incoming, before)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._give_up(error)
            raise

    def _give_up(self, error: BaseException) -> None:
        if not self.closed:
            self.closed = True
            self._room.set()
            self._fail(self.name, error)

    async def _handle_when_due(self, incoming: Incoming, before: asyncio.Task[None] | None) -> None:
        if self._due_at is not None:
            await asyncio.sleep(max(0.0, self._due_at(incoming) / 1000 - time.time()))
        if before is not None:
            await asyncio.wait([before])
            before.result()  # After one that failed nothing of its call is handled.
        pause = FIRST_PAUSE_S
        while True:
            try:
                async with self._limit:
                    effects = await self._handle(incoming)
                break
            except StoreUnavailable as error:
                log.warning("our object store is away, trying again in %.1f s: %s", pause, error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)
        if effects.sends:
            await self._writer.send_all(effects.sends)

    async def _acknowledge(self) -> None:
        try:
            while True:
                if not self._queue:
                    self._wake.clear()
                    await self._wake.wait()
                incoming, task, ack = self._queue[0]
                await task
                self._queue.popleft()
                if self._last_of_call.get(incoming.key) is task:
                    del self._last_of_call[incoming.key]
                ack()
                self.done_upto = incoming.offset + 1
                if len(self) < MAX_QUEUE:
                    self._room.set()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._give_up(error)
