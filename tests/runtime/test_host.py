"""Lanes and generations: which records reach a lane, which acks count, and what happens when partitions go."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
from faust.types import TP

from stream_app.pipeline.ports import Incoming
from stream_app.runtime.host import EXIT_FAILED, AnyLane, Binding, Host
from stream_app.runtime.state_dir import StateDirError
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
        self.submitted: list[tuple[Incoming, Callable[[], None]]] = []
        self.drain = asyncio.Event()
        self.drain.set()

    def __len__(self) -> int:
        return len(self.submitted)

    async def submit(self, incoming: Incoming, ack: Callable[[], None]) -> None:
        self.submitted.append((incoming, ack))

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

    def open(self, host: Host, topic: str, partition: int, rows: TablePartition | None) -> AnyLane:
        self.opened.append(FakeLane(f"{topic}/{partition}"))
        self.rows.append(rows)
        return self.opened[-1]

    def closed(self, topic: str, partition: int) -> None:
        self.gone.append((topic, partition))


class Tabled(Stateless):
    """The same with a table."""

    stage: ClassVar[StageName] = "join"
    topics: ClassVar[tuple[str, ...]] = ("evidence",)
    table: ClassVar[str | None] = "join"


class Event:
    """One Faust event of a generation."""

    def __init__(self, offset: int, *, generation: int = 3, topic: str = CALLS, partition: int = 0) -> None:
        self.acked = 0
        self.message = SimpleNamespace(
            tp=TP(topic, partition), topic=topic, partition=partition, offset=offset, timestamp=1.0, key=b"k",
            value=b"{}", headers=None, generation_id=generation,
        )  # fmt: skip

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


async def revoke(host: Host) -> None:
    """As Faust does it: the generation changes only when partitions are assigned again."""
    await host._on_revoked(host.app, set())


async def test_records_are_taken_with_explicit_acks_and_each_partition_has_its_lane(tmp_path: Path) -> None:
    binding = Stateless()
    host = made(tmp_path, binding)
    events = Event(7), Event(8), Event(1, partition=1), Event(0, topic="t-call-ended")
    stream = Stream(*events)
    await host._consume(stream)
    assert stream.explicit, "docs/decisions/0003-explicit-acks.md: Faust acknowledges by itself otherwise"
    assert [lane.name for lane in binding.opened] == ["tool-call/0", "tool-call/1", "call-ended/0"]
    assert [one.offset for one, _ in binding.opened[0].submitted] == [7, 8]
    assert binding.opened[0].submitted[0][0].topic == "tool-call"
    assert not any(event.acked for event in events), "only the lane acknowledges"
    binding.opened[0].submitted[1][1]()
    assert [event.acked for event in events] == [0, 1, 0, 0]


async def test_a_record_of_an_older_generation_reaches_no_lane(tmp_path: Path) -> None:
    binding = Stateless()
    host = made(tmp_path, binding)
    await host._consume(Stream(Event(7, generation=2), Event(8)))
    assert [one.offset for one, _ in binding.opened[0].submitted] == [8], WHY


async def test_an_ack_that_comes_in_a_later_generation_does_not_count(tmp_path: Path) -> None:
    binding = Stateless()
    host = made(tmp_path, binding)
    event = Event(7)
    await host._consume(Stream(event))
    host.app.consumer_generation_id = 4
    binding.opened[0].submitted[0][1]()
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
    assert [one.offset for one, _ in binding.opened[1].submitted] == [7], "after the next assignment it goes on"


async def test_a_record_that_comes_while_the_stage_stops_opens_no_new_lane(tmp_path: Path) -> None:
    binding = Stateless()
    host = made(tmp_path, binding)
    await host._consume(Stream(Event(7)))
    await host.close_lanes()  # The worker does this first; Faust goes on fetching until it has stopped.
    await host._consume(Stream(Event(8)))
    assert [lane.name for lane in binding.opened] == ["tool-call/0"], WHY


async def test_with_a_table_lanes_open_when_the_partitions_are_recovered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    binding = Tabled()
    host = made(tmp_path, binding)
    owned = {TP("t-evidence", 2), TP("t-evidence", 0), TP("t-stream-app-join-join-changelog", 1)}
    monkeypatch.setattr(host.app.assignor, "assigned_actives", lambda: owned)
    consuming = asyncio.create_task(host._consume(Stream(Event(5, topic="t-evidence", partition=2))))
    await asyncio.sleep(0.01)
    assert binding.opened == [], "a record that comes early waits"
    await host._on_recovered()
    await asyncio.wait_for(consuming, 2)
    assert [lane.name for lane in binding.opened] == ["evidence/0", "evidence/2"], "the source's partitions, no others"
    assert [one.offset for one, _ in binding.opened[1].submitted] == [5]
    assert all(isinstance(rows, TablePartition) for rows in binding.rows)
    assert capsys.readouterr().out == "ready join (2 partitions)\n"
    await host._on_recovered()
    assert capsys.readouterr().out == "", "said once"
    await host.close_lanes()


async def test_stores_are_let_go_with_the_partitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binding = Tabled()
    host = made(tmp_path, binding)
    monkeypatch.setattr(host.app.assignor, "assigned_actives", lambda: {TP("t-evidence", 0)})
    await host._on_recovered()
    rows = binding.rows[0]
    assert rows is not None
    assert rows.get(b"nothing") is None
    await revoke(host)
    with pytest.raises(AttributeError):
        rows.get(b"nothing")
    host._table.data._dbs.clear()  # As Faust does with partitions that were revoked.
    gc.collect()
    await host._on_recovered()  # Would fail on the lock if anything still held the database.
    assert len(binding.opened) == 2
    await host.close_lanes()


async def test_a_recovery_that_fails_ends_the_process_because_faust_would_swallow_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exits: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    host = made(tmp_path, Tabled())

    def broken() -> None:
        raise RuntimeError("half an index")

    monkeypatch.setattr(host.app.assignor, "assigned_actives", broken)
    with pytest.raises(Failed):
        await host._on_recovered()
    assert exits == [EXIT_FAILED]
    assert "stage join cannot go on (recovery)" in caplog.text
    assert "half an index" in caplog.text


async def test_an_error_on_the_way_to_a_lane_ends_the_process_because_faust_would_skip_the_record(
    tmp_path: Path, exits: list[int]
) -> None:
    class Broken(Stateless):
        def open(self, host: Host, topic: str, partition: int, rows: TablePartition | None) -> AnyLane:
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
