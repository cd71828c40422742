"""Lanes and generations: which records reach a lane, which acks count, and what happens when partitions go."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from faust.types import TP

from stream_app.pipeline.ports import Incoming
from stream_app.runtime import host as host_module
from stream_app.runtime.durable import Durable
from stream_app.runtime.host import EXIT_FAILED, AnyLane, Binding, Host
from stream_app.runtime.lane import Ack
from stream_app.runtime.progress import Progress, row_key
from stream_app.runtime.state_dir import StateDirError
from stream_app.runtime.stores import DOUBTED
from stream_app.runtime.tables import TablePartition
from stream_app.settings import Settings, StageName
from stream_app.telemetry import disabled

WHY = "docs/decisions/0003-explicit-acks.md: a record of an older generation is never acknowledged"
CALLS = "t-tool-call"


class FakeLane:
    """Keeps what was submitted; `close` takes as long as `drain` says."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = False
        self.done_upto: int | None = None
        self.submitted: list[tuple[list[Incoming], Ack]] = []
        self.drain = asyncio.Event()
        self.drain.set()

    def __len__(self) -> int:
        return len(self.submitted)

    @property
    def offsets(self) -> list[list[int]]:
        return [[one.offset for one in records] for records, _ in self.submitted]

    async def submit(self, records: list[Incoming], ack: Ack) -> None:
        self.submitted.append((records, ack))

    async def close(self, drain_s: float) -> None:
        await self.drain.wait()
        self.closed = True


class Stateless(Binding):
    """A stage without a table that keeps the lanes it opened."""

    stage: ClassVar[StageName] = "intake"
    topics: ClassVar[tuple[str, ...]] = ("tool-call", "call-ended")
    table: ClassVar[str | None] = None

    def __init__(self) -> None:
        self.opened: list[FakeLane] = []
        self.gone: list[tuple[str, int]] = []
        self.rows: list[TablePartition | None] = []
        self.durables: list[Durable] = []

    def open(self, host: Host, topic: str, partition: int, durable: Durable, rows: TablePartition | None) -> AnyLane:
        self.opened.append(FakeLane(f"{topic}/{partition}"))
        self.rows.append(rows)
        self.durables.append(durable)
        return self.opened[-1]

    def closed(self, topic: str, partition: int) -> None:
        self.gone.append((topic, partition))


class Tabled(Stateless):
    """The same with a table."""

    stage: ClassVar[StageName] = "join"
    topics: ClassVar[tuple[str, ...]] = ("evidence",)
    table: ClassVar[str | None] = "join"


class Event:
    """One Faust event of a generation: a batch of records with these offsets."""

    def __init__(
        self, *offsets: int, generation: int = 3, topic: str = CALLS, partition: int = 0, seeks: int = 1
    ) -> None:
        self.acked = 0
        self.value: list[Incoming] | None = [
            Incoming(topic.removeprefix("t-"), partition, offset, 1_000, b"k", b"{}") for offset in offsets
        ]
        self.message = SimpleNamespace(tp=TP(topic, partition), offset=offsets[-1], generation_id=generation, key=seeks)

    def ack(self) -> None:
        self.acked += 1


class Stream:
    """A Faust stream of these events."""

    def __init__(self, *events: Event) -> None:
        self._events = events
        self.explicit = False

    def noack(self) -> Stream:
        self.explicit = True
        return self

    async def events(self) -> AsyncIterator[Event]:
        for event in self._events:
            yield event


