"""The only place where a partition's records are folded and made durable in order: one lane a partition and generation.

Theory of operation. A lane is a FIFO queue of batches and one task. It takes what has queued up as one batch, folds it,
and makes durable in one commit (`durable`):

    1. everything the batch sends, its rows, and how far the lane has now come (`progress`)
    2. what had to wait for receipts that this batch brought

Then it sends what had to wait for its turn, for every record before it (outside of the transaction: a clock may be told
twice), and acknowledges, in order, the batches of which every record is done.

A batch that sends nothing is committed with the next one that does, or after a second; the folds between read its rows
from memory (`pending_rows`). After a fault its records come again: nothing of them was acknowledged. What may repeat
after a fault (`repeatable` topics) is sent outside of the transaction, and asks for none. So a line at rest makes next
to no transactions, and one whose calls are seldom ordered makes few.

Records that wait for a receipt hold back acknowledgements behind them, never the folding. A record that comes again
after a fault and was folded already is not folded anew: it is skipped, or folded by `refold` where others still wait
for what it does.

A lane may be paused: what waits and what still comes is dropped, unacknowledged, from `resume_at` on. A fold that
returns fewer effects than it was given records has stopped behind the last of them, and so pauses its lane; unless that
last one is `unfinished`: then what it did so far is committed, and the fold goes on with the same record.

A failure in the lane's own generation ends the process (exit 70): the supervisor starts it anew from what is durable.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence, Sized
from dataclasses import dataclass

from stream_app.pipeline.ports import NOTHING, Effects, Incoming, Outgoing
from stream_app.runtime.durable import Durable
from stream_app.runtime.pending_rows import PendingRows
from stream_app.runtime.progress import Progress, row_key
from stream_app.runtime.steps import reached

log = logging.getLogger(__name__)

MAX_BATCH = 1000
"""Records folded at a time. Larger batches cost no less CPU an event, and what they take of memory stays in pieces."""
MAX_QUEUE = 2000
"""Records that wait to be folded in one lane before the consumer is held back. Those that wait for a receipt do not
count: the receipt comes by the same partition, behind any backlog, and holding it back would hold it for ever."""

LATER_S = 1.0
"""How long rows wait for a commit where nothing is sent."""
TICK_S = 1.0
"""How often a stage that asks for it is told that no record came."""
MAX_WAITING = 2000
"""Rows that wait at most: each is looked at when the store is scanned."""

Fold = Callable[[Sequence[Incoming]], Sequence[Effects]]
Prepare = Callable[[Sequence[Incoming]], Awaitable[None]]
Tick = Callable[[], Effects]

Ack = Callable[[int], None]
"""Says of one delivery that its records up to and with this offset are done; called at most once."""


@dataclass
class Delivery:
    """One batch as it was handed over, until it is acknowledged."""

    records: list[Incoming]
    ack: Ack


@dataclass
class Unacknowledged:
    """A delivery that was folded: its records are let go of, it may have to wait long for its ack."""

    last_offset: int
    ack: Ack


@dataclass
class Held:
    """A record that is not done when its batch is: it waits for receipts, or for its turn."""

    offset: int
    waiting: set[str]
    """Receipts that have not come back yet."""
    then: tuple[Outgoing, ...]
    in_turn: tuple[Outgoing, ...]


async def drain(lane: Sized, task: asyncio.Task[None], drain_s: float) -> None:
    """Wait until nothing of the lane is under way, its task has ended, or the time is up."""
    deadline = asyncio.get_running_loop().time() + drain_s
    while len(lane) and not task.done() and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


class Lane:
    """Runs one partition. `fold` folds a batch; it must not block.

    `rows` is where the lane's progress is read from, `refold` folds what was folded before a fault, `aside` sends what
    goes in turn. `prepare` does for a batch what the fold may not wait for; it may be asked again for the same records.
    `tick` is asked every second in which no record comes: its rows and sends are made durable like a fold's.
    """

    def __init__(
        self,
        name: str,
        fold: Fold,
        durable: Durable,
        fail: Callable[[str, BaseException], None],
        *,
        rows: PendingRows | None = None,
        refold: Fold | None = None,
        aside: Durable | None = None,
        repeatable: frozenset[str] = frozenset(),
        prepare: Prepare | None = None,
        tick: Tick | None = None,
    ) -> None:
        self.name = name
        self._fold = fold
        self._refold = refold
        self._prepare = prepare
        self._tick = tick
        self._durable = durable
        self._aside = aside or durable
        self._repeatable = repeatable
        self._pending = rows
        self._fail = fail
        topic, _, partition = name.rpartition("/")
        self._progress_key = row_key(topic, int(partition)) if rows is not None else None
        self._progress = Progress.from_bytes(rows.get(self._progress_key) if rows and self._progress_key else None)
        self._arrived: deque[Delivery] = deque()
        self._count = 0
        """Records in `_arrived`."""
        self._unacknowledged: deque[Unacknowledged] = deque()
        self._held: deque[Held] = deque()
        self._awaited: dict[str, list[Held]] = {}
        """Receipt -> those that wait for it: there may be very many, and a receipt must not look at each."""
        self._rows: dict[bytes, bytes | None] = {}
        self._local: dict[bytes, bytes | None] = {}
        """What was folded and is not committed yet, in the order of the records: the last of a key stands."""
        self._later_until: float | None = None
        """When rows that may wait must be committed, by the event loop's clock; None while there are none."""
        self._folded_upto = 0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self.closed = False
        self.paused = False
        self.resume_at: int | None = None
        """First record that a paused lane has dropped."""
        self.seen_upto = 0
        """Behind the last record that was submitted, taken or dropped."""
        self.done_upto: int | None = None
        """Every record below this offset is done; None until one was."""
        self._task = asyncio.create_task(self._run(), name=f"lane {name}")

    def __len__(self) -> int:
        """Batches that are not acknowledged yet, those under way included."""
        return len(self._arrived) + len(self._unacknowledged)

    async def submit(self, records: list[Incoming], ack: Ack) -> None:
        """Queue one batch; waits while the lane is full. Within a generation batches follow on one another."""
        while self._count >= MAX_QUEUE and not self.closed:
            self._room.clear()
            await self._room.wait()
        if records[0].offset < self.seen_upto:  # After a seek back some come again.
            records = [one for one in records if one.offset >= self.seen_upto]
            if not records:
                return
        self.seen_upto = records[-1].offset + 1
        if self.paused:
            self._dropped(records[0].offset)
            return
        self._arrived.append(Delivery(records, ack))
        self._count += len(records)
        self._wake.set()

    def pause(self) -> None:
        """Take nothing more; what is folded already is finished."""
        self.paused = True
        if self._arrived:
            self._dropped(self._arrived[0].records[0].offset)
            self._arrived.clear()
            self._count = 0
        self._room.set()

    def resume(self) -> None:
        """Take records again; the caller sees to it that they begin at `resume_at`."""
        self.paused = False
        if self.resume_at is not None:
            self.seen_upto = self.resume_at
        self.resume_at = None

    def _dropped(self, offset: int) -> None:
        self.resume_at = offset if self.resume_at is None else min(offset, self.resume_at)

    def _cut(self, offset: int) -> None:
        """The fold has stopped before this record: of its delivery only what lies before it will be done."""
        self._dropped(offset)
        self.pause()
        cut: Unacknowledged | None = None
        while self._unacknowledged and self._unacknowledged[-1].last_offset >= offset:
            cut = self._unacknowledged.pop()
        if cut is not None:
            self._unacknowledged.append(Unacknowledged(offset - 1, cut.ack))

    async def close(self, drain_s: float) -> None:
        """Finish what was begun if that is quick, then stop; what is not acknowledged will come again."""
        if self._later_until is not None:
            self._later_until = 0.0
            self._wake.set()
        await drain(self, self._task, drain_s)
        self.closed = True
        self._room.set()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while not self.closed:  # A library on the way may have lost a cancellation.
                if await self._woken():
                    rest = self._take()
                    if self._prepare is not None:
                        await self._prepare(rest)
                    while rest:
                        rest = await self._commit(rest)
                else:
                    await self._idle()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            if not self.closed:
                self._fail(self.name, error)

    async def _woken(self) -> bool:
        """Wait for records; False where rows have waited for them long enough, or it is time for a tick."""
        ticks_at = None if self._tick is None else asyncio.get_running_loop().time() + TICK_S
        while not self._arrived:
            self._wake.clear()
            until = min((at for at in (self._later_until, ticks_at) if at is not None), default=None)
            try:
                async with asyncio.timeout_at(until):
                    await self._wake.wait()
            except TimeoutError:
                return False
        return True

    async def _idle(self) -> None:
        """No record came: make durable what has waited, and what the tick comes to."""
        effects = NOTHING if self._tick is None else self._tick()
        self._rows.update(effects.rows)
        self._local.update(effects.local)
        if effects.sends or self._rows:
            await self._make_durable(list(effects.sends))

    def _take(self) -> list[Incoming]:
        """The records of as many deliveries as make one batch, at least one."""
        batch: list[Incoming] = []
        while self._arrived and (not batch or len(batch) + len(self._arrived[0].records) <= MAX_BATCH):
            delivery = self._arrived.popleft()
            batch += delivery.records
            self._unacknowledged.append(Unacknowledged(delivery.records[-1].offset, delivery.ack))
        self._count -= len(batch)
        if self._count < MAX_QUEUE:
            self._room.set()
        return batch

    async def _commit(self, batch: list[Incoming]) -> list[Incoming]:
        """Fold and make durable; what the fold left over, from a record on that it has not finished."""
        effects = self._folded(batch)
        rest: list[Incoming] = []
        if effects and effects[-1].unfinished:
            batch, rest = batch[: len(effects)], batch[len(effects) - 1 :]
        elif len(effects) < len(batch):
            self._cut(batch[len(effects)].offset)
            batch = batch[: len(effects)]
        reached("folded")
        sends: list[Outgoing] = []
        free: list[Held] = []
        receipts: list[str] = []
        rows: dict[bytes, bytes | None] = {}
        local: dict[bytes, bytes | None] = {}
        for incoming, effect in zip(batch, effects, strict=True):
            if effect is NOTHING:
                continue
            # Most effects are nearly empty, and there may be thousands: a look is cheaper than an update with nothing.
            if effect.sends:
                sends += effect.sends
            if effect.rows:
                rows.update(effect.rows)
            if effect.local:
                local.update(effect.local)
            if effect.receipts:
                receipts += effect.receipts
            if effect.expects or effect.then or effect.in_turn:
                held = Held(incoming.offset, set(effect.expects), effect.then, effect.in_turn)
                self._held.append(held)
                for receipt in held.waiting:
                    self._awaited.setdefault(receipt, []).append(held)
                if not held.waiting:
                    free.append(held)
        self._folded_upto = batch[-1].offset + (0 if rest else 1)
        self._progress.reach(self._folded_upto - 1)
        free += self._released(receipts)
        answers = [send for held in sorted(free, key=lambda one: one.offset) for send in held.then]
        self._rows.update(rows)
        self._local.update(local)
        if self._repeatable:
            sends = await self._sent_aside(sends)
            answers = await self._sent_aside(answers)
        sends += answers
        if self._rows and not (sends or rest):
            loop = asyncio.get_running_loop()
            if self._later_until is None:
                self._later_until = loop.time() + LATER_S
            if loop.time() < self._later_until and len(self._rows) < MAX_WAITING:
                if self._pending is not None:
                    self._pending.hold(rows)
                    self._pending.hold(local)
                await self._send_in_turn()
                return rest
        await self._make_durable(sends)
        return rest

    async def _sent_aside(self, sends: list[Outgoing]) -> list[Outgoing]:
        """Send what may repeat after a fault, outside of any transaction; returns the rest."""
        aside = [send for send in sends if send.topic in self._repeatable]
        if not aside:
            return sends
        await self._aside.commit(aside, {}, {})
        return [send for send in sends if send.topic not in self._repeatable]

    async def _make_durable(self, sends: list[Outgoing]) -> None:
        """Commit with what was folded, send what goes in turn, acknowledge."""
        if sends or self._rows:
            rows, self._rows = self._rows, {}
            local, self._local = self._local, {}
            self._later_until = None
            if self._progress_key is not None:
                rows[self._progress_key] = self._progress.to_bytes()
            await self._durable.commit(sends, rows, local)
            if self._pending is not None:
                self._pending.settle()
        await self._send_in_turn()
        if self._folded_upto:  # A tick may come before the first record: then nothing is known to be done.
            self._acknowledge(self._held[0].offset if self._held else self._folded_upto)

    def _folded(self, batch: list[Incoming]) -> list[Effects]:
        """The batch folded; what was folded before the last fault is not folded again."""
        again = 0
        while again < len(batch) and batch[again].offset in self._progress:
            again += 1
        if not again:
            return list(self._fold(batch))
        known = batch[:again]
        refolded = self._refold(known) if self._refold is not None else [NOTHING] * again
        return [*refolded, *(self._fold(batch[again:]) if again < len(batch) else ())]

    def _released(self, receipts: list[str]) -> list[Held]:
        """Those that wait for nothing any more, now that these receipts are here."""
        free: list[Held] = []
        for receipt in receipts:
            for held in self._awaited.pop(receipt, ()):
                held.waiting.discard(receipt)
                if not held.waiting:
                    free.append(held)
        return free

    async def _send_in_turn(self) -> None:
        """What had to wait for every record before it: those are durable by now, but for rows that may come later."""
        sends: list[Outgoing] = []
        while self._held and not self._held[0].waiting:
            sends += self._held.popleft().in_turn
        if sends:
            await self._aside.commit(sends, {}, {})

    def _acknowledge(self, done_upto: int) -> None:
        reached("before-ack")
        while self._unacknowledged and self._unacknowledged[0].last_offset < done_upto:
            done = self._unacknowledged.popleft()
            done.ack(done.last_offset)
        self.done_upto = done_upto
