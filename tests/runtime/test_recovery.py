"""Faust's recovery has nothing to do, and no time-out of Faust's cuts ours off: on real Faust and a real broker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from faust.types import TP

from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Incoming, Outgoing
from stream_app.runtime import faust_app, ownership
from stream_app.runtime.durable import Durable
from stream_app.runtime.host import AnyLane, Binding, Host
from stream_app.runtime.lane import Ack
from stream_app.runtime.tables import TablePartition
from stream_app.settings import Settings, StageName
from stream_app.telemetry import disabled
from stream_app.topics import EVIDENCE
from tests.deployments import Deployment, deployment

WHY = "docs/engine.md section 4"
PATIENCE_S = 60.0
CHANGELOG = TP("stream-app-join-join-changelog", 0)


def built(tmp_path: Path) -> Any:
    app, _, _ = faust_app.build(Settings(), "join", ("evidence",), "join", tmp_path)
    return app


async def test_every_changelog_ends_where_faust_begins_to_read(tmp_path: Path) -> None:
    ours = built(tmp_path).tables.recovery
    other = TP(CHANGELOG.topic, 1)
    ours.active_tps.update({CHANGELOG, other})
    ours.active_highwaters.update({CHANGELOG: 99, other: -1})
    ours.active_offsets.update({CHANGELOG: 12, other: 4_000})
    assert ours.need_recovery(), "Faust would read from 12 to 99"
    await ours._build_offsets(None, {CHANGELOG, other}, ours.active_offsets, "active")
    assert dict(ours.active_offsets) == {CHANGELOG: 99, other: -1}, "nor is 4,000 of -1 its consistency error"
    assert not ours.need_recovery(), WHY


async def test_what_is_not_active_is_faust_s_own(tmp_path: Path) -> None:
    ours = built(tmp_path).tables.recovery
    asked: list[set[TP]] = []

    async def earliest_offsets(*tps: TP) -> dict[TP, int]:
        asked.append(set(tps))
        return dict.fromkeys(tps, 5)

    consumer = SimpleNamespace(earliest_offsets=earliest_offsets)
    ours.standby_offsets[CHANGELOG] = None
    await ours._build_offsets(consumer, {CHANGELOG}, ours.standby_offsets, "standby")
    assert asked == [{CHANGELOG}]
    assert ours.standby_offsets[CHANGELOG] == 4


async def recovered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, slow: str) -> tuple[bool, bool]:
    """Faust's recovery task with a step that takes longer than it waits: (ended for ever, came to its end)."""
    app = built(tmp_path)
    ours, done = app.tables.recovery, asyncio.Event()
    app.conf.broker_request_timeout = 0.2
    app.consumer_generation_id = 3

    async def at_once(*_: Any) -> None:
        return

    async def long(*_: Any) -> None:
        await asyncio.sleep(1.0)
        done.set()

    for step in ("_build_highwaters", "_build_offsets", "_seek_offsets"):
        monkeypatch.setattr(ours, step, long if step == slow else at_once)
    monkeypatch.setattr(app.consumer, "assignment", set)
    monkeypatch.setattr(app.consumer, "resume_flow", lambda: None)
    ours.tables.data["join"].on_recover(long if slow == "on_recover" else at_once)
    ours.signal_recovery_start.set()
    task = asyncio.create_task(type(ours)._restart_recovery.fun(ours))
    await asyncio.wait({task}, timeout=1.8)
    ended = task.done()
    if ended:
        task.result()  # Raises what ended it: it must not be an error.
    task.cancel()
    await asyncio.wait({task})
    return ended, done.is_set()