class Failed(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    codes: list[int] = []

    def leave(code: int) -> None:
        codes.append(code)
        raise Failed(code)

    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(logging, "shutdown", lambda: None)
    return codes


def made(tmp_path: Path, binding: Binding) -> Host:
    settings = Settings(topic_prefix="t-", state_dir=tmp_path, internal_partitions=4, drain_s=0.1)
    host = Host(settings, binding, disabled().recorder)
    host.app.consumer_generation_id = 3
    return host


class TakenOver:
    """Stands for `ownership.Owned`: takes partitions over at once, or when `go` is set; says what became of it."""

    made: ClassVar[list[TakenOver]] = []
    go: ClassVar[asyncio.Event]
    error: ClassVar[BaseException | None] = None
    folded_upto: ClassVar[int] = 0

    def __init__(self, settings: Settings, table: Any, stage: str, partitioner: Any, names: dict[str, str]) -> None:
        self.fenced: dict[int, Any] = {}
        self.tables: dict[int, Any] = {}
        self.gone = 0
        self.made.append(self)

    async def take(self, partitions: list[int], derive: Any) -> None:
        await self.go.wait()
        if self.error is not None:
            raise self.error
        for partition in partitions:
            self.fenced[partition] = SimpleNamespace()
            row = Progress(self.folded_upto).to_bytes()
            self.tables[partition] = SimpleNamespace(get={row_key("evidence", partition): row}.get)

    async def let_go(self) -> None:
        self.gone += 1
        self.fenced, self.tables = {}, {}


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> type[TakenOver]:
    """Take-overs are fakes; they take at once."""
    TakenOver.made, TakenOver.go, TakenOver.error, TakenOver.folded_upto = [], asyncio.Event(), None, 0
    TakenOver.go.set()
    monkeypatch.setattr(host_module, "Owned", TakenOver)
    return TakenOver


def assigned(host: Host, monkeypatch: pytest.MonkeyPatch, *partitions: int, end: int = 100) -> None:
    """The group has given the host these partitions of `evidence`, which end at `end`."""
    owned = {TP("t-evidence", one) for one in partitions} | {TP("t-stream-app-join-join-changelog", 1)}

    async def highwaters(*tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, end)

    monkeypatch.setattr(host.app.assignor, "assigned_actives", lambda: owned)
    monkeypatch.setattr(host.app.consumer, "highwaters", highwaters)


async def revoke(host: Host) -> None:
    """As Faust does it: the generation changes only when partitions are assigned again."""
    await host._on_revoked(host.app, set())


async def test_records_are_taken_with_explicit_acks_and_each_partition_has_its_lane(tmp_path: Path) -> None:
    binding = Stateless()
    host = made(tmp_path, binding)
    events = Event(5, 6, 7), Event(8), Event(1, partition=1), Event(0, topic="t-call-ended")
    stream = Stream(*events)
    await host._consume(stream)
    assert stream.explicit, "docs/decisions/0003-explicit-acks.md: Faust acknowledges by itself otherwise"
    assert [lane.name for lane in binding.opened] == ["tool-call/0", "tool-call/1", "call-ended/0"]
    assert binding.opened[0].offsets == [[5, 6, 7], [8]], "whole batches, in order"
    assert binding.durables == [host.unfenced] * 3, "without a table nothing is fenced"
    assert not any(event.acked for event in events), "only the lane acknowledges"
    binding.opened[0].submitted[1][1](events[1].message.offset)
    assert [event.acked for event in events] == [0, 1, 0, 0]
    kept = [(event.value, event.message.value) for event in events]
    assert kept == [(None, None)] * 4, "an ack that is long in coming must not keep the records in memory"


async def test_of_a_batch_that_a_pause_has_cut_its_beginning_alone_is_acknowledged(tmp_path: Path) -> None:
    binding = Stateless()
    event = Event(5, 6, 7)
    await made(tmp_path, binding)._consume(Stream(event))
    binding.opened[0].submitted[0][1](5)
    assert (event.acked, event.message.offset) == (1, 5), "6 and 7 must come again"


async def test_a_record_of_an_older_generation_reaches_no_lane(tmp_path: Path) -> None:
    binding = Stateless()
    host = made(tmp_path, binding)
    await host._consume(Stream(Event(7, generation=2), Event(8)))
    assert binding.opened[0].offsets == [[8]], WHY


async def test_what_was_fetched_before_the_seek_that_follows_an_assignment_reaches_no_lane(tmp_path: Path) -> None:
    """Faust lets records flow before it seeks to the committed offsets. Seen under chaos: the newest record came first,
    and the five hundred below it never."""
    binding = Stateless()
    host = made(tmp_path, binding)
    await host._consume(Stream(Event(7, seeks=1)))
    host.app.consumer.seeks = 4
    await revoke(host)
    host.app.consumer_generation_id = 4
    await host._consume(Stream(Event(1203, generation=4, seeks=4), Event(71, generation=4, seeks=5)))
    assert [lane.offsets for lane in binding.opened if not lane.closed] == [[[71]]]


async def test_an_ack_that_comes_in_a_later_generation_does_not_count(tmp_path: Path) -> None:
    binding = Stateless()
    host = made(tmp_path, binding)
    event = Event(7)
    await host._consume(Stream(event))
    host.app.consumer_generation_id = 4
    binding.opened[0].submitted[0][1](event.message.offset)
    assert event.acked == 0, WHY


async def test_revocation_closes_the_lanes_and_forgets_what_was_handed_over(tmp_path: Path) -> None:
    binding = Stateless()
    host = made(tmp_path, binding)
    await host._consume(Stream(Event(7), Event(1, partition=1)))
    host.app.consumer.handed[TP(CALLS, 0)] = 7
    await revoke(host)
    assert all(lane.closed for lane in binding.opened)
    assert host.lanes == {}
    assert sorted(binding.gone) == [("tool-call", 0), ("tool-call", 1)]
    assert host.app.consumer.handed == {}


async def test_a_record_that_was_under_way_during_the_revocation_opens_no_new_lane(tmp_path: Path) -> None:
    """Its generation is still the current one. Handled and acknowledged beside the lane that is being given up, it
    would jump over what that lane has not finished."""
    binding = Stateless()
    host = made(tmp_path, binding)
    await host._consume(Stream(Event(7)))
    binding.opened[0].drain.clear()
    revoking = asyncio.create_task(revoke(host))
    await asyncio.sleep(0.01)
    await host._consume(Stream(Event(8)))
    binding.opened[0].drain.set()
    await revoking
    await host._consume(Stream(Event(9)))
    assert [lane.name for lane in binding.opened] == ["tool-call/0"], WHY
    assert host.lanes == {}
    host.app.consumer_generation_id = 4
    await host._consume(Stream(Event(7, generation=4)))
    assert binding.opened[1].offsets == [[7]], "after the next assignment it goes on"


async def test_a_record_that_comes_while_the_stage_stops_opens_no_new_lane(tmp_path: Path) -> None:
    binding = Stateless()
    host = made(tmp_path, binding)
    await host._consume(Stream(Event(7)))
    await host.close_lanes()  # The worker does this first; Faust goes on fetching until it has stopped.
    await host._consume(Stream(Event(8)))
    assert [lane.name for lane in binding.opened] == ["tool-call/0"], WHY


async def test_with_a_table_lanes_open_when_the_partitions_are_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], taken: type[TakenOver]
) -> None:
    binding = Tabled()
    host = made(tmp_path, binding)
    assigned(host, monkeypatch, 2, 0)
    consuming = asyncio.create_task(host._consume(Stream(Event(5, topic="t-evidence", partition=2))))
    await asyncio.sleep(0.01)
    assert binding.opened == [], "a record that comes early waits"
    await host._on_recovered()
    await asyncio.wait_for(consuming, 2)
    assert [lane.name for lane in binding.opened] == ["evidence/0", "evidence/2"], "the source's partitions, no others"
    assert binding.opened[1].offsets == [[5]]
    owned = taken.made[0]
    assert binding.rows == [owned.tables[0], owned.tables[2]]
    assert binding.durables == [owned.fenced[0], owned.fenced[2]], "each by its partition's own fenced producer"
    assert capsys.readouterr().out == "ready join (2 partitions)\n"
    await revoke(host)
    assert taken.made[0].gone == 1
    host.app.consumer_generation_id = 4
    await host._on_recovered()
    assert capsys.readouterr().out == "", "said once"
    assert len(binding.opened) == 4
    await host.close_lanes()
    assert [one.gone for one in taken.made] == [1, 1]


