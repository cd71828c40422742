"""A lane's order: durable in one commit, then acknowledged; in turn; never folded twice; never an ack that loses."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pytest

from stream_app.pipeline.ports import Effects, Incoming, Outgoing
from stream_app.runtime import lane as lanes
from stream_app.runtime import steps as engine_steps
from stream_app.runtime.lane import Lane
from stream_app.runtime.pending_rows import PendingRows
from stream_app.runtime.progress import Progress, row_key
from tests.runtime.trace import Step, TracedDurable, out, record, until, violations

ROW = row_key("evidence", 0)


class AcksFirst(Lane):
    """The negative control: acknowledges a batch before anything of it is durable."""

    async def _commit(self, batch: list[Incoming]) -> list[Incoming]:
        for one in self._unacknowledged:
            one.ack(one.last_offset)
            one.ack = lambda _last_offset: None
        return await super()._commit(batch)


class SendsInTurnAtOnce(Lane):
    """Another: sends what goes in turn before what it must wait for is durable."""

    async def _make_durable(self, sends: list[Outgoing]) -> None:
        for held in self._held:
            await self._aside.commit(held.in_turn, {}, {})
        await super()._make_durable(sends)


class World:
    """A lane over fakes, which does with record n what `effects[n]` says; `refolds[n]` when it was folded before."""

    def __init__(
        self,
        effects: Mapping[int, Effects] | None = None,
        kind: type[Lane] = Lane,
        *,
        stored: Mapping[bytes, bytes] | None = None,
        refolds: Mapping[int, Effects] | None = None,
        rows: bool = True,
        aside: bool = False,
        repeatable: frozenset[str] = frozenset(),
    ) -> None:
        self.effects = dict(effects or {})
        self.steps: list[Step] = []
        self.durable = TracedDurable(self.steps, stored)
        self.aside = TracedDurable(self.steps) if aside else None
        self.pending = PendingRows(self.durable)
        self.failures: list[tuple[str, BaseException]] = []
        self.folded: list[int] = []
        self.refolded: list[int] = []
        self.batches: list[int] = []
        self._refolds = refolds
        self.lane = kind(
            "evidence/0",
            self.fold,
            self.durable,
            lambda *it: self.failures.append(it),
            rows=self.pending if rows else None,
            refold=self.refold if refolds is not None else None,
            aside=self.aside,
            repeatable=repeatable,
        )

    def fold(self, batch: Sequence[Incoming]) -> Sequence[Effects]:
        self.batches.append(len(batch))
        self.folded += [one.offset for one in batch]
        return [self.effects.get(one.offset, Effects()) for one in batch]

    def refold(self, batch: Sequence[Incoming]) -> Sequence[Effects]:
        self.refolded += [one.offset for one in batch]
        return [(self._refolds or {}).get(one.offset, Effects()) for one in batch]

    async def submit(self, *offsets: int) -> None:
        """Every record as a batch of its own."""
        for offset in offsets:
            await self.batch(offset)

    async def batch(self, *offsets: int) -> None:
        """The records as one batch."""
        await self.lane.submit([record(one) for one in offsets], lambda last: self.steps.append(("acked", last)))

    async def folds_apart(self, *offsets: int) -> None:
        """Every record as a batch of its own, and none folded together with the one before."""
        for count, offset in enumerate(offsets, len(self.folded) + 1):
            await self.batch(offset)
            await until(partial(self._has_folded, count))

    def _has_folded(self, count: int) -> bool:
        return len(self.folded) >= count

    @property
    def acks(self) -> list[object]:
        return [about for what, about in self.steps if what == "acked"]

    @property
    def progress(self) -> Progress:
        return Progress.from_bytes(self.durable.get(ROW))

    def violations(self) -> list[str]:
        return violations(self.steps, self.effects)

    async def __aenter__(self) -> World:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.durable.gate.set()
        await self.lane.close(0)


ALL_KINDS = {
    0: Effects(sends=(out("s0"),), rows=((b"r0", b"1"),), local=((b"l0", b"1"),)),
    1: Effects(),
    2: Effects(sends=(out("s2"), out("s2b")), then=(out("t2"),), in_turn=(out("i2"),)),
    3: Effects(rows=((b"r3", b"1"), (b"r0", None))),
    4: Effects(in_turn=(out("i4"),)),
    5: Effects(rows=((b"clock", b"5"),)),
}


async def test_a_batch_is_one_commit_of_sends_rows_and_progress_and_then_the_acks_in_order() -> None:
    async with World(ALL_KINDS) as world:
        await world.submit(*ALL_KINDS)
        await until(lambda: len(world.acks) == 6)
        assert world.violations() == []
        assert world.acks == [0, 1, 2, 3, 4, 5]
        assert world.steps.index(("confirmed", "s0")) < world.steps.index(("stored", "r0"))
        assert world.steps.index(("stored", "r0")) < world.steps.index(("acked", 0))
        assert world.durable.stored == {b"r3": b"1", b"l0": b"1", b"clock": b"5", ROW: Progress(6).to_bytes()}, (
            "the last write of a key wins"
        )
        assert world.durable.commits == 2, "the batch, and what goes in turn"
        assert world.lane.done_upto == 6
        assert len(world.lane) == 0
        assert not world.failures


async def test_a_batch_that_was_handed_over_whole_is_acknowledged_whole() -> None:
    async with World({n: Effects(sends=(out(f"s{n}"),)) for n in range(5)}) as world:
        await world.batch(0, 1, 2)
        await world.batch(3, 4)
        await until(lambda: world.acks == [2, 4])
        assert [about for what, about in world.steps if what == "confirmed"] == [f"s{n}" for n in range(5)]
        assert world.lane.done_upto == 5


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (AcksFirst, {"acked 0 before confirmed s0", "acked 0 before stored r0", "acked 4 before confirmed i4"}),
        (SendsInTurnAtOnce, {"sent i2 before confirmed s2", "sent i4 before confirmed t2"}),
    ],
)
async def test_the_checker_catches_a_lane_that_is_too_early(kind: type[Lane], expected: set[str]) -> None:
    async with World(ALL_KINDS, kind) as world:
        await world.submit(*ALL_KINDS)
        await until(lambda: ("confirmed", "i4") in world.steps and ("stored", "r3") in world.steps)
        assert expected <= set(world.violations())


async def test_nothing_is_stored_or_acknowledged_while_the_broker_has_not_answered() -> None:
    async with World(ALL_KINDS) as world:
        world.durable.gate.clear()
        await world.submit(*ALL_KINDS)
        await until(lambda: ("sent", "s2b") in world.steps)
        await asyncio.sleep(0.02)
        assert {what for what, _ in world.steps} == {"commit", "sent"}
        assert world.lane.done_upto is None
        world.durable.gate.set()
        await until(lambda: len(world.acks) == 6)


async def test_a_failed_commit_ends_the_stage_and_acknowledges_nothing() -> None:
    async with World({0: Effects(rows=((b"r0", b"1"),)), 1: Effects(sends=(out("bad"),))}) as world:
        world.durable.refuse = {"bad"}
        await world.submit(0, 1)
        await until(lambda: world.failures)
        await world.submit(2)
        await asyncio.sleep(0.02)
        assert world.acks == []
        assert world.durable.stored == {}, "what could not be ordered is not remembered as ordered"
        [(name, error)] = world.failures
        assert name == "evidence/0"
        assert "not confirmed: ['bad']" in str(error)


async def test_what_goes_in_turn_and_fails_ends_the_stage_too() -> None:
    async with World({0: Effects(in_turn=(out("bad"),))}, aside=True) as world:
        assert world.aside is not None
        world.aside.refuse = {"bad"}
        await world.submit(0)
        await until(lambda: world.failures)
        assert world.acks == []


async def test_a_fold_that_raises_ends_the_stage_and_acknowledges_nothing() -> None:
    async with World() as world:

        def broken(batch: Sequence[Incoming]) -> Sequence[Effects]:
            raise ZeroDivisionError(batch[0].offset)

        world.lane._fold = broken
        await world.submit(0)
        await until(lambda: world.failures)
        assert isinstance(world.failures[0][1], ZeroDivisionError)
        assert world.acks == []


async def test_a_fold_that_returns_more_effects_than_records_ends_the_stage() -> None:
    """Else the effects would be taken for those of other records."""
    async with World() as world:
        world.lane._fold = lambda batch: [Effects()] * (len(batch) + 1)
        await world.batch(0, 1)
        await until(lambda: world.failures)
        assert world.acks == []


async def test_the_next_batch_reads_the_rows_of_the_one_before() -> None:
    async with World() as world:
        seen: list[bytes | None] = []

        def count(batch: Sequence[Incoming]) -> Sequence[Effects]:
            before = world.pending.get(b"count")
            seen.append(before)
            return [Effects()] * (len(batch) - 1) + [
                Effects(rows=((b"count", str(int(before or b"0") + len(batch)).encode()),))
            ]

        world.lane._fold = count
        await world.batch(0, 1)
        await until(lambda: seen)
        await world.batch(2)
        await until(lambda: len(world.acks) == 2)
        assert seen == [None, b"2"]
        assert world.durable.get(b"count") == b"3"


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
        assert world.progress.upto == 3, "and yet they are folded, once and for all"
        await world.submit(3)
        await until(lambda: len(world.acks) == 4)
        assert world.violations() == []
        order = [world.steps.index(step) for step in [("confirmed", "ended"), ("stored", "r3"), ("sent", "clock")]]
        assert order == sorted(order)
        commits = [number for number, step in enumerate(world.steps) if step[0] == "commit"]
        last = max(number for number in commits if number < world.steps.index(("stored", "r3")))
        assert last < world.steps.index(("sent", "ended")), "what follows goes in the commit of the receipt itself"


async def test_a_record_that_waits_inside_a_batch_holds_the_ack_of_that_batch_only() -> None:
    async with World({1: Effects(expects=("h",)), 4: Effects(receipts=("h",))}) as world:
        await world.batch(0)
        await world.batch(1, 2)
        await world.batch(3)
        await until(lambda: world.acks == [0])
        await asyncio.sleep(0.02)
        assert world.acks == [0]
        assert world.lane.done_upto == 1, "the offset before it, although the batch ends later"
        await world.batch(4)
        await until(lambda: world.acks == [0, 2, 3, 4])
        assert world.lane.done_upto == 5


async def test_a_receipt_in_the_same_batch_counts() -> None:
    async with World(HOP) as world:
        await world.submit(0, 1, 2, 3)
        await until(lambda: world.acks == [0, 1, 2, 3])
        assert world.violations() == []
        assert world.batches == [4]
        assert world.durable.commits == 2


async def test_every_receipt_is_needed() -> None:
    effects = {0: Effects(expects=("a", "b")), 1: Effects(receipts=("a",)), 2: Effects(receipts=("b",))}
    async with World(effects) as world:
        await world.submit(0, 1)
        await until(lambda: world.folded == [0, 1])
        await asyncio.sleep(0.02)
        assert world.acks == []
        await world.submit(2)
        await until(lambda: world.acks == [0, 1, 2])


async def test_one_receipt_may_be_awaited_by_many_and_they_follow_in_their_order() -> None:
    effects = {n: Effects(expects=("h", f"own{n}"), then=(out(f"t{n}"),)) for n in range(5)}
    effects[5] = Effects(receipts=("h", "own4", "own2", "own0", "own1", "own3"))
    async with World(effects) as world:
        await world.submit(*range(6))
        await until(lambda: len(world.acks) == 6)
        assert [about for what, about in world.steps if what == "sent"] == [f"t{n}" for n in range(5)]
        assert world.lane._awaited == {}
        assert not world.lane._held


async def test_what_follows_is_sent_once_only_also_while_it_waits_for_its_turn() -> None:
    effects = {
        0: Effects(expects=("never",)),
        1: Effects(then=(out("t1"),)),
        2: Effects(receipts=("else",)),
        3: Effects(),
    }
    async with World(effects) as world:
        for offset in effects:
            await world.submit(offset)
            await asyncio.sleep(0.01)
        assert world.steps.count(("sent", "t1")) == 1
        assert world.acks == []


async def test_what_goes_in_turn_goes_aside_where_there_is_an_aside() -> None:
    async with World({0: Effects(sends=(out("s0"),), in_turn=(out("i0"),))}, aside=True) as world:
        assert world.aside is not None
        await world.submit(0)
        await until(lambda: world.acks == [0])
        assert (world.durable.commits, world.aside.commits) == (1, 1), "no transaction for a clock"


async def test_records_of_a_batch_that_waits_for_its_ack_are_let_go_of() -> None:
    """Behind a receipt that is long in coming the whole backlog is folded: it must not stay in memory."""
    async with World({0: Effects(sends=(out("s0"),), rows=((b"r", b"1" * 1000),), expects=("h",))}) as world:
        await world.submit(0, 1, 2)
        await until(lambda: world.folded == [0, 1, 2])
        assert len(world.lane) == 3
        assert [one.last_offset for one in world.lane._unacknowledged] == [0, 1, 2]
        assert not any(hasattr(one, "records") for one in world.lane._unacknowledged)
        assert world.lane._held[0].then == ()


# Records that come again.


async def test_what_was_folded_before_a_fault_is_skipped() -> None:
    async with World(ALL_KINDS, stored={ROW: Progress(3).to_bytes()}) as world:
        await world.batch(0, 1, 2, 3)
        await until(lambda: world.acks == [3])
        assert world.folded == [3]
        assert world.refolded == []
        assert not [step for step in world.steps if step[0] == "sent"], "nothing of it is sent a second time"
        assert world.progress.upto == 4


async def test_all_of_a_batch_may_be_known() -> None:
    async with World(ALL_KINDS, stored={ROW: Progress(6).to_bytes()}) as world:
        await world.batch(0, 1, 2)
        await world.batch(3, 4, 5)
        await until(lambda: world.acks == [2, 5])
        assert world.folded == []
        assert world.durable.commits == 0
        assert world.lane.done_upto == 6


async def test_where_others_wait_what_was_folded_is_refolded_and_what_is_new_is_folded() -> None:
    refolds = {
        0: Effects(sends=(out("hop"),), expects=("h",), then=(out("ended"),)),
        1: Effects(in_turn=(out("clock"),)),
    }
    async with World({3: Effects(receipts=("h",))}, stored={ROW: Progress(2).to_bytes()}, refolds=refolds) as world:
        await world.batch(0, 1, 2)
        await until(lambda: ("confirmed", "hop") in world.steps)
        await asyncio.sleep(0.02)
        assert (world.refolded, world.folded) == ([0, 1], [2])
        assert world.acks == [], "it waits for its receipt as it did before"
        await world.batch(3)
        await until(lambda: world.acks == [2, 3])
        assert violations(world.steps, {**world.effects, **refolds}) == []


async def test_a_lane_over_the_rows_of_another_goes_on_where_that_one_was() -> None:
    first = World(HOP)
    await first.submit(0, 1, 2)
    await until(lambda: ("confirmed", "s2") in first.steps)
    await first.lane.close(0)
    assert first.acks == []
    async with World(HOP, stored=first.durable.stored, refolds={0: Effects(expects=("h",))}) as second:
        await second.batch(0, 1, 2)
        await second.batch(3)
        await until(lambda: second.acks == [2, 3])
        assert (second.refolded, second.folded) == ([0, 1, 2], [3])
        assert ("sent", "s1") not in second.steps


async def test_what_comes_again_within_a_generation_after_a_seek_back_is_not_taken_twice() -> None:
    async with World({0: Effects(sends=(out("s0"),))}, rows=False) as world:
        await world.batch(0)
        await world.batch(0)
        await world.batch(0, 1)
        await until(lambda: world.acks == [0, 1])
        assert world.folded == [0, 1]
        assert world.durable.stored == {}


# Rows that may wait.


async def test_rows_that_may_wait_are_committed_with_the_next_batch() -> None:
    effects = {
        0: Effects(rows=((b"clock", b"0"),)),
        1: Effects(rows=((b"clock", b"1"),)),
        2: Effects(sends=(out("s2"),)),
    }
    async with World(effects) as world:
        await world.folds_apart(0, 1)
        await asyncio.sleep(0.02)
        assert (world.durable.commits, world.acks) == (0, []), "not durable, so not acknowledged"
        await world.submit(2)
        await until(lambda: world.acks == [0, 1, 2])
        assert world.durable.commits == 1
        assert world.durable.get(b"clock") == b"1"
        assert world.violations() == []


async def test_rows_that_may_wait_do_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "LATER_S", 0.05)
    async with World({n: Effects(rows=((b"clock", b"%d" % n),)) for n in range(40)}) as world:
        await world.submit(0)
        await until(lambda: world.acks == [0], 1)
        for offset in range(1, 40):  # A steady trickle does not put it off either.
            await world.submit(offset)
            await asyncio.sleep(0.005)
        assert 2 <= world.durable.commits < 20
        await until(lambda: len(world.acks) == 40)
        assert world.progress.upto == 40


async def test_what_goes_in_turn_does_not_wait_for_rows_that_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "LATER_S", 60)
    async with World({0: Effects(rows=((b"clock", b"0"),), in_turn=(out("i0"),))}, aside=True) as world:
        await world.submit(0)
        await until(lambda: ("confirmed", "i0") in world.steps)
        assert (world.durable.commits, world.acks) == (0, [])


async def test_local_rows_wait_with_the_rows_they_follow_from() -> None:
    effects = {
        0: Effects(rows=((b"clock", b"0"),), local=((b"index", b"0"),)),
        1: Effects(local=((b"tidied", b"1"),)),
        2: Effects(rows=((b"r2", b"1"),)),
    }
    async with World(effects) as world:
        await world.folds_apart(*effects)
        await until(lambda: len(world.acks) == 3)
        assert {b"clock", b"index", b"tidied", b"r2"} <= set(world.durable.stored)
        assert world.durable.commits == 1


async def test_of_a_key_that_several_records_of_a_batch_write_the_last_wins() -> None:
    effects = {
        0: Effects(rows=((b"k", b"0"),)),
        1: Effects(rows=((b"k", b"1"),)),
        2: Effects(rows=((b"j", b"2"),)),
    }
    async with World(effects) as world:
        await world.batch(0, 1, 2)
        await until(lambda: world.acks == [2])
        assert world.durable.get(b"k") == b"1"


async def test_close_does_not_wait_for_rows_that_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "LATER_S", 60)
    world = World({0: Effects(rows=((b"clock", b"0"),))})
    await world.submit(0)
    await until(lambda: world.folded == [0])
    began = asyncio.get_running_loop().time()
    await world.lane.close(5)
    assert asyncio.get_running_loop().time() - began < 2
    assert world.acks == [0]
    assert world.durable.get(b"clock") == b"0"


async def test_a_tick_where_no_record_comes_is_made_durable_like_a_fold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes, "TICK_S", 0.02)
    told = [Effects(), Effects(sends=(out("tick"),), rows=((b"t", b"1"),)), Effects(rows=((b"u", b"2"),))]
    async with World(rows=False) as world:
        world.lane._tick = lambda: told.pop(0) if told else Effects()
        await until(lambda: ("confirmed", "tick") in world.steps)
        await until(lambda: world.durable.get(b"u") == b"2")
        assert world.durable.get(b"t") == b"1"
        assert world.durable.commits == 2, "nothing to say is no commit"
        assert world.acks == []
        await world.submit(0)
        await until(lambda: world.acks == [0])


async def test_a_tick_before_the_first_record_does_not_say_that_nothing_was_ever_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes, "TICK_S", 0.01)
    async with World() as world:
        told = [Effects(sends=(out("tick"),))]
        world.lane._tick = lambda: told.pop() if told else Effects()
        await until(lambda: ("confirmed", "tick") in world.steps)
        await asyncio.sleep(0.05)
        assert world.lane.done_upto is None, "or the lag is that of the whole topic"
        await world.submit(7)
        await until(lambda: world.acks == [7])
        assert world.lane.done_upto == 8


async def test_rows_that_wait_are_read_by_the_folds_that_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "LATER_S", 60)
    effects = {
        0: Effects(rows=((b"a", b"0"), (b"b", b"0")), local=((b"l", b"0"),)),
        1: Effects(rows=((b"b", None),)),
        2: Effects(sends=(out("s2"),), rows=((b"a", b"2"),)),
    }
    async with World(effects) as world:
        await world.folds_apart(0, 1)
        await asyncio.sleep(0.01)
        assert world.durable.stored == {}
        assert world.pending.get_many([b"a", b"b", b"l"]) == [b"0", None, b"0"]
        await world.submit(2)
        await until(lambda: world.acks == [0, 1, 2])
        assert world.pending.get_many([b"a", b"b", b"l"]) == [b"2", None, b"0"]
        world.durable.stored[b"a"] = b"of the store"
        assert world.pending.get(b"a") == b"of the store", "what is committed is not held any longer"


REPEATABLE = frozenset({"evidence", "identity"})


async def test_what_may_repeat_is_sent_aside_at_once_and_its_rows_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "LATER_S", 60)
    evidence, alert = Outgoing("evidence", b"e0", b"{}"), Outgoing("join-alerts", b"a1", b"{}")
    effects = {
        0: Effects(sends=(evidence,), rows=((b"r0", b"0"),)),
        1: Effects(sends=(Outgoing("evidence", b"e1", b"{}"), alert), rows=((b"r1", b"1"),)),
    }
    async with World(effects, aside=True, repeatable=REPEATABLE) as world:
        await world.submit(0)
        await until(lambda: ("confirmed", "e0") in world.steps)
        assert (world.durable.commits, world.acks) == (0, []), "no transaction, so no ack"
        await world.submit(1)
        await until(lambda: world.acks == [0, 1])
        assert world.aside is not None
        assert (world.durable.commits, world.aside.commits) == (1, 2)
        assert set(world.durable.stored) == {b"r0", b"r1", ROW}, "an alert, all rows and the progress at once"
        assert world.steps.index(("confirmed", "e1")) < world.steps.index(("sent", "a1"))


async def test_a_receipt_that_may_repeat_follows_what_it_is_for() -> None:
    answer, evidence = Outgoing("identity", b"t0", b"{}"), Outgoing("evidence", b"e0", b"{}")
    async with World({0: Effects(sends=(evidence,), then=(answer,))}, aside=True, repeatable=REPEATABLE) as world:
        await world.submit(0)
        await until(lambda: world.acks == [0])
        assert world.steps.index(("confirmed", "e0")) < world.steps.index(("sent", "t0"))


# Bounds.


async def test_a_full_lane_holds_the_consumer_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "MAX_QUEUE", 3)
    async with World({0: Effects(sends=(out("s0"),))}) as world:
        world.durable.gate.clear()
        await world.submit(0)
        await until(lambda: ("sent", "s0") in world.steps)
        # Record 0 is being made durable and waits no more.
        await world.batch(1, 2)
        await world.submit(3)
        held = asyncio.create_task(world.submit(4))
        await asyncio.sleep(0.03)
        assert not held.done(), "MAX_QUEUE records wait: the next one must not be taken"
        world.durable.gate.set()
        await asyncio.wait_for(held, 2)
        await until(lambda: world.acks == [0, 2, 3, 4])


async def test_records_that_wait_for_a_receipt_never_hold_the_receipt_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a long absence the receipt stands behind the whole backlog, in the same partition."""
    monkeypatch.setattr(lanes, "MAX_QUEUE", 4)
    monkeypatch.setattr(lanes, "MAX_BATCH", 3)
    async with World({0: Effects(expects=("h",), in_turn=(out("i0"),)), 30: Effects(receipts=("h",))}) as world:
        await asyncio.wait_for(world.submit(*range(31)), 2)
        await until(lambda: world.acks == list(range(31)))
        assert world.violations() == []


