"""What intake may claim about how far it has read: durable, or a whole round idle; and nothing of an old assignment."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from faust.types import TP

from stream_app.core.evidence import ClockRecord
from stream_app.core.wire import read_json
from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Outgoing
from stream_app.runtime import intake_clock
from stream_app.runtime.client import KafkaUnavailable, Written
from stream_app.runtime.intake_clock import IntakeClock
from stream_app.settings import Settings
from stream_app.topics import IDENTITY, INTAKE_TOPICS
from tests.deployments import AWAY, Deployment, deployment

A = TP("t-tool-call", 0)
B = TP("t-tool-call", 1)
FOREIGN = TP("t-something-else", 0)
SOURCES = {"tool-call": 2}


class Lane:
    """A lane with so many records under way, and everything below `done_upto` durable."""

    def __init__(self, under_way: int = 0, done_upto: int | None = None) -> None:
        self.under_way = under_way
        self.done_upto = done_upto

    def __len__(self) -> int:
        return self.under_way


class Consumer:
    """What the clock asks of `BatchConsumer`."""

    def __init__(self) -> None:
        self.rounds = 0
        self.handed: dict[TP, int] = {}
        self.handed_at: dict[TP, int] = {}
        self.positions: dict[TP, int | None] = {}
        self.assigned = {A, B, FOREIGN}

    def assignment(self) -> set[TP]:
        return self.assigned

    async def position(self, tp: TP) -> int | None:
        return self.positions.get(tp)

    async def highwaters(self, *_: TP) -> dict[TP, int]:
        raise AssertionError("the stage's own consumer tells where the committed records end, not where the log does")


class Uncommitted:
    """The consumer that is asked for the ends of the log."""

    def __init__(self) -> None:
        self.ends: dict[TP, int] = {A: 0, B: 0}
        self.stopped = False

    async def end_offsets(self, tps: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return {tp: self.ends[TP(*tp)] for tp in tps}

    async def stop(self) -> None:
        self.stopped = True


TOPICS = (*(topic.name for topic in INTAKE_TOPICS), "provider-records")


class World:
    """A host of an intake stage without Faust, and the clock that runs beside it."""

    def __init__(self) -> None:
        self.consumer = Consumer()
        self.lanes: dict[TP, Lane] = {}
        self.written: list[Outgoing] = []
        self.append_times = [1_000]
        self.away = 0
        self.app = SimpleNamespace(consumer=self.consumer, rebalancing=False, rebalancing_count=1)
        host: Any = SimpleNamespace(
            app=self.app,
            lanes=self.lanes,
            binding=SimpleNamespace(topics=TOPICS),
            settings=Settings(topic_prefix="t-", internal_partitions=2, clock_interval_ms=50),
            publisher=SimpleNamespace(send_all=self.send_all),
        )
        self.clock = IntakeClock(host)
        self.clock._sources = dict(SOURCES)
        self.log = Uncommitted()
        self.clock._uncommitted = self.log

    async def send_all(self, records: Sequence[Outgoing]) -> list[Written]:
        if self.away:
            self.away -= 1
            raise KafkaUnavailable("away")
        self.written += records
        at = self.append_times.pop(0) if len(self.append_times) > 1 else self.append_times[0]
        return [Written(one.topic, one.partition or 0, 0, at + (one.partition or 0)) for one in records]

    async def confirmed(self, tp: TP = A) -> int | None:
        return await self.clock._confirmed(self.consumer, tp)

    def end_round(self) -> None:
        self.consumer.rounds += 1

    def revoke_and_assign(self, position: int) -> None:
        """As Faust and the host do it: lanes closed, memory of what was handed over gone, back to what is committed."""
        self.app.rebalancing_count += 1
        self.lanes.clear()
        self.consumer.handed.clear()
        self.consumer.positions = {A: position, B: position}


async def test_what_is_handed_over_and_not_durable_is_not_confirmed() -> None:
    world = World()
    world.consumer.positions[A] = 8
    world.consumer.handed[A] = 7
    assert await world.confirmed() is None, "on its way to a lane that is not open yet"
    world.lanes[A] = Lane(under_way=3, done_upto=5)
    world.end_round()
    assert await world.confirmed() == 5
    world.lanes[A] = Lane(under_way=0, done_upto=5)
    world.end_round()
    assert await world.confirmed() == 5, "records 5 to 7 are between the consumer and the lane"
    world.lanes[A] = Lane(under_way=0, done_upto=8)
    assert await world.confirmed() == 8


async def test_a_fetch_position_counts_only_after_a_whole_round() -> None:
    """The position runs ahead: its records may be in the hands of the round that is under way."""
    world = World()
    world.consumer.positions[A] = 8
    assert await world.confirmed() is None
    assert await world.confirmed() is None, "the same round"
    world.consumer.handed[A] = 7  # They were.
    world.end_round()
    assert await world.confirmed() is None


async def test_an_idle_partition_that_ends_in_a_control_record_is_confirmed_after_a_round() -> None:
    """Offsets 8 and 9 are an aborted record and its marker: never handed over, and yet read."""
    world = World()
    world.lanes[A] = Lane(done_upto=8)
    world.consumer.handed[A] = 7
    world.consumer.positions[A] = 10
    assert await world.confirmed() == 8
    world.end_round()
    assert await world.confirmed() == 10


async def test_an_empty_partition_is_confirmed_after_a_round() -> None:
    world = World()
    world.consumer.positions[A] = 0
    assert await world.confirmed() is None
    world.end_round()
    assert await world.confirmed() == 0


async def test_a_position_that_moves_on_is_known_anew() -> None:
    world = World()
    world.consumer.positions[A] = 4
    await world.confirmed()
    world.end_round()
    world.consumer.positions[A] = 6
    assert await world.confirmed() == 4, "what was proved; 6 needs a round of its own"
    world.end_round()
    assert await world.confirmed() == 6


async def test_after_a_revocation_nothing_of_the_old_assignment_is_claimed() -> None:
    """Position 100 had been fetched and dropped with the assignment; the group had committed 50."""
    world = World()
    world.lanes[A] = Lane(done_upto=50)
    world.consumer.handed[A] = 49
    world.consumer.positions[A] = 100
    assert await world.confirmed() == 50
    world.revoke_and_assign(50)
    world.end_round()
    assert await world.confirmed() is None, "records 50 to 99 come again: claiming them would let time pass them by"
    world.end_round()
    assert await world.confirmed() == 50


async def test_a_revocation_while_the_position_is_asked_for_leaves_no_claim() -> None:
    world = World()
    asked = asyncio.Event()
    go_on = asyncio.Event()

    async def slow(_: TP) -> int:
        asked.set()
        await go_on.wait()
        return 100

    world.consumer.position = slow  # type: ignore[method-assign,assignment]
    asking = asyncio.create_task(world.confirmed())
    await asked.wait()
    world.revoke_and_assign(50)
    go_on.set()
    await asking
    del world.consumer.position
    world.end_round()
    assert await world.confirmed() is None


async def test_partitions_are_apart() -> None:
    world = World()
    world.consumer.positions = {A: 3, B: 9}
    await world.confirmed(A)
    await world.confirmed(B)
    world.end_round()
    assert (await world.confirmed(A), await world.confirmed(B)) == (3, 9)


def claims(world: World) -> list[dict[str, int]]:
    """What each record in identity partition 0 said."""
    values = [one.value for one in world.written if one.partition == 0]
    return [ClockRecord.from_dict(read_json(value or b"")).read_up_to for value in values]


async def test_a_round_writes_to_every_identity_partition_and_claims_only_what_an_earlier_round_noted() -> None:
    world = World()
    world.consumer.positions = {A: 5, B: 0}
    world.log.ends = {A: 5, B: 0}
    world.append_times = [1_000, 2_000, 3_000, 4_000]
    await world.clock._round()  # Notes: the ends as of 1000; positions, this round.
    assert [(one.topic, one.key, one.partition) for one in world.written] == [
        (IDENTITY.name, None, 0),
        (IDENTITY.name, None, 1),
    ]
    world.end_round()
    world.log.ends = {A: 7, B: 0}  # Two more have come to A, and are not read.
    await world.clock._round()
    assert claims(world) == [{}, {"tool-call/0": 1_000, "tool-call/1": 1_000}]
    await world.clock._round()
    assert claims(world)[2] == {"tool-call/0": 1_000, "tool-call/1": 2_000}, "A stands still with what it has not read"
    first = ClockRecord.from_dict(read_json(world.written[0].value or b""))
    assert (first.sources, first.vias) == (SOURCES, 2)


async def test_the_ends_are_noted_after_the_record_was_appended_and_never_before() -> None:
    """Else a record that came between the two would be claimed as read."""
    world = World()
    order: list[str] = []
    send_all, end_offsets = world.send_all, world.log.end_offsets

    async def sending(records: Sequence[Outgoing]) -> list[Written]:
        written = await send_all(records)
        order.append("appended")
        return written

    async def asking(tps: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        order.append("ends")
        assert set(tps) == {TopicPartition(*A), TopicPartition(*B)}
        return await end_offsets(tps)

    world.clock._host.publisher.send_all = sending  # type: ignore[method-assign]
    world.log.end_offsets = asking  # type: ignore[method-assign]
    world.log.ends = {A: 0, B: 0}
    await world.clock._round()
    assert order == ["appended", "ends"]


async def test_a_worker_without_partitions_still_says_what_it_knows_of_the_sources() -> None:
    world = World()
    world.consumer.assigned = set()
    await world.clock._round()
    assert claims(world) == [{}]


async def run_for(world: World, seconds: float) -> None:
    async def sources() -> dict[str, int]:
        return dict(SOURCES)

    world.clock._count_sources = sources  # type: ignore[method-assign]
    running = asyncio.create_task(world.clock.run())
    await asyncio.sleep(seconds)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_round_that_fails_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.log.ends = {A: 0, B: 0}
    world.away = 1
    await run_for(world, 0.3)
    assert "the clock could not be written, trying again" in caplog.text
    assert len(world.written) >= 4


async def test_time_stands_still_while_partitions_change_hands() -> None:
    world = World()
    world.app.rebalancing = True
    await run_for(world, 0.2)
    assert world.written == []


async def test_sources_are_counted_with_every_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    async def partitions(_: Settings, names: Sequence[str]) -> list[TP]:
        assert sorted(names) == sorted(f"t-{topic}" for topic in TOPICS)
        return [TP(name, number) for name in names for number in range(3 if name == "t-tool-call" else 1)]

    monkeypatch.setattr(intake_clock, "partitions_of", partitions)
    counts = await World().clock._count_sources()
    assert counts == {topic: 3 if topic == "tool-call" else 1 for topic in TOPICS}


async def test_what_asks_for_the_ends_is_let_go_of_with_the_clock() -> None:
    world = World()
    await run_for(world, 0.12)
    assert world.written
    assert world.log.stopped


async def test_what_could_not_start_to_ask_is_let_go_of_and_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    class NeverThere(Uncommitted):
        def __init__(self, **options: Any) -> None:
            super().__init__()
            assert options["isolation_level"] == "read_uncommitted"
            made.append(self)

        async def start(self) -> None:
            raise KafkaUnavailable("away")

    monkeypatch.setattr(intake_clock, "AIOKafkaConsumer", NeverThere)
    world = World()
    world.clock._uncommitted = None
    await run_for(world, 0.25)
    assert len(made) >= 2
    assert all(one.stopped for one in made), "each would hold connections and tasks for ever"
    assert set(map(str, claims(world))) == {"{}"}, "without the ends nothing is claimed"


@pytest.fixture
def line(stack: Endpoints) -> Iterator[Deployment]:
    with deployment(stack, topics=("tool-call",)) as made:
        yield made


async def test_the_ends_are_those_of_the_log_with_what_is_not_committed_yet(line: Deployment) -> None:
    """A record of an open transaction was appended at its time: a clock beyond it would make it late on commit."""
    settings = line.settings
    name = settings.topic("tool-call")
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap, transactional_id=settings.topic("source"))
    await producer.start()
    host: Any = SimpleNamespace(settings=settings)
    clock = IntakeClock(host)
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(name, b"not committed", partition=1)
        assert await clock._ends([TP(name, 0), TP(name, 1)]) == {TP(name, 0): 0, TP(name, 1): 1}
        await producer.commit_transaction()
        for _ in range(100):  # The broker writes the marker after it has answered.
            if await clock._ends([TP(name, 1)]) == {TP(name, 1): 2}:
                break
            await asyncio.sleep(0.1)
        assert await clock._ends([TP(name, 1)]) == {TP(name, 1): 2}, "and its marker"
    finally:
        await producer.stop()
        await clock._uncommitted.stop()


async def test_ends_of_a_broker_that_is_away_are_an_error_and_leave_nothing_behind() -> None:
    host: Any = SimpleNamespace(settings=Settings(kafka_bootstrap=AWAY, request_timeout_s=1))
    clock = IntakeClock(host)
    with pytest.raises(Exception, match="bootstrap"):
        await clock._ends([A])
    assert clock._uncommitted is None
