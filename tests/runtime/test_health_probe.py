"""What a real broker and a real store answer, and what their silence means."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import ObjectDenied, Outgoing, StoreUnavailable
from stream_app.runtime import health_probe
from stream_app.runtime.health import STALL_S, StageHealth
from stream_app.runtime.health_probe import Probe, store_check
from stream_app.settings import Settings
from stream_app.sinks.s3 import S3ObjectStore
from tests.deployments import AWAY, Deployment, deployment
from tests.fakes import InMemoryObjectStore

TOPIC = "evidence"
RETRY = "seal-retry"
ONE = f"{TOPIC}/0"


class Clock:
    """Real time, and what a test adds to it."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture(scope="module")
def line(stack: Endpoints) -> Iterator[Deployment]:
    with deployment(stack, topics=(TOPIC, RETRY), internal_partitions=1) as made:
        yield made


@pytest.fixture
async def probing(line: Deployment, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Probe, StageHealth, Clock]]:
    """A probe of the join stage that owns the only partition of `evidence`, and its health."""
    monkeypatch.setattr(health_probe, "LOOK_S", 0.5)
    clock = Clock()
    health = StageHealth("join", clock=clock)
    health.assigned([ONE])
    health.recovered([ONE])
    probe = Probe(line.settings, health, None)
    yield probe, health, clock
    await probe._close()


async def send(line: Deployment, *records: Outgoing) -> int:
    """Write; the offset behind the last record."""
    written = await asyncio.to_thread(line.send, *records)
    return written[-1].offset + 1


async def end_with_a_transaction(line: Deployment) -> int:
    """One committed record and the control record behind it; the offset behind the record."""
    producer = AIOKafkaProducer(
        bootstrap_servers=line.settings.kafka_bootstrap, transactional_id=line.settings.topic("probe")
    )
    await producer.start()
    async with producer.transaction():
        written = await producer.send_and_wait(line.settings.topic(TOPIC), b"in a transaction", partition=0)
    await producer.stop()
    return int(written.offset) + 1


def lag(health: StageHealth) -> int:
    return int(health.report()["lag"])


async def stands(probe: Probe, health: StageHealth, clock: Clock) -> list[str | None]:
    """The partitions that count as stalled after a long time in which nothing was done."""
    await probe.ask_broker()
    await probe.ask_broker()
    clock.ahead += STALL_S + 1
    await probe.ask_broker()
    return [reason.partition for reason in health.reasons() if reason.cause == "stalled"]


async def test_records_that_nobody_works_off_are_a_standstill(
    line: Deployment, probing: tuple[Probe, StageHealth, Clock]
) -> None:
    probe, health, clock = probing
    end = await send(line, *(Outgoing(TOPIC, b"k", b"v", partition=0) for _ in range(3)))
    health.progress(ONE, end - 3)
    await probe.ask_broker()
    assert (health.reasons(), lag(health)) == ([], 3)
    assert await stands(probe, health, clock) == [ONE]
    health.progress(ONE, end - 1)
    await probe.ask_broker()
    assert (health.reasons(), lag(health)) == ([], 1)
    health.progress(ONE, end)
    assert await stands(probe, health, clock) == []
    assert lag(health) == 0


async def test_control_records_at_the_end_are_no_work(
    line: Deployment, probing: tuple[Probe, StageHealth, Clock]
) -> None:
    probe, health, clock = probing
    health.progress(ONE, await end_with_a_transaction(line))
    assert await stands(probe, health, clock) == []
    assert lag(health) == 0
    more = await send(line, Outgoing(TOPIC, b"k", b"v", partition=0))
    assert await stands(probe, health, clock) == [ONE], "but a record behind them is"
    health.progress(ONE, more)
    assert await stands(probe, health, clock) == []


async def test_a_stage_that_did_nothing_yet_stands_where_its_group_had_committed(
    line: Deployment, probing: tuple[Probe, StageHealth, Clock]
) -> None:
    probe, health, clock = probing
    end = await send(line, Outgoing(TOPIC, b"k", b"v", partition=0))
    tp = TopicPartition(line.settings.topic(TOPIC), 0)
    group: Any = AIOKafkaConsumer(
        bootstrap_servers=line.settings.kafka_bootstrap, group_id=line.settings.group("join"), enable_auto_commit=False
    )
    await group.start()
    group.assign([tp])
    await group.commit({tp: OffsetAndMetadata(end, "")})
    assert await stands(probe, health, clock) == []
    assert lag(health) == 0
    await send(line, Outgoing(TOPIC, b"k", b"v", partition=0))
    assert await stands(probe, health, clock) == [ONE]
    assert await group.committed(tp) == end, "to ask has moved nothing"
    await group.stop()