async def test_a_fold_takes_what_waits_up_to_its_bound_and_a_larger_batch_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes, "MAX_BATCH", 3)
    async with World({n: Effects(rows=((b"same", b"%d" % n),)) for n in range(12)}) as world:
        world.durable.gate.clear()
        await world.submit(0)
        await until(lambda: world.batches == [1])
        await world.submit(1, 2)
        await world.batch(3, 4)
        await world.batch(*range(5, 10))
        await world.batch(10, 11)
        world.durable.gate.set()
        await until(lambda: world.acks == [0, 1, 2, 4, 9, 11])
        assert world.batches == [1, 2, 2, 5, 2], "as many as fit, never a part of what is acknowledged as one"
        assert world.folded == list(range(12))
        assert world.violations() == []


# The end.


async def test_close_finishes_what_was_begun() -> None:
    world = World(ALL_KINDS)
    world.durable.gate.clear()
    await world.submit(*ALL_KINDS)
    asyncio.get_running_loop().call_later(0.05, world.durable.gate.set)
    await world.lane.close(2)
    assert world.acks == [0, 1, 2, 3, 4, 5]
    assert world.violations() == []


async def test_close_gives_up_after_the_drain_and_acknowledges_nothing_that_is_not_durable() -> None:
    world = World({0: Effects(sends=(out("s0"),)), 1: Effects(sends=(out("s1"),))})
    await world.submit(0)
    await until(lambda: world.acks == [0])
    world.durable.gate.clear()
    await world.submit(1)
    began = asyncio.get_running_loop().time()
    await world.lane.close(0.1)
    assert 0.05 < asyncio.get_running_loop().time() - began < 1
    world.durable.gate.set()
    await asyncio.sleep(0.02)
    assert world.lane.closed
    assert world.acks == [0], "record 1 comes again"
    assert world.lane.done_upto == 1
    assert not world.failures, "giving up a partition is no failure of the stage"


