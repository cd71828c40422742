"""A lane's order: confirmed, then stored, then acknowledged; in turn; and never an ack for what could be lost."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

import pytest

from stream_app.pipeline.ports import Effects, Incoming
from stream_app.runtime import lane as lanes
from stream_app.runtime.lane import Entry, Lane
from tests.runtime.trace import Step, TracedRows, TracedWriter, out, record, until, violations


class AcksFirst(Lane):
    """The negative control: acknowledges a batch before anything of it is durable."""

    async def _commit(self, batch: list[Entry]) -> None:
        acks = [entry.ack for entry in batch]
        for entry in batch:
            entry.ack = lambda: None
        for ack in acks:
            ack()
        await super()._commit(batch)


class World:
    """A lane over fakes, which does with record n what `effects[n]` says."""

    def __init__(self, effects: Mapping[int, Effects] | None = None, kind: type[Lane] = Lane) -> None:
        self.effects = dict(effects or {})
        self.steps: list[Step] = []
        self.writer = TracedWriter(self.steps)
        self.rows = TracedRows(self.steps)
        self.failures: list[tuple[str, BaseException]] = []
        self.folded: list[int] = []
        self.lane = kind("evidence/0", self.handle, self.writer, self.rows, lambda *it: self.failures.append(it))

    def handle(self, incoming: Incoming) -> Effects:
        self.folded.append(incoming.offset)
        return self.effects.get(incoming.offset, Effects())

    async def submit(self, *offsets: int) -> None:
        for offset in offsets:
            await self.lane.submit(record(offset), partial(self.steps.append, ("acked", offset)))

    @property
    def acks(self) -> list[object]:
        return [about for what, about in self.steps if what == "acked"]

    def violations(self) -> list[str]:
        return violations(self.steps, self.effects)

    async def __aenter__(self) -> World:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.gate.set()
        await self.lane.close(0)


ALL_KINDS = {
    0: Effects(sends=(out("s0"),), rows=((b"r0", b"1"),)),
    1: Effects(),
    2: Effects(sends=(out("s2"), out("s2b")), then=(out("t2"),), in_turn=(out("i2"),)),
    3: Effects(rows=((b"r3", b"1"), (b"r0", None))),
    4: Effects(in_turn=(out("i4"),)),
}


async def test_sends_are_confirmed_before_rows_are_stored_and_both_before_the_ack() -> None:
    async with World(ALL_KINDS) as world:
        await world.submit(*ALL_KINDS)
        await until(lambda: len(world.acks) == 5)
        assert world.violations() == []
        assert world.acks == [0, 1, 2, 3, 4]
        assert world.steps.index(("confirmed", "s0")) < world.steps.index(("stored", "r0"))
        assert world.steps.index(("stored", "r0")) < world.steps.index(("acked", 0))
        assert world.rows.stored == {b"r3": b"1"}, "the last write of a key wins"
        assert world.lane.done_upto == 5
        assert not world.failures


async def test_the_checker_catches_a_lane_that_acknowledges_first() -> None:
    async with World(ALL_KINDS, AcksFirst) as world:
        await world.submit(*ALL_KINDS)
        await until(lambda: ("confirmed", "i4") in world.steps)
        assert {"acked 0 before confirmed s0", "acked 0 before stored r0", "acked 4 before confirmed i4"} <= set(
            world.violations()
        )


async def test_nothing_is_stored_or_acknowledged_while_the_broker_has_not_answered() -> None:
    async with World(ALL_KINDS) as world:
        world.writer.gate.clear()
        await world.submit(*ALL_KINDS)
        await until(lambda: ("sent", "s2b") in world.steps)
        await asyncio.sleep(0.02)
        assert {what for what, _ in world.steps} == {"sent", "staged"}
        assert world.lane.done_upto is None
        world.writer.gate.set()
        await until(lambda: len(world.acks) == 5)


async def test_a_failed_send_ends_the_stage_and_acknowledges_nothing() -> None:
    async with World({0: Effects(rows=((b"r0", b"1"),)), 1: Effects(sends=(out("bad"),))}) as world:
        world.writer.refuse = {"bad"}
        await world.submit(0, 1)
        await until(lambda: world.failures)
        await world.submit(2)
        await asyncio.sleep(0.02)
        assert world.acks == []
        assert world.rows.stored == {}, "what could not be ordered is not remembered as ordered"
        [(name, error)] = world.failures
        assert name == "evidence/0"
        assert "not confirmed: ['bad']" in str(error)


async def test_a_handler_that_raises_ends_the_stage_and_acknowledges_nothing() -> None:
    async with World() as world:

        def broken(incoming: Incoming) -> Effects:
            raise ZeroDivisionError(incoming.offset)

        world.lane._handle = broken
        await world.submit(0)
        await until(lambda: world.failures)
        assert isinstance(world.failures[0][1], ZeroDivisionError)
        assert world.acks == []


async def test_a_batch_reads_the_rows_that_its_earlier_records_staged() -> None:
    async with World() as world:
        seen: list[bytes | None] = []

        def count(incoming: Incoming) -> Effects:
            before = world.rows.get(b"count")
            seen.append(before)
            world.folded.append(incoming.offset)
            return Effects(rows=((b"count", str(int(before or b"0") + 1).encode()),))

        world.lane._handle = count
        await world.submit(0, 1, 2)
        await until(lambda: len(world.acks) == 3)
        assert seen == [None, b"1", b"2"]
        assert [step for step in world.steps if step[0] == "stored"] == [("stored", "count")], "one batch, one write"


HOP = {
    0: Effects(sends=(out("hop"),), expects=("h",), then=(out("ended"),)),
    1: Effects(sends=(out("s1"),), in_turn=(out("clock"),)),
    2: Effects(sends=(out("s2"),)),
    3: Effects(rows=((b"r3", b"1"),), receipts=("h",)),
}


async def test_a_record_that_waits_for_a_receipt_holds_the_acks_and_what_goes_in_turn_but_not_the_work() -> None:
    async with World(HOP) as world:
        await world.submit(0, 1, 2)
        await until(lambda: ("confirmed", "s2") in world.steps)
        await asyncio.sleep(0.02)
        assert world.acks == []
        assert ("sent", "ended") not in world.steps
        assert ("sent", "clock") not in world.steps, "a clock may not overtake what an earlier record still waits for"
        await world.submit(3)
        await until(lambda: len(world.acks) == 4)
        assert world.violations() == []
        order = [world.steps.index(step) for step in [("stored", "r3"), ("sent", "ended"), ("sent", "clock")]]
        assert order == sorted(order)


async def test_a_receipt_in_the_same_batch_counts_once_the_batch_is_stored() -> None:
    async with World(HOP) as world:
        await world.submit(0, 1, 2, 3)
        await until(lambda: len(world.acks) == 4)
        assert world.violations() == []
        assert world.acks == [0, 1, 2, 3]


async def test_every_receipt_is_needed() -> None:
    effects = {0: Effects(expects=("a", "b")), 1: Effects(receipts=("a",)), 2: Effects(receipts=("b",))}
    async with World(effects) as world:
        await world.submit(0, 1)
        await until(lambda: world.folded == [0, 1])
        await asyncio.sleep(0.02)
        assert world.acks == []
        await world.submit(2)
        await until(lambda: world.acks == [0, 1, 2])


async def test_what_follows_is_sent_once_only() -> None:
    effects = {0: Effects(expects=("never",)), 1: Effects(then=(out("t1"),)), 2: Effects(), 3: Effects()}
    async with World(effects) as world:
        for offset in effects:
            await world.submit(offset)
            await asyncio.sleep(0.01)
        assert world.steps.count(("sent", "t1")) == 1
        assert world.acks == []


async def test_a_full_lane_holds_the_consumer_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "MAX_QUEUE", 3)
    async with World({0: Effects(sends=(out("s0"),))}) as world:
        world.writer.gate.clear()
        await world.submit(0)
        await until(lambda: ("sent", "s0") in world.steps)
        # Record 0 is being made durable and waits no more.
        await world.submit(1, 2, 3)
        held = asyncio.create_task(world.submit(4))
        await asyncio.sleep(0.03)
        assert not held.done(), "MAX_QUEUE records wait: the next one must not be taken"
        world.writer.gate.set()
        await asyncio.wait_for(held, 2)
        await until(lambda: world.acks == [0, 1, 2, 3, 4])


async def test_records_that_wait_for_a_receipt_never_hold_the_receipt_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a long absence the receipt stands behind the whole backlog, in the same partition."""
    monkeypatch.setattr(lanes, "MAX_QUEUE", 4)
    monkeypatch.setattr(lanes, "MAX_BATCH", 3)
    async with World({0: Effects(expects=("h",), in_turn=(out("i0"),)), 30: Effects(receipts=("h",))}) as world:
        await asyncio.wait_for(world.submit(*range(31)), 2)
        await until(lambda: world.acks == list(range(31)))
        assert world.violations() == []


