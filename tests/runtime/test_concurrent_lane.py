"""Slow records side by side: each call in order, acks in order, a bound on the work, and a store that may be away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

import pytest

from stream_app.pipeline.ports import Effects, Incoming, ObjectDenied, StoreUnavailable
from stream_app.runtime import concurrent_lane
from stream_app.runtime.concurrent_lane import ConcurrentLane
from tests.runtime.trace import Step, TracedWriter, out, record, until


class World:
    """A lane whose handler waits for `finish(offset)` and writes down what happened when."""

    def __init__(self, *, limit: int = 8, due_at: Callable[[Incoming], int] | None = None, hold: bool = True) -> None:
        self.steps: list[Step] = []
        self.writer = TracedWriter(self.steps)
        self.errors: dict[int, list[Exception]] = {}
        self.failures: list[tuple[str, BaseException]] = []
        self.running: set[int] = set()
        self.most = 0
        self._hold = hold
        self._finished: dict[int, asyncio.Event] = {}
        self.lane = ConcurrentLane(
            "seal-orders/0",
            self.handle,
            due_at,
            self.writer,
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
        return Effects(sends=(out(f"packet {offset}"),))

    async def submit(self, *records: tuple[int, bytes]) -> None:
        for offset, call in records:
            await self.lane.submit(record(offset, call), partial(self.steps.append, ("acked", offset)))

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
        world.writer.gate.clear()
        await world.submit((0, b"a"), (1, b"a"))
        await until(lambda: ("sent", "packet 0") in world.steps)
        await asyncio.sleep(0.02)
        assert world.all("began") == [0]
        assert world.all("acked") == [], "no ack before the broker has confirmed"
        world.writer.gate.set()
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


async def test_a_record_that_is_not_due_waits_without_taking_a_place() -> None:
    due = {0: time.time() * 1000 + 400}
    async with World(limit=1, due_at=lambda it: int(due.get(it.offset, 0)), hold=False) as world:
        await world.submit((0, b"a"), (1, b"b"), (2, b"c"))
        await until(lambda: world.all("ended") == [1, 2])
        assert time.time() * 1000 < due[0], "the others were done while it waited"
        assert world.all("acked") == [], "the ack keeps the partition's order"
        await until(lambda: world.all("acked") == [0, 1, 2])
        assert time.time() * 1000 >= due[0] - 1, "and never before its time"


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


async def test_any_other_error_ends_the_stage_at_once_and_acknowledges_nothing_from_there() -> None:
    async with World() as world:
        world.errors[1] = [ObjectDenied("s3://review-packets/x", "403")]
        await world.submit((0, b"a"), (1, b"b"), (2, b"b"), (3, b"c"))
        await until(lambda: world.failures)
        assert world.all("acked") == [], "told although record 0 is still under way"
        assert [(name, type(error)) for name, error in world.failures] == [("seal-orders/0", ObjectDenied)]
        world.finish(0, 2, 3)
        await until(lambda: world.all("acked"))
        await asyncio.sleep(0.02)
        assert world.all("acked") == [0]
        assert 2 not in world.all("began"), "nothing of a call after the record that failed"
        assert len(world.failures) == 1


async def test_a_send_that_fails_ends_the_stage() -> None:
    async with World(hold=False) as world:
        world.writer.refuse = {"packet 0"}
        await world.submit((0, b"a"))
        await until(lambda: world.failures)
        assert "not confirmed" in str(world.failures[0][1])
        assert world.all("acked") == []


async def test_a_full_lane_holds_the_consumer_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrent_lane, "MAX_QUEUE", 2)
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