@pytest.mark.parametrize("when", ["revoked", "assigned again"])
async def test_a_take_over_that_was_overtaken_leaves_no_lane_no_producer_and_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: type[TakenOver], when: str, capsys: Any
) -> None:
    """Faust cancels the wait for it, not it; and the generation changes only when partitions are assigned again."""
    binding = Tabled()
    host = made(tmp_path, binding)
    assigned(host, monkeypatch, 0, 1)
    taken.go.clear()
    recovering = asyncio.create_task(host._on_recovered())
    await asyncio.sleep(0.01)
    if when == "revoked":
        await revoke(host)
        assert taken.made[0].gone == 1, "at once: the successor's fence must not be fenced off again"
    else:
        host.app.consumer_generation_id = 4
    taken.go.set()
    await recovering
    assert binding.opened == [], WHY
    assert host.lanes == {}
    assert taken.made[0].gone >= 1
    assert taken.made[0].fenced == {}, "also what it took after it was told to let go"
    assert capsys.readouterr().out == ""


async def test_a_take_over_that_begins_after_the_revocation_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: type[TakenOver]
) -> None:
    """The lanes before are still closing when both come: the revocation has nothing to let go of yet."""
    binding = Tabled()
    host = made(tmp_path, binding)
    assigned(host, monkeypatch, 0)
    await host._on_recovered()
    host.app.consumer_generation_id = 4
    binding.opened[0].drain.clear()
    recovering = asyncio.create_task(host._on_recovered())
    await asyncio.sleep(0.01)
    await revoke(host)
    binding.opened[0].drain.set()
    await recovering
    assert host.lanes == {}, WHY
    assert [one.gone for one in taken.made] == [1, 1]


async def test_an_overtaken_take_over_that_fails_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: type[TakenOver], exits: list[int]
) -> None:
    host = made(tmp_path, Tabled())
    assigned(host, monkeypatch, 0)
    taken.go.clear()
    taken.error = RuntimeError("its producer was fenced by the successor")
    recovering = asyncio.create_task(host._on_recovered())
    await asyncio.sleep(0.01)
    await revoke(host)
    taken.go.set()
    await recovering
    assert exits == []
    assert taken.made[0].gone >= 1


