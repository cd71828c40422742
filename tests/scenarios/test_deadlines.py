"""Deadlines on a real line: on time on a silent cluster, across outages, never early behind a backlog, held so long.

Figures are printed (`-s` shows them), and judged only against what is far from any machine's speed. `-m long` runs the
scenarios at the size that the requirement names.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from stream_app.core.instants import format_instant
from stream_app.core.wire import read_json
from stream_app.dev.state import Endpoints
from stream_app.policy_file import default_policy
from stream_app.runtime.audit import matching
from tests import stories
from tests.scenarios.scene import Scene, failing, now_ms, whole
from tests.simulator import Simulator

LONG_TIME = pytest.mark.timeout(1800)
FAR_BEYOND_S = 20.0
"""No figure of a healthy line is near this; beyond it something is broken, whatever the machine."""


@pytest.fixture
def scene(stack: Endpoints, tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    """Topics and policy; a test starts the workers."""
    live = Scene(stack, tmp_path, request.param)
    live.create()
    try:
        yield live
    finally:
        live.end()


def figures(name: str, values: list[float], unit: str = "ms") -> None:
    """Print median, p99 and worst."""
    ranked = sorted(values)
    p99 = ranked[min(len(ranked) - 1, int(len(ranked) * 0.99))]
    print(f"\n{name}: {len(ranked)}, p50 {ranked[len(ranked) // 2]:.0f}, p99 {p99:.0f}, max {ranked[-1]:.0f} {unit}")


def sizes(usual: int, long: int) -> pytest.MarkDecorator:
    """So many calls, and as many as the requirement names in the long run."""
    return pytest.mark.parametrize("count", [usual, pytest.param(long, marks=[pytest.mark.long, LONG_TIME])])


@sizes(20, 200)
@pytest.mark.parametrize(
    "scene", [{"deadline": "1500ms", "soft": "[500ms]", "toolSettle": "300ms", "settling": "300ms"}], indirect=True
)
def test_lone_calls_on_a_silent_cluster_get_their_incomplete_packet_at_the_deadline(scene: Scene, count: int) -> None:
    scene.start()
    overshoot = []
    with scene.watching("packets") as packets:
        for number in range(count):
            end = now_ms()
            scene.publish_events(failing(number, end))
            at, packet = packets.await_count(number + 1, FAR_BEYOND_S)[number]
            assert (packet["canonicalCallId"], packet["status"]) == (f"call-{number}", "incomplete")
            assert packet["completedBy"] == "deadline"
            assert {gap["kind"] for gap in packet["missing"]} >= {"transcript", "evaluation"}
            assert at >= end + 1500, "no packet leaves before its deadline"
            overshoot.append(float(at - end - 1500))
    figures("lone calls, from the deadline to a packet that can be read", overshoot)
    assert asyncio.run(matching(scene.settings)).repeated == []


@sizes(100, 1000)
@pytest.mark.parametrize(
    "scene", [{"deadline": "20s", "soft": "[10s]", "toolSettle": "1s", "settling": "1s"}], indirect=True
)
def test_pending_calls_survive_a_power_cut_past_all_deadlines_and_another_number_of_workers(
    scene: Scene, count: int
) -> None:
    scene.start()
    end = now_ms()
    scene.publish_events([event for number in range(count) for event in failing(number, end)])
    scene.wait("evidence", lambda seen: sum(one["record"] == "event" for one in seen) >= 2 * count)
    time.sleep(2)
    assert scene.read("seal-orders") == []
    scene.power_cut()

    time.sleep(max(0.0, (end + 20_000 - now_ms()) / 1000) + 3)
    with scene.watching("seal-orders") as orders, scene.watching("packets") as packets:
        began = now_ms()
        scene.start()
        recovered = now_ms()
        scene.start()
        ordered = orders.await_count(count, 60)
        sealed = packets.await_count(count, 120)
        time.sleep(3)
    print(
        f"\n{count} pending calls: ready {recovered - began} ms after the start, "
        f"ordered {ordered[count - 1][0] - recovered} ms and sealed {sealed[count - 1][0] - recovered} ms after that"
    )
    assert sorted(one["canonicalCallId"] for _, one in orders.documents()) == sorted(f"call-{n}" for n in range(count))
    assert {(one["completedBy"], tuple(one["unreadSources"])) for _, one in orders.documents()} == {("deadline", ())}
    assert len(packets.records) == count
    match = asyncio.run(matching(scene.settings))
    assert (match.unmarked, match.unsealed, match.repeated) == ([], [], [])


@asynccontextmanager
async def _held(scene: Scene, topic: str, partitions: tuple[int, ...]) -> AsyncIterator[None]:
    """A producer that opened a transaction in these input partitions and does not go on: nothing behind can be read."""
    producer = AIOKafkaProducer(
        bootstrap_servers=scene.settings.kafka_bootstrap, transactional_id=f"{scene.settings.topic_prefix}stuck"
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        for partition in partitions:
            await producer.send_and_wait(scene.settings.topic(topic), b"{}", partition=partition)
        yield
        await producer.abort_transaction()
    finally:
        await producer.stop()


def while_held(scene: Scene, topic: str, partitions: tuple[int, ...], then: Callable[[], None]) -> None:
    """Run `then` while the partitions cannot be read."""

    async def main() -> None:
        async with _held(scene, topic, partitions):
            await asyncio.to_thread(then)

    asyncio.run(main())


@sizes(200, 2000)
@pytest.mark.parametrize(
    "scene",
    [{"deadline": "4s", "soft": "[2s]", "toolSettle": "1s", "settling": "1s", "maxHold": "15s", "orphan": "4s"}],
    indirect=True,
)
def test_an_outage_longer_than_deadline_and_hold_and_a_backlog_give_no_false_incomplete(
    scene: Scene, count: int
) -> None:
    """Also where some input partitions can be read again well before others."""
    scene.put_transcript()
    scene.start()
    scene.publish_events(whole(0, now_ms()))
    scene.wait("packets", lambda seen: len(seen) == 1)
    scene.power_cut()

    end = now_ms()

    def back() -> None:
        scene.publish_events([event for number in range(1, count + 1) for event in whole(number, end)])
        scene.start(("identity", "join", "seal"))
        time.sleep(max(0.0, (end + 18_000 - now_ms()) / 1000))
        scene.start(("intake",))  # Last of all: only from here on an input partition can be held.
        time.sleep(2)
        early = [(one["canonicalCallId"], one["unreadSources"]) for one in scene.read("seal-orders")][1:]
        assert early == [], "what stands in the backlog was called missing"

    while_held(scene, "evaluation-completed", (0, 1), back)
    packets = scene.wait("packets", lambda seen: len(seen) >= count + 1, within_s=180)
    time.sleep(3)
    packets = scene.read("packets")
    assert len(packets) == count + 1
    assert {(one["status"], one["completedBy"], one["version"]) for one in packets} == {("complete", "all_evidence", 1)}
    assert {tuple(one["unreadSources"]) for one in packets} == {()}


@pytest.mark.parametrize(
    "scene", [{"deadline": "4s", "soft": "[2s]", "toolSettle": "500ms", "settling": "500ms"}], indirect=True
)
def test_events_that_keep_coming_do_not_move_the_deadline(scene: Scene) -> None:
    scene.start(("intake", "identity", "join"))
    end = now_ms()
    scene.publish_events(failing(0, end))
    number = 0
    with scene.watching("seal-orders") as orders:
        while not orders.records and now_ms() < end + 4000 + FAR_BEYOND_S * 1000:
            number += 1
            call = f"call-{number % 2 * 7}"  # The call itself, and another one.
            scene.publish_events([stories.artifact("log", f"log-{number}", call=call)])
            time.sleep(0.5)
        ((at, order),) = orders.documents()[:1]
    assert (order["canonicalCallId"], order["completedBy"]) == ("call-0", "deadline")
    assert order["decidedAt"] == format_instant(end + 4000)
    print(f"\none event each half second, {number} of them: ordered {at - end - 4000} ms after the deadline")


def test_one_event_each_ten_seconds_does_not_move_the_deadline_in_virtual_time() -> None:
    line = Simulator()
    deadline = default_policy().timing.deadline
    line.now = stories.START_MS
    for event in failing(0, stories.START_MS):
        line.publish(event)
    for number in range(200):
        line.publish(stories.artifact("log", f"log-{number}", call="call-0", at=line.now))
        line.tick(10_000)
        if line.out("seal-orders"):
            break
    assert stories.START_MS + deadline <= line.now <= stories.START_MS + deadline + 10_000
    (order,) = line.out("seal-orders")
    assert (order["completedBy"], order["decidedAt"]) == ("deadline", format_instant(stories.START_MS + deadline))


@pytest.mark.parametrize(
    "scene",
    [{"deadline": "3s", "soft": "[1s]", "toolSettle": "500ms", "settling": "500ms", "maxHold": "8s", "orphan": "3s"}],
    indirect=True,
)
def test_an_input_partition_that_cannot_be_read_delays_deadlines_until_the_hold_and_is_named(scene: Scene) -> None:
    scene.start()
    scene.publish_events(failing(0, now_ms()))
    (free,) = scene.wait("seal-orders", lambda seen: len(seen) == 1)
    assert free["unreadSources"] == []

    def stuck() -> None:
        blocked = now_ms()
        scene.publish_events(failing(1, blocked))
        with scene.watching("packets") as packets:
            at, packet = packets.await_count(2, 60)[1]
        print(f"\nheld for {at - blocked} ms; maxHold is 8000, the deadline 3000")
        assert at - blocked >= 8000, "a partition is given up only beyond the hold"
        assert packet["unreadSources"] == ["trace-completed/1"]
        assert (packet["status"], packet["completedBy"]) == ("incomplete", "deadline")

    while_held(scene, "trace-completed", (1,), stuck)
    # It can be read again: time waits for it as before, and nothing is unread any more.
    time.sleep(2)
    scene.publish_events(failing(2, now_ms()))
    orders = scene.wait("seal-orders", lambda seen: any(one["canonicalCallId"] == "call-2" for one in seen))
    assert [one["unreadSources"] for one in orders if one["canonicalCallId"] == "call-2"] == [[]]
    assert all(read_json(value)["version"] == 1 for values in scene.values("seal-orders").values() for value in values)
