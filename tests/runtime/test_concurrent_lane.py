"""Slow records side by side: calls and acks in order, nothing handled twice, a bound, a store that may be away."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence

import pytest

from stream_app.pipeline.ports import Effects, Incoming, ObjectDenied, Outgoing, StoreUnavailable
from stream_app.runtime import concurrent_lane
from stream_app.runtime.concurrent_lane import ConcurrentLane
from stream_app.runtime.progress import Progress, row_key
from tests.runtime.trace import Step, TracedDurable, out, record, until

ROW = row_key("seal-orders", 0)


class World:
    """A lane whose handler waits for `finish(offset)` and writes down what happened when."""

    def __init__(
        self,
        *,
        limit: int = 8,
        wait_s: Callable[[Incoming], float] | None = None,
        hold: bool = True,
        stored: Mapping[bytes, bytes] | None = None,
        silent: frozenset[int] = frozenset(),
        kind: type[ConcurrentLane] = ConcurrentLane,
    ) -> None:
        self.steps: list[Step] = []
        self.durable = TracedDurable(self.steps, stored)
        self.silent = silent
        self.errors: dict[int, list[Exception]] = {}
        self.failures: list[tuple[str, BaseException]] = []
        self.running: set[int] = set()
        self.most = 0
        self._hold = hold
        self._finished: dict[int, asyncio.Event] = {}
        self.lane = kind(
            "seal-orders/0",
            self.handle,
            wait_s,
            self.durable,
            self.durable.get(ROW),
            asyncio.Semaphore(limit),
            lambda *it: self.failures.append(it),
        )

    def finish(self, *offsets: int) -> None:
        for offset in offsets:
            self._finished.setdefault(offset, asyncio.Event()).set()

    async def handle(self, incoming: Incoming) -> Effects:
        offset = incoming.offset
        self.steps.append(("began", offset))
        self.running.add(offset)
        self.most = max(self.most, len(self.running))
        try:
            if waiting := self.errors.get(offset):
                raise waiting.pop(0)
            if self._hold:
                await self._finished.setdefault(offset, asyncio.Event()).wait()
        finally:
            self.running.discard(offset)
        self.steps.append(("ended", offset))
        return Effects() if offset in self.silent else Effects(sends=(out(f"packet {offset}"),))

    async def submit(self, *records: tuple[int, bytes]) -> None:
        """Every record as a batch of its own."""
        for one in records:
            await self.batch(one)

    async def batch(self, *records: tuple[int, bytes]) -> None:
        """The records as one batch."""
        await self.lane.submit(
            [record(offset, call, "seal-orders") for offset, call in records],
            lambda last: self.steps.append(("acked", last)),
        )

    @property
    def progress(self) -> Progress:
        return Progress.from_bytes(self.durable.get(ROW))

    def all(self, what: str) -> list[object]:
        return [about for step, about in self.steps if step == what]

    async def __aenter__(self) -> World:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.lane.close(0)


async def test_calls_go_side_by_side_and_acks_in_order_although_they_finish_out_of_order() -> None:
    async with World() as world:
        await world.submit((0, b"a"), (1, b"b"), (2, b"c"))
        await until(lambda: world.running == {0, 1, 2})
        world.finish(2, 1)
        await until(lambda: set(world.all("confirmed")) == {"packet 1", "packet 2"})
        assert world.all("acked") == []
        world.finish(0)
        await until(lambda: world.all("acked") == [0, 1, 2])
        assert world.lane.done_upto == 3
        assert len(world.lane) == 0


async def test_one_call_is_handled_in_order() -> None:
    async with World() as world:
        await world.submit((0, b"a"), (1, b"a"), (2, b"b"), (3, b"a"))
        world.finish(1, 3)
        await until(lambda: world.running == {0, 2})
        await asyncio.sleep(0.02)
        assert world.all("began") == [0, 2], "a call's next version waits for the one before it"
        world.finish(0, 2)
        await until(lambda: world.all("acked") == [0, 1, 2, 3])
        own = [step for step in world.steps if step[1] in (0, 1, 3) and step[0] in ("began", "ended")]
        assert own == [("began", 0), ("ended", 0), ("began", 1), ("ended", 1), ("began", 3), ("ended", 3)]


async def test_the_next_of_a_call_waits_until_what_the_one_before_sends_is_confirmed() -> None:
    async with World(hold=False) as world:
        world.durable.gate.clear()
        await world.submit((0, b"a"), (1, b"a"))
        await until(lambda: ("sent", "packet 0") in world.steps)
        await asyncio.sleep(0.02)
        assert world.all("began") == [0]
        assert world.all("acked") == [], "no ack before the broker has confirmed"
        world.durable.gate.set()
        await until(lambda: world.all("acked") == [0, 1])
        assert world.steps.index(("confirmed", "packet 0")) < world.steps.index(("acked", 0))


async def test_no_more_than_the_limit_is_under_way() -> None:
    async with World(limit=3) as world:
        await world.submit(*((n, f"call {n}".encode()) for n in range(12)))
        await until(lambda: len(world.running) == 3)
        await asyncio.sleep(0.02)
        assert len(world.all("began")) == 3
        world.finish(*range(12))
        await until(lambda: len(world.all("acked")) == 12)
        assert world.most == 3


async def test_the_limit_counts_over_all_lanes_of_a_worker() -> None:
    limit = asyncio.Semaphore(2)
    worlds = [World(), World()]
    for world in worlds:
        world.lane._limit = limit
        await world.submit((0, b"a"), (1, b"b"))
    await until(lambda: sum(len(world.running) for world in worlds) == 2)
    await asyncio.sleep(0.02)
    assert sum(len(world.running) for world in worlds) == 2
    for world in worlds:
        world.finish(0, 1)
    await until(lambda: all(world.all("acked") == [0, 1] for world in worlds))
    for world in worlds:
        await world.lane.close(0)


async def test_a_record_that_is_not_due_waits_without_taking_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    due = time.monotonic() + 0.4
    monkeypatch.setattr(time, "time", lambda: 0.0)  # Whatever the wall clock says meanwhile.
    async with World(limit=1, wait_s=lambda it: 0.4 if it.offset == 0 else 0.0, hold=False) as world:
        await world.submit((0, b"a"), (1, b"b"), (2, b"c"))
        await until(lambda: world.all("ended") == [1, 2])
        assert time.monotonic() < due, "the others were done while it waited"
        assert world.all("acked") == [], "the ack keeps the partition's order"
        await until(lambda: world.all("acked") == [0, 1, 2])
        assert time.monotonic() >= due, "and never before its time"


async def test_a_store_that_is_away_is_tried_again_until_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrent_lane, "FIRST_PAUSE_S", 0.01)
    async with World(limit=1, hold=False) as world:
        world.errors[0] = [StoreUnavailable("s3://review-packets/x", "connection refused") for _ in range(3)]
        await world.submit((0, b"a"), (1, b"b"))
        await until(lambda: world.all("acked") == [0, 1])
        assert world.all("began").count(0) == 4
        assert world.all("ended") == [1, 0], "its place was free while it paused"
        assert not world.failures


async def test_pauses_grow_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrent_lane, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(concurrent_lane, "LONGEST_PAUSE_S", 0.04)
    pauses: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await real(0)

    async with World(hold=False) as world:
        world.errors[0] = [StoreUnavailable("s3://x/y", "away") for _ in range(5)]
        monkeypatch.setattr(asyncio, "sleep", sleep)
        await world.submit((0, b"a"))
        for _ in range(200):
            await real(0.001)
        monkeypatch.undo()
        assert world.all("acked") == [0]
        assert [pause for pause in pauses if pause] == [0.01, 0.02, 0.04, 0.04, 0.04]


async def test_any_other_error_ends_the_stage_at_once_and_leaves_nothing_hanging() -> None:
    async with World() as world:
        world.errors[1] = [ObjectDenied("s3://review-packets/x", "403")]
        await world.submit((0, b"a"), (1, b"b"), (2, b"b"), (3, b"c"))
        tasks = [work.task for work in world.lane._queue]
        await until(lambda: world.failures)
        assert world.all("acked") == [], "told although record 0 is still under way"
        assert [(name, type(error)) for name, error in world.failures] == [("seal-orders/0", ObjectDenied)]
        _, pending = await asyncio.wait(tasks, timeout=2)
        assert not pending
        world.finish(0, 2, 3)
        await asyncio.sleep(0.02)
        assert 2 not in world.all("began"), "nothing of a call after the record that failed"
        assert world.all("acked") == []
        assert len(world.failures) == 1


async def test_a_failed_stage_takes_nothing_more_and_holds_nobody_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrent_lane, "MAX_UNDER_WAY", 2)
    async with World() as world:
        await world.submit((0, b"a"), (1, b"b"))
        held = asyncio.create_task(world.submit((2, b"c")))
        await until(lambda: world.running == {0, 1})
        world.errors[1] = []
        world.durable.refuse = {"packet 0"}
        world.finish(0)
        await asyncio.wait_for(held, 2)
        assert len(world.failures) == 1
        await world.submit((3, b"d"))
        await asyncio.sleep(0.02)
        assert world.all("began") == [0, 1]


async def test_a_send_that_fails_ends_the_stage() -> None:
    async with World(hold=False) as world:
        world.durable.refuse = {"packet 0"}
        await world.submit((0, b"a"))
        await until(lambda: world.failures)
        assert "not confirmed" in str(world.failures[0][1])
        assert world.all("acked") == []
        assert world.durable.stored == {}, "and it is not remembered as done"
        _, pending = await asyncio.wait([work.task for work in world.lane._queue], timeout=2)
        assert not pending, "what waits for a commit that never comes is let go of"


@pytest.mark.parametrize("effects", [Effects(rows=((b"k", b"1"),)), Effects(expects=("h",)), Effects(then=(out("t"),))])
async def test_what_it_could_not_do_ends_the_stage_instead_of_being_left_out(effects: Effects) -> None:
    async with World() as world:

        async def more(_: Incoming) -> Effects:
            return effects

        world.lane._handle = more
        await world.submit((0, b"a"))
        await until(lambda: world.failures)
        assert "a slow stage can only send" in str(world.failures[0][1])
        assert world.all("acked") == []


async def test_a_full_lane_holds_the_consumer_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrent_lane, "MAX_UNDER_WAY", 2)
    async with World() as world:
        await world.submit((0, b"a"), (1, b"b"))
        held = asyncio.create_task(world.submit((2, b"c")))
        await asyncio.sleep(0.02)
        assert not held.done()
        world.finish(0)
        await asyncio.wait_for(held, 2)
        world.finish(1, 2)
        await until(lambda: world.all("acked") == [0, 1, 2])


async def test_close_finishes_what_is_quick_and_gives_up_the_rest() -> None:
    world = World()
    await world.submit((0, b"a"), (1, b"b"))
    await until(lambda: world.running == {0, 1})
    asyncio.get_running_loop().call_later(0.03, world.finish, 0)
    await world.lane.close(0.15)
    assert world.all("acked") == [0]
    world.finish(1)
    await asyncio.sleep(0.02)
    assert world.all("acked") == [0], "record 1 was given up and comes again"
    assert world.all("ended") == [0]
    assert world.lane.done_upto == 1
    assert not world.failures


async def test_memory_of_calls_is_let_go() -> None:
    async with World(hold=False) as world:
        await world.submit(*((n, f"call {n}".encode()) for n in range(20)))
        await until(lambda: len(world.all("acked")) == 20)
        assert world.lane._last_of_call == {}


async def test_a_batch_is_acknowledged_by_its_last_record_when_all_of_it_is_done() -> None:
    async with World() as world:
        await world.batch((0, b"a"), (1, b"b"), (2, b"c"))
        world.finish(2, 0)
        await until(lambda: set(world.all("confirmed")) == {"packet 0", "packet 2"})
        await until(lambda: world.lane.done_upto == 1)
        assert world.all("acked") == []
        world.finish(1)
        await until(lambda: world.all("acked") == [2])
        assert world.lane.done_upto == 3


async def test_what_finishes_together_is_one_commit() -> None:
    async with World() as world:
        await world.submit(*((n, f"call {n}".encode()) for n in range(5)))
        await until(lambda: len(world.running) == 5)
        world.finish(*range(5))
        await until(lambda: len(world.all("acked")) == 5)
        assert world.durable.commits == 1
        assert world.progress.upto == 5


# Records that come again.


async def test_a_packet_of_a_record_ahead_of_the_others_is_made_once_over_a_restart() -> None:
    """Records 1 and 3 were published while 0 and 2 were under way: nothing is acknowledged, so all come again."""
    calls = [(0, b"a"), (1, b"b"), (2, b"c"), (3, b"d")]
    first = World()
    await first.batch(*calls)
    first.finish(1, 3)
    await until(lambda: len(first.all("confirmed")) == 2)
    await first.lane.close(0)
    assert first.all("acked") == []
    assert (first.progress.upto, first.progress.beyond) == (0, {1, 3})
    async with World(stored=first.durable.stored, hold=False) as second:
        await second.batch(*calls)
        await until(lambda: second.all("acked") == [3])
        assert set(second.all("began")) == {0, 2}
        packets = first.all("confirmed") + second.all("confirmed")
        assert len(packets) == 4
        assert set(packets) == {f"packet {n}" for n in range(4)}
        assert (second.progress.upto, second.progress.beyond) == (4, set())


class ForgetsProgress(ConcurrentLane):
    """The negative control: does not remember what it has done."""

    async def _commit(self, finished: list[tuple[concurrent_lane.Work, Sequence[Outgoing]]]) -> None:
        await super()._commit(finished)
        self._durable.stored.pop(ROW, None)  # type: ignore[attr-defined]


async def test_without_progress_it_would_be_made_twice() -> None:
    first = World(kind=ForgetsProgress)
    await first.batch((0, b"a"), (1, b"b"))
    first.finish(1)
    await until(lambda: first.all("confirmed") == ["packet 1"])
    await first.lane.close(0)
    async with World(stored=first.durable.stored, hold=False) as second:
        await second.batch((0, b"a"), (1, b"b"))
        await until(lambda: second.all("acked") == [1])
        assert "packet 1" in second.all("confirmed")


async def test_the_next_of_a_call_may_be_done_before_it_is_due_again_and_keeps_its_order() -> None:
    """Of one call, record 1 was done before the restart and record 0 too: record 4 must wait for neither."""
    stored = {ROW: Progress(0, {0, 1}).to_bytes()}
    async with World(stored=stored) as world:
        await world.submit((0, b"a"), (1, b"a"), (2, b"b"), (4, b"a"))
        await until(lambda: world.running == {2, 4})
        world.finish(2, 4)
        await until(lambda: world.all("acked") == [0, 1, 2, 4])


async def test_records_below_the_frontier_are_acknowledged_and_never_handled() -> None:
    async with World(stored={ROW: Progress(3).to_bytes()}, hold=False) as world:
        await world.batch((0, b"a"), (1, b"a"), (2, b"b"))
        await until(lambda: world.all("acked") == [2])
        assert world.all("began") == []
        assert world.all("confirmed") == []


async def test_a_record_that_sends_nothing_costs_no_row_and_is_not_forgotten_by_the_next() -> None:
    async with World(silent=frozenset({0, 1}), hold=False) as world:
        await world.submit((0, b"a"), (1, b"b"))
        await until(lambda: world.all("acked") == [0, 1])
        assert world.durable.stored == {}
        await world.submit((2, b"c"))
        await until(lambda: world.all("acked") == [0, 1, 2])
        assert (world.progress.upto, world.progress.beyond) == (3, set())


async def test_progress_is_bounded_by_what_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """One record hangs (a retry that is not due, say), and thousands pass it: the row holds no more than may be."""
    monkeypatch.setattr(concurrent_lane, "MAX_UNDER_WAY", 20)
    async with World() as world:
        world.finish(*range(1, 500))
        feeding = asyncio.create_task(world.submit(*((n, b"%d" % n) for n in range(500))))
        await until(lambda: len(world.lane) == 20 and len(world.all("confirmed")) == 19)
        await asyncio.sleep(0.02)
        assert not feeding.done()
        assert len(world.progress.beyond) == 19
        world.finish(0)
        await asyncio.wait_for(feeding, 5)
        await until(lambda: len(world.all("acked")) == 500)
        assert (world.progress.upto, world.progress.beyond) == (500, set())
        assert world.lane._last_of_call == {}


async def test_what_an_old_row_has_beyond_is_forgotten_when_the_frontier_passes_it() -> None:
    async with World(stored={ROW: Progress(0, {1, 2, 7}).to_bytes()}, hold=False) as world:
        await world.submit((8, b"a"))
        await until(lambda: world.all("acked") == [8])
        assert (world.progress.upto, world.progress.beyond) == (9, set())


async def test_a_commit_looks_only_at_what_has_finished() -> None:
    """With thousands under way behind a slow one, a commit of one record must not look at all of them."""
    async with World(limit=400) as world:
        await world.submit(*((n, b"%d" % n) for n in range(300)))
        await until(lambda: len(world.running) == 300)
        queue = world.lane._queue
        looked = 0

        class Watched(type(queue)):  # type: ignore[misc]
            def __iter__(self) -> object:
                for one in super().__iter__():
                    nonlocal looked
                    looked += 1
                    yield one

        world.lane._queue = Watched(queue)
        world.finish(*range(250, 260))
        await until(lambda: len(world.all("confirmed")) == 10)
        assert looked <= world.durable.commits, "the head, and no further"
        world.finish(*range(300))
        await until(lambda: len(world.all("acked")) == 300)


async def test_close_while_a_commit_hangs_leaves_nothing_under_way() -> None:
    world = World(hold=False)
    world.durable.gate.clear()
    await world.submit((0, b"a"), (1, b"a"))
    await until(lambda: ("sent", "packet 0") in world.steps)
    tasks = [world.lane._task, *(work.task for work in world.lane._queue)]
    await asyncio.wait_for(world.lane.close(0), 2)
    assert all(task.done() for task in tasks)
    assert world.all("acked") == []
    assert not world.failures
    await world.submit((2, b"c"))
    assert world.all("began") == [0], "a closed lane takes nothing"


async def test_a_record_that_is_done_is_let_go_of_although_its_ack_has_to_wait() -> None:
    """A retry may hold the acks back for minutes, and seal orders are not small."""
    async with World() as world:
        late = record(1, b"b", "seal-orders")
        references = sys.getrefcount(late)
        await world.submit((0, b"a"))
        await world.lane.submit([late], lambda _last: None)
        world.finish(1)
        await until(lambda: world.all("confirmed") == ["packet 1"])
        await asyncio.sleep(0.01)
        assert len(world.lane) == 2
        assert world.lane._queue[1].task.done(), "and with its task goes what that held"
        assert sys.getrefcount(late) == references
