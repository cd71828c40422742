"""The only place where slow records (object storage) are handled side by side, and still acknowledged in order.

One lane a partition and generation. Records of one call are handled one after the other; different calls at the same
time, at most `limit` in one worker. What a record sends is made durable together with the fact that it is done
(`progress`), in whatever order they finish, several in one commit; the ack follows the order of the partition. So a
record that comes again after a fault is handled again only if nothing of it was published. A record that is not due yet
waits beside the others and takes none of their places. Only our own store being away pauses a record: it tries again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from stream_app.pipeline.ports import Effects, Incoming, Outgoing, StoreUnavailable
from stream_app.runtime.durable import Durable
from stream_app.runtime.lane import Ack, drain
from stream_app.runtime.progress import Progress, row_key
from stream_app.runtime.steps import reached

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
MAX_UNDER_WAY = 2000
"""Records under way in one lane before the consumer is held back."""


@dataclass
class Work:
    """One record between its arrival and its ack; `ack` is that of its batch, on the batch's last record only.

    Without the record itself: what is done may have to wait long for those before it."""

    offset: int
    call: bytes | None
    ack: Ack | None
    safe: asyncio.Future[None]
    """Done when what the record sends is durable."""
    task: asyncio.Task[None] = field(init=False)
    done: bool = False


class ConcurrentLane:
    """Runs one partition of a stage whose `handle` is slow; `wait_s` says how long a record must wait before."""

    def __init__(
        self,
        name: str,
        handle: Callable[[Incoming], Awaitable[Effects]],
        wait_s: Callable[[Incoming], float] | None,
        durable: Durable,
        progress: bytes | None,
        limit: asyncio.Semaphore,
        fail: Callable[[str, BaseException], None],
    ) -> None:
        self.name = name
        self._handle = handle
        self._wait_s = wait_s
        self._durable = durable
        self._limit = limit
        self._fail = fail
        topic, _, partition = name.rpartition("/")
        self._progress_key = row_key(topic, int(partition))
        self._progress = Progress.from_bytes(progress)
        self._queue: deque[Work] = deque()
        self._last_of_call: dict[bytes | None, Work] = {}
        self._finished: list[tuple[Work, Sequence[Outgoing]]] = []
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._seen_upto = 0
        """Behind the last record that was submitted."""
        self.closed = False
        self.done_upto: int | None = None
        self._task = asyncio.create_task(self._publish(), name=f"lane {name}")

    def __len__(self) -> int:
        return len(self._queue)

    async def submit(self, records: list[Incoming], ack: Ack) -> None:
        """Start handling a batch; waits while the lane is full. Within a generation batches follow on one another."""
        if records[0].offset < self._seen_upto:  # After a seek back some come again; they are under way or done.
            records = [one for one in records if one.offset >= self._seen_upto]
            if not records:
                return
        self._seen_upto = records[-1].offset + 1
        for incoming in records:
            while len(self) >= MAX_UNDER_WAY and not self.closed:
                self._room.clear()
                await self._room.wait()
            if self.closed:
                return
            before = self._last_of_call.get(incoming.key)
            safe = asyncio.get_running_loop().create_future()
            work = Work(incoming.offset, incoming.key, ack if incoming is records[-1] else None, safe)
            work.task = asyncio.create_task(self._make(incoming, work, before), name=f"{self.name} {incoming.offset}")
            self._last_of_call[incoming.key] = work
            self._queue.append(work)

    async def close(self, drain_s: float) -> None:
        """Finish what was begun if that is quick, then stop; what is not acknowledged will come again."""
        await drain(self, self._task, drain_s)
        self.closed = True
        self._room.set()
        tasks = [self._task, *(work.task for work in self._queue)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _make(self, incoming: Incoming, work: Work, before: Work | None) -> None:
        """Handle one record. A failure is told at once, not when its turn to be acknowledged comes."""
        try:
            sends: tuple[Outgoing, ...] = ()
            if work.offset not in self._progress:
                effects = await self._handle_when_due(incoming, before)
                sends = effects.sends
                if effects != Effects(sends=sends):
                    raise ValueError(f"{self.name} at {work.offset}: a slow stage can only send: it keeps no rows")
            self._finished.append((work, sends))
            self._wake.set()
            await work.safe
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._give_up(error)
            raise

    def _give_up(self, error: BaseException) -> None:
        """End the stage. Should the process live on, nothing of this lane is left waiting for what never comes."""
        if not self.closed:
            self.closed = True
            self._room.set()
            for work in self._queue:
                if work.task is not asyncio.current_task():
                    work.task.cancel()
            self._fail(self.name, error)

    async def _handle_when_due(self, incoming: Incoming, before: Work | None) -> Effects:
        if self._wait_s is not None:
            await asyncio.sleep(self._wait_s(incoming))  # By the event loop's clock, which nobody sets.
        if before is not None:
            await asyncio.wait([before.task])
            before.task.result()  # After one that failed nothing of its call is handled.
        pause = FIRST_PAUSE_S
        while True:
            try:
                async with self._limit:
                    return await self._handle(incoming)
            except StoreUnavailable as error:
                log.warning("our object store is away, trying again in %.1f s: %s", pause, error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    async def _publish(self) -> None:
        """Commit what has finished, all of it at once, and acknowledge."""
        try:
            while not self.closed:  # A library on the way may have lost a cancellation.
                if not self._finished:
                    self._wake.clear()
                    await self._wake.wait()
                finished, self._finished = self._finished, []
                await self._commit(finished)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._give_up(error)

    async def _commit(self, finished: list[tuple[Work, Sequence[Outgoing]]]) -> None:
        reached("folded")
        for work, _ in finished:
            work.done = True
            self._progress.add(work.offset)
        ready: list[Work] = []
        for work in self._queue:
            if not work.done:
                break
            ready.append(work)
        if ready:
            self._progress.reach(ready[-1].offset)
        sends = [one for _, sent in finished for one in sent]
        rows = {self._progress_key: self._progress.to_bytes()} if sends else {}
        await self._durable.commit(sends, rows, {})
        for work, _ in finished:
            if not work.safe.done():
                work.safe.set_result(None)
        reached("before-ack")
        for work in ready:
            self._queue.popleft()
            if self._last_of_call.get(work.call) is work:
                del self._last_of_call[work.call]
            if work.ack is not None:
                work.ack(work.offset)
            self.done_upto = work.offset + 1
        if ready and len(self) < MAX_UNDER_WAY:
            self._room.set()