async def test_a_long_replay_in_faust_s_own_step_would_end_recovery_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: there the prototype had it. Faust takes the time-out for a stop, and says nothing."""
    assert await recovered(tmp_path, monkeypatch, slow="_build_offsets") == (True, False)


async def test_a_long_replay_where_we_have_it_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await recovered(tmp_path, monkeypatch, slow="on_recover") == (False, True), WHY


class Seen(Binding):
    """A stage that writes down what it is given, and the rows it finds."""

    stage: ClassVar[StageName] = "join"
    topics: ClassVar[tuple[str, ...]] = (EVIDENCE.name,)
    table: ClassVar[str | None] = "join"

    def __init__(self) -> None:
        self.records: list[Incoming] = []
        self.rows: dict[int, dict[bytes, bytes]] = {}

    def open(self, host: Host, topic: str, partition: int, durable: Durable, rows: TablePartition | None) -> AnyLane:
        assert rows is not None
        self.rows[partition] = dict(rows.scan(b"", b"\xff"))
        return Line(self.records)


class Line:
    """A lane that is done with everything at once."""

    name = "a lane"

    closed = False
    done_upto: int | None = None

    def __init__(self, records: list[Incoming]) -> None:
        self._records = records

    def __len__(self) -> int:
        return 0

    async def submit(self, records: list[Incoming], ack: Ack) -> None:
        self._records += records
        ack(records[-1].offset)

    async def close(self, drain_s: float) -> None:
        self.closed = True


@pytest.fixture
def made(stack: Endpoints, tmp_path: Path) -> Iterator[Deployment]:
    with deployment(stack, state_dir=tmp_path / "state", session_timeout_s=6) as one:
        yield one


async def until(true: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    end = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < end, "it did not come to this in time"
        await asyncio.sleep(0.05)


@asynccontextmanager
async def running(made: Deployment, binding: Seen, wait_s: float | None = None) -> AsyncIterator[Host]:
    """The host on real Faust, in this process; with `wait_s` as Faust's `broker_request_timeout` of the recovery."""
    host = Host(made.settings, binding, disabled().recorder)
    if wait_s is not None:

        async def shorten(*_: Any, **__: Any) -> None:
            host.app.conf.broker_request_timeout = wait_s

        host.app.on_partitions_assigned.connect(shorten, weak=False)
    await host.open()
    host.app.in_worker = True
    host.app.finalize()
    starting = asyncio.create_task(host.app.start())  # Comes back when the first recovery is over.
    try:
        yield host
    finally:
        await asyncio.wait({starting}, timeout=20)
        host.app.conf.broker_request_timeout = 90.0
        await host.close_lanes()
        await asyncio.wait({asyncio.create_task(host.app.stop())}, timeout=20)  # Faust's own stop has no bound.
        await host.close()


def slowed(real: Any, seconds: float, running: list[str]) -> Any:
    async def slow(*words: Any) -> Any:
        running.append("began")
        await asyncio.sleep(seconds)
        result = await real(*words)
        running.append("ended")
        return result

    return slow


def ask(made: Deployment, number: int) -> None:
    made.send(*(Outgoing(EVIDENCE.name, b"k", b"%d" % number, partition=partition) for partition in (0, 1)))


async def test_a_replay_longer_than_faust_waits_for_the_broker_does_not_end_recovery(
    made: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`on_recover` is the one step of Faust's recovery without a time-out."""
    await asyncio.to_thread(ask, made, 1)
    steps: list[str] = []
    monkeypatch.setattr(ownership, "replay", slowed(ownership.replay, 4.0, steps))
    binding = Seen()
    async with running(made, binding, wait_s=2.0) as host:
        assert host.app.conf.broker_session_timeout == 6
        await until(lambda: len(binding.records) == 2)
        assert host.app.conf.broker_request_timeout == 2.0
        assert steps == ["began", "ended"], WHY
        assert host.app.tables.recovery.completed.is_set()


async def test_a_rebalance_in_the_middle_of_a_replay_starts_another_and_leaves_nothing_of_the_first(
    made: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faust cancels its wait for the callback, not the callback: it would go on beside its successor."""
    await asyncio.to_thread(ask, made, 1)
    steps: list[str] = []
    real = ownership.replay
    monkeypatch.setattr(ownership, "replay", slowed(real, 1_000.0, steps))
    binding = Seen()
    async with running(made, binding) as host:
        await until(lambda: steps == ["began"])
        first = host._owned
        assert first is not None
        producers = [one._producer for one in first.fenced.values()]
        assert len(producers) == 2
        monkeypatch.setattr(ownership, "replay", real)
        thread = host.app.consumer._thread
        thread.thread_loop.call_soon_threadsafe(thread._consumer._coordinator.request_rejoin)
        await until(lambda: len(binding.records) == 2)
        assert steps == ["began"], "the first was ended"
        assert all(one._closed for one in producers), WHY
        assert (first.fenced, first.tables) == ({}, {})
        assert host._owned is not first
        assert set(binding.rows) == {0, 1}
    names = [task.get_name() for task in asyncio.all_tasks()]
    assert not [name for name in names if name.startswith("take over")]