async def test_a_take_over_that_is_cancelled_lets_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: type[TakenOver]
) -> None:
    host = made(tmp_path, Tabled())
    assigned(host, monkeypatch, 0)
    taken.go.clear()
    recovering = asyncio.create_task(host._on_recovered())
    await asyncio.sleep(0.01)
    recovering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await recovering
    assert taken.made[0].gone == 1


@pytest.mark.parametrize(("folded", "ends"), [(101, True), (100, False), (0, False)])
async def test_an_input_that_is_shorter_than_what_was_folded_of_it_is_lost(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    taken: type[TakenOver],
    exits: list[int],
    caplog: pytest.LogCaptureFixture,
    folded: int,
    ends: bool,
) -> None:
    """A topic that was made anew would be skipped in silence up to where the old one was folded."""
    host = made(tmp_path, Tabled())
    assigned(host, monkeypatch, 1, end=100)
    taken.folded_upto = folded
    if ends:
        with pytest.raises(Failed):
            await host._on_recovered()
        assert "t-evidence/1 ends at 100; join has folded it up to 101" in caplog.text
        assert "InputLost" in caplog.text
        assert host.lanes == {}
    else:
        await host._on_recovered()
        assert list(host.lanes) == [TP("t-evidence", 1)]
    assert exits == ([EXIT_FAILED] if ends else [])


async def test_a_take_over_that_fails_ends_the_process_because_faust_would_swallow_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    taken: type[TakenOver],
    exits: list[int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    host = made(tmp_path, Tabled())
    assigned(host, monkeypatch, 0)
    taken.error = RuntimeError("half an index")
    with pytest.raises(Failed):
        await host._on_recovered()
    assert exits == [EXIT_FAILED]
    assert "stage join cannot go on (recovery)" in caplog.text
    assert "half an index" in caplog.text
    assert not (host.app.conf.datadir / DOUBTED).exists()


@pytest.mark.usefixtures("exits")
async def test_a_process_that_ends_for_a_damaged_store_leaves_word_for_the_next(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    host = made(tmp_path, Tabled())
    with pytest.raises(Failed):
        host.fail("evidence/0", Exception("Corruption: block checksum mismatch"))
    assert (host.app.conf.datadir / DOUBTED).exists()
    assert "the next start removes the stores here" in caplog.text


async def test_a_lane_that_fails_while_it_is_closed_does_not_end_the_process_and_one_that_fails_later_does(
    tmp_path: Path, exits: list[int]
) -> None:
    """Two lanes of `seal` share a store: cutting one off in a commit makes the other's fail."""
    binding = Stateless()
    host = made(tmp_path, binding)
    await host._consume(Stream(Event(7)))
    binding.opened[0].drain.clear()
    revoking = asyncio.create_task(revoke(host))
    await asyncio.sleep(0.01)
    host.fail("tool-call/0", RuntimeError("the commit before was cut off"))
    assert exits == []
    binding.opened[0].drain.set()
    await revoking
    with pytest.raises(Failed):
        host.fail("tool-call/0", RuntimeError("a new lane"))
    assert exits == [70]


async def test_an_error_on_the_way_to_a_lane_ends_the_process_because_faust_would_skip_the_record(
    tmp_path: Path, exits: list[int]
) -> None:
    class Broken(Stateless):
        def open(
            self, host: Host, topic: str, partition: int, durable: Durable, rows: TablePartition | None
        ) -> AnyLane:
            raise RuntimeError("no lane")

    event = Event(7)
    with pytest.raises(Failed):
        await made(tmp_path, Broken())._consume(Stream(event))
    assert exits == [EXIT_FAILED]
    assert event.acked == 0


async def test_two_hosts_of_a_stage_on_one_machine_have_their_own_state(tmp_path: Path) -> None:
    one, two = made(tmp_path, Tabled()), made(tmp_path, Tabled())
    assert one.app.conf.datadir != two.app.conf.datadir


async def test_state_that_cannot_be_kept_is_said_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StateDirError, match="STREAM_APP_STATE_DIR"):
        made(tmp_path / "file", Stateless())


async def test_lag_is_what_is_not_durable_of_the_stage_s_own_topics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binding = Stateless()
    host = made(tmp_path, binding)
    await host._consume(Stream(Event(7)))
    binding.opened[0].done_upto = 8
    ends = {TP(CALLS, 0): 10, TP(CALLS, 1): 4, TP(CALLS, 2): None, TP("t-other", 0): 1_000}
    monkeypatch.setattr(host.app.consumer, "assignment", lambda: set(ends))
    monkeypatch.setattr(host.app.consumer, "highwater", ends.get)
    host.app.consumer._committed_offset = {TP(CALLS, 1): 1}
    assert host._lag() == (10 - 8) + (4 - 1)