async def test_close_lets_go_of_a_consumer_that_was_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "MAX_QUEUE", 1)
    world = World({0: Effects(sends=(out("s0"),))})
    world.durable.gate.clear()
    await world.submit(0)
    await until(lambda: ("sent", "s0") in world.steps)
    await world.submit(1)
    held = asyncio.create_task(world.submit(2))
    await asyncio.sleep(0.01)
    await world.lane.close(0)
    await asyncio.wait_for(held, 1)
    assert world.acks == []


async def test_close_ends_although_a_cancellation_is_lost_on_the_way() -> None:
    """As `asyncio.wait_for` of Python 3.11 loses one, and any library that uses it."""
    world = World({0: Effects(sends=(out("s0"),))})
    commit = world.durable.commit

    async def loses(*parts: Any) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await commit(*parts)

    world.durable.commit = loses  # type: ignore[method-assign]
    await world.submit(0)
    await until(lambda: world.folded == [0])
    await asyncio.wait_for(world.lane.close(0), 2)
    assert world.folded == [0]


async def test_close_of_a_lane_that_failed_does_not_wait_for_its_records() -> None:
    world = World({0: Effects(sends=(out("bad"),))})
    world.durable.refuse = {"bad"}
    await world.submit(0)
    await until(lambda: world.failures)
    began = asyncio.get_running_loop().time()
    await world.lane.close(5)
    assert asyncio.get_running_loop().time() - began < 1