async def test_a_batch_takes_what_waits_up_to_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "MAX_BATCH", 2)
    async with World({n: Effects(rows=((b"same", str(n).encode()),)) for n in range(5)}) as world:
        await world.submit(*range(5))
        await until(lambda: len(world.acks) == 5)
        assert sum(step == ("stored", "same") for step in world.steps) == 3
        assert world.violations() == []


async def test_close_finishes_what_was_begun() -> None:
    world = World(ALL_KINDS)
    world.writer.gate.clear()
    await world.submit(*ALL_KINDS)
    asyncio.get_running_loop().call_later(0.05, world.writer.gate.set)
    await world.lane.close(2)
    assert world.acks == [0, 1, 2, 3, 4]
    assert world.violations() == []


async def test_close_gives_up_after_the_drain_and_acknowledges_nothing_that_is_not_durable() -> None:
    world = World({0: Effects(sends=(out("s0"),)), 1: Effects(sends=(out("s1"),))})
    await world.submit(0)
    await until(lambda: world.acks == [0])
    world.writer.gate.clear()
    await world.submit(1)
    began = asyncio.get_running_loop().time()
    await world.lane.close(0.1)
    assert 0.05 < asyncio.get_running_loop().time() - began < 1
    world.writer.gate.set()
    await asyncio.sleep(0.02)
    assert world.lane.closed
    assert world.acks == [0], "record 1 comes again"
    assert world.lane.done_upto == 1
    assert not world.failures, "giving up a partition is no failure of the stage"


async def test_close_lets_go_of_a_consumer_that_was_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "MAX_QUEUE", 1)
    world = World({0: Effects(sends=(out("s0"),))})
    world.writer.gate.clear()
    await world.submit(0)
    await until(lambda: ("sent", "s0") in world.steps)
    await world.submit(1)
    held = asyncio.create_task(world.submit(2))
    await asyncio.sleep(0.01)
    await world.lane.close(0)
    await asyncio.wait_for(held, 1)
    assert world.acks == []


async def test_close_finishes_a_batch_that_is_under_way() -> None:
    """Its records stand in no queue, and still they are begun."""
    world = World({0: Effects(sends=(out("s0"),))})
    world.writer.gate.clear()
    await world.submit(0)
    await until(lambda: ("sent", "s0") in world.steps)
    asyncio.get_running_loop().call_later(0.05, world.writer.gate.set)
    await world.lane.close(2)
    assert world.acks == [0]