async def test_records_that_wait_for_their_time_may_stand(
    line: Deployment, probing: tuple[Probe, StageHealth, Clock]
) -> None:
    probe, health, clock = probing
    await send(line, Outgoing(RETRY, b"k", b"v", partition=0))
    health.assigned([f"{RETRY}/0"])
    health.recovered([f"{RETRY}/0"])
    health.progress(f"{RETRY}/0", 0)
    assert await stands(probe, health, clock) == []


async def test_a_stage_without_partitions_still_asks_the_broker(probing: tuple[Probe, StageHealth, Clock]) -> None:
    probe, health, _ = probing
    health.assigned([])
    assert [reason.cause for reason in health.reasons()] == ["broker_unreachable"]
    await probe.ask_broker()
    assert health.reasons() == []


async def test_a_broker_that_is_away_is_said_and_noticed_when_it_is_back(
    line: Deployment, probing: tuple[Probe, StageHealth, Clock]
) -> None:
    probe, health, _ = probing
    health.assigned([])
    probe._settings = Settings(**{**line.settings.model_dump(), "kafka_bootstrap": AWAY})
    await probe.ask_broker()
    (reason,) = health.reasons()
    assert reason.cause == "broker_unreachable"
    assert AWAY in reason.detail
    probe._settings = line.settings
    await probe.ask_broker()
    assert health.reasons() == []


async def test_a_broker_that_takes_connections_and_says_nothing_is_away(
    line: Deployment, probing: tuple[Probe, StageHealth, Clock], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a frozen process looks like from outside."""
    monkeypatch.setattr(health_probe, "TIMEOUT_S", 0.5)
    probe, health, _ = probing
    silent = await asyncio.start_server(lambda _reader, _writer: asyncio.sleep(30), "127.0.0.1", 0)
    host, port = silent.sockets[0].getsockname()
    probe._settings = Settings(**{**line.settings.model_dump(), "kafka_bootstrap": f"{host}:{port}"})
    began = time.monotonic()
    await probe.ask_broker()
    assert time.monotonic() - began < 5
    assert [reason.cause for reason in health.reasons()] == ["broker_unreachable"]
    silent.close()


def seal_health() -> StageHealth:
    health = StageHealth("seal", needs_store=True)
    health.assigned([])
    health.answered("broker")
    return health


async def test_a_real_store_answers_for_the_packet_bucket(stack: Endpoints) -> None:
    keys = stack.credentials["sealer"]
    async with S3ObjectStore(
        endpoint_url=stack.s3_endpoint, access_key=keys.access_key, secret_key=keys.secret_key
    ) as store:
        health = seal_health()
        await Probe(Settings(), health, store_check(store, "review-packets")).ask_store()
        assert health.reasons() == []
    keys = stack.credentials["reviewer"]
    async with S3ObjectStore(
        endpoint_url=stack.s3_endpoint, access_key=keys.access_key, secret_key=keys.secret_key
    ) as store:
        health = seal_health()
        await Probe(Settings(), health, store_check(store, "raw-restricted")).ask_store()
        (reason,) = health.reasons()
        assert reason.cause == "store_unreachable", "a store that we may not use is none"
        assert "raw-restricted" in reason.detail


@pytest.mark.parametrize("error", [StoreUnavailable, ObjectDenied])
async def test_a_store_that_fails_is_said_and_noticed_when_it_is_back(error: Any) -> None:
    store, health = InMemoryObjectStore(), seal_health()
    probe = Probe(Settings(), health, store_check(store, "review-packets/team-a"))
    store.fail("s3://review-packets/team-a/", error)
    await probe.ask_store()
    (reason,) = health.reasons()
    assert (reason.cause, "injected" in reason.detail) == ("store_unreachable", True)
    store.heal()
    await probe.ask_store()
    assert health.reasons() == []


async def test_a_store_that_hangs_is_away_and_holds_up_nothing_else(
    line: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_probe, "PROBE_S", 0.05)
    health = StageHealth("seal", needs_store=True)
    health.assigned([])

    async def hang() -> None:
        await asyncio.sleep(60)

    running = asyncio.create_task(Probe(line.settings, health, hang).run())
    async with asyncio.timeout(10):
        while [reason.cause for reason in health.reasons()] != ["store_unreachable"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