async def test_the_steps_of_a_commit_are_reached_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the lane; `test_durable.py` has those of a real transaction between them."""
    reached: list[str] = []
    monkeypatch.setattr(engine_steps, "watch", reached.append)
    async with World(ALL_KINDS) as world:
        await world.batch(*ALL_KINDS)
        await until(lambda: len(world.acks) == 1)
        assert reached == ["folded", "before-ack"]


class InParts(World):
    """Record 2 takes three commits; after each, `upto` is how far the lane's progress row says it has come."""

    parts = 0

    def fold(self, batch: Sequence[Incoming]) -> Sequence[Effects]:
        effects = []
        for one in batch:
            self.folded.append(one.offset)
            self.parts += one.offset == 2
            name = f"2.{self.parts}" if one.offset == 2 else str(one.offset)
            upto = Progress.from_bytes(self.durable.get(ROW)).upto
            row = (name.encode(), str(upto).encode())
            effects.append(Effects((out(name),), (row,), unfinished=one.offset == 2 and self.parts < 3))
            if effects[-1].unfinished:
                break
        return effects


async def test_a_record_that_is_not_finished_takes_several_commits_and_is_done_with_the_last() -> None:
    async with InParts() as world:
        await world.batch(0, 1, 2, 3)
        await until(lambda: world.acks == [3])
        assert world.folded == [0, 1, 2, 2, 2, 3]
        assert world.durable.commits == 3
        assert world.steps[-1] == ("acked", 3)
        found = {key.decode(): row for key, row in world.durable.stored.items() if key != ROW}
        assert found == {"0": b"0", "1": b"0", "2.1": b"0", "2.2": b"2", "2.3": b"2", "3": b"2"}
        assert Progress.from_bytes(world.durable.get(ROW)).upto == 4
        assert not world.failures


