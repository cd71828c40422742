"""What is read off a host: a stand-in of Faust's app and of lanes, one look at a time."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from stream_app.runtime import host_watch
from stream_app.runtime.health import StageHealth
from stream_app.runtime.host_watch import HostWatch


class Lane:
    def __init__(self, done_upto: int | None = None, waiting: int = 0) -> None:
        self.done_upto = done_upto
        self.waiting = waiting

    def __len__(self) -> int:
        return self.waiting


class Host:
    """What the watch reads, and no more."""

    def __init__(self, *topics: str, table: str | None) -> None:
        self.binding = SimpleNamespace(topics=topics, table=table)
        self.settings = SimpleNamespace(topic_prefix="p.")
        self.lanes: dict[Any, Lane] = {}
        self.owned: set[TopicPartition] = set()
        consumer = SimpleNamespace(assignment=lambda: self.owned)
        self.app = SimpleNamespace(rebalancing=False, rebalancing_count=0, consumer=consumer)


class Turned:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def watched(host: Host) -> tuple[HostWatch, StageHealth, Turned]:
    clock = Turned()
    health = StageHealth("join", clock=clock)
    health.answered("broker")
    return HostWatch(host, health), health, clock  # type: ignore[arg-type]


def causes(health: StageHealth) -> list[tuple[str, str | None]]:
    return [(reason.cause, reason.partition) for reason in health.reasons()]


def test_a_stage_with_a_table_is_ready_once_its_lanes_are_open() -> None:
    host = Host("evidence", table="join")
    watch, health, _ = watched(host)
    watch.look()
    assert causes(health) == [("unassigned", None)]
    host.app.rebalancing_count, host.app.rebalancing = 1, True
    watch.look()
    assert causes(health) == [("unassigned", None)]
    host.owned = {
        TopicPartition("p.evidence", 0),
        TopicPartition("p.evidence", 1),
        TopicPartition("p.stream-app-join-join-changelog", 0),
    }
    host.app.rebalancing = False
    watch.look()
    assert causes(health) == [("recovering", "evidence/0"), ("recovering", "evidence/1")], "no word of the changelog"
    host.lanes = {TopicPartition("p.evidence", 0): Lane(7)}
    watch.look()
    assert causes(health) == [("recovering", "evidence/1")]
    host.lanes[TopicPartition("p.evidence", 1)] = Lane()
    watch.look()
    assert causes(health) == []
    assert health.owned() == {"evidence/0": 7, "evidence/1": None}


def test_a_stage_without_a_table_is_ready_once_it_is_assigned() -> None:
    host = Host("seal-orders", "seal-retry", table=None)
    watch, health, _ = watched(host)
    host.app.rebalancing_count = 1
    host.owned = {TopicPartition("p.seal-orders", 0), TopicPartition("p.seal-retry", 0)}
    watch.look()
    assert causes(health) == []
    assert health.owned() == {"seal-orders/0": None, "seal-retry/0": None}


def test_a_worker_too_many_is_a_spare() -> None:
    host = Host("evidence", table="join")
    watch, health, _ = watched(host)
    host.app.rebalancing_count = 1
    watch.look()
    assert causes(health) == []
    assert health.report()["assigned"] == 0


def test_a_rebalance_that_no_look_has_seen_starts_anew_all_the_same() -> None:
    host = Host("evidence", table="join")
    watch, health, _ = watched(host)
    host.app.rebalancing_count = 1
    host.owned = {TopicPartition("p.evidence", 0)}
    host.lanes = {TopicPartition("p.evidence", 0): Lane(7)}
    watch.look()
    assert causes(health) == []
    host.app.rebalancing_count = 2
    host.lanes = {}
    watch.look()
    assert causes(health) == [("recovering", "evidence/0")]


@pytest.mark.parametrize("step", ["done_upto", "waiting"])
def test_a_lane_that_gets_on_moves(step: str) -> None:
    host = Host("evidence", table="join")
    watch, health, clock = watched(host)
    host.app.rebalancing_count = 1
    lane = Lane(7, waiting=3)
    host.owned, host.lanes = {TopicPartition("p.evidence", 0)}, {TopicPartition("p.evidence", 0): lane}
    watch.look()
    health.lag("evidence/0", 3)
    clock.now += 1000
    health.answered("broker")
    watch.look()
    assert causes(health) == [("stalled", "evidence/0")]
    if step == "waiting":
        lane.waiting = 4
        watch.look()
        assert causes(health) == [("stalled", "evidence/0")], "more to do is no movement"
        lane.waiting = 3
    else:
        lane.done_upto = 8
    watch.look()
    assert causes(health) == []


async def test_a_look_that_fails_is_logged_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(host_watch, "LOOK_S", 0.01)
    caplog.set_level(logging.WARNING, host_watch.log.name)
    host = Host("evidence", table=None)
    watch, health, _ = watched(host)
    app, host.app = host.app, None  # type: ignore[assignment]
    running = asyncio.create_task(watch.run())
    async with asyncio.timeout(5):
        while not caplog.messages:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    host.app = app
    app.rebalancing_count = 1
    async with asyncio.timeout(5):
        while causes(health):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    running.cancel()
    assert "the stage could not be looked at" in caplog.messages[0]