async def test_after_a_fault_between_its_parts_the_record_comes_again() -> None:
    async with InParts() as world:
        world.durable.refuse = {"2.2"}
        await world.batch(0, 1, 2, 3)
        await until(lambda: world.failures)
        assert world.acks == []
        assert Progress.from_bytes(world.durable.get(ROW)).upto == 2


class Stops(World):
    """Its fold stops behind record `at`, which so pauses the lane."""

    def __init__(self, at: int, **options: Any) -> None:
        super().__init__(**options)
        self.at = at

    def fold(self, batch: Sequence[Incoming]) -> Sequence[Effects]:
        return super().fold([one for one in batch if one.offset <= self.at])


@pytest.mark.parametrize("at", [2, 3, 4])
async def test_a_fold_that_stops_pauses_the_lane_and_what_it_did_is_acknowledged(at: int) -> None:
    """Were its delivery not acknowledged at all, a successor would do it again."""
    async with Stops(at, effects={number: Effects(sends=(out(f"s{number}"),)) for number in range(6)}) as world:
        await world.batch(0, 1)
        await world.batch(2, 3, 4, 5)
        await until(lambda: at in world.acks)
        assert world.acks == [1, at]
        assert world.lane.paused
        assert world.lane.resume_at == at + 1
        await world.batch(6)
        world.at = 9
        world.lane.resume()
        await world.batch(*range(at + 1, 7))
        await until(lambda: 6 in world.acks)
        assert world.folded == list(range(7)), "every record once"
        assert not world.failures
