"""Confirmed or not confirmed, never in between: slow, lost and returning brokers, producers beyond help."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import NotConfirmed, Outgoing
from stream_app.runtime import confirmed
from stream_app.runtime.client import KafkaUnavailable, TopicAbsent
from stream_app.runtime.confirmed import KafkaWriter
from stream_app.settings import Settings
from tests.deployments import AWAY, Deployment, deployment

RECORD = Outgoing("call-ended", b"k", b"v", (("ce_id", b"1"),))


class Broker:
    """What all producers of one test talk to."""

    def __init__(self) -> None:
        self.made: list[FakePublisher] = []
        self.records: list[Outgoing] = []
        self.error: Exception | None = None
        self.open_error: Exception | None = None
        self.silent = False

    def publisher(self) -> FakePublisher:
        self.made.append(FakePublisher(self))
        return self.made[-1]


class FakePublisher:
    """As `client.Publisher`."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.gave_up: list[float] = []

    async def __aenter__(self) -> FakePublisher:
        await asyncio.sleep(0.01)
        if self.broker.open_error is not None:
            raise self.broker.open_error
        return self

    async def prepare(self, topics: tuple[str, ...]) -> None:
        if "absent" in topics:
            raise TopicAbsent("topic absent does not exist")

    async def send(self, *fields: Any) -> asyncio.Future[None]:
        confirmation: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.broker.error is not None:
            confirmation.set_exception(self.broker.error)
        elif not self.broker.silent:
            self.broker.records.append(Outgoing(*fields))
            confirmation.set_result(None)
        return confirmation

    async def ask(self) -> None:
        if self.broker.error is not None:
            raise self.broker.error
        if self.broker.silent:
            await asyncio.sleep(60)

    async def give_up(self, within_s: float) -> None:
        self.gave_up.append(within_s)


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def writer(broker: Broker) -> KafkaWriter:
    return KafkaWriter(Settings(), ("call-ended",), publisher=broker.publisher, grace_s=0.1)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirmed, "ASK_S", 0.05)
    monkeypatch.setattr(confirmed, "AGAIN_S", 0.05)


async def test_it_returns_once_all_are_confirmed_and_keeps_its_producer(writer: KafkaWriter, broker: Broker) -> None:
    async with writer:
        await asyncio.gather(*(writer.write([RECORD, RECORD], within_s=1) for _ in range(3)))
        await writer.write([], within_s=1)
        await writer.ask()
        assert broker.records == [RECORD] * 6
    assert [one.gave_up for one in broker.made] == [[0.1]]


async def test_a_silent_broker_is_not_waited_for_and_gets_another_producer(writer: KafkaWriter, broker: Broker) -> None:
    async with writer:
        await writer.write([RECORD], within_s=1)
        broker.silent = True
        with pytest.raises(NotConfirmed, match=r"did not confirm within 0\.05 s"):
            await writer.write([RECORD], within_s=0.05)
        broker.silent = False
        await writer.write([RECORD], within_s=1)
        assert len(broker.made) == 2
        await asyncio.sleep(0)
        assert [one.gave_up for one in broker.made] == [[0.1], []]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KafkaUnavailable("Kafka at x does not answer"), "Kafka at x does not answer"),
        (RuntimeError("holds a payload"), "the broker refused: RuntimeError"),
    ],
)
async def test_a_producer_that_failed_is_replaced(
    writer: KafkaWriter, broker: Broker, error: Exception, told: str
) -> None:
    broker.error = error
    for act in (lambda: writer.write([RECORD, RECORD], within_s=1), writer.ask):
        with pytest.raises(NotConfirmed) as caught:
            await act()
        assert str(caught.value) == told
    broker.error = None
    await writer.write([RECORD], within_s=1)
    assert len(broker.made) == 3


async def test_a_broker_that_is_away_at_first_is_asked_again_but_not_at_every_write(
    writer: KafkaWriter, broker: Broker
) -> None:
    broker.open_error = KafkaUnavailable("away")
    results = await asyncio.gather(*(writer.write([RECORD], within_s=1) for _ in range(20)), return_exceptions=True)
    results += await asyncio.gather(*(writer.ask() for _ in range(20)), return_exceptions=True)
    assert [str(one) for one in results] == ["away"] * 40
    assert len(broker.made) == 1
    broker.open_error = None
    await asyncio.sleep(0.06)
    await writer.write([RECORD], within_s=1)
    assert len(broker.made) == 2


async def test_who_stops_waiting_takes_the_producer_from_nobody(writer: KafkaWriter, broker: Broker) -> None:
    impatient = asyncio.ensure_future(writer.write([RECORD], within_s=1))
    patient = asyncio.ensure_future(writer.write([RECORD], within_s=1))
    await asyncio.sleep(0)
    impatient.cancel()
    await patient
    assert (len(broker.made), broker.records) == (1, [RECORD])


async def test_a_missing_topic_and_a_silent_broker_are_said_when_asked(broker: Broker) -> None:
    with pytest.raises(NotConfirmed, match="does not exist"):
        await KafkaWriter(Settings(), ("absent",), publisher=broker.publisher).ask()
    assert broker.made[0].gave_up == [0]
    broker.silent = True
    with pytest.raises(NotConfirmed, match="did not answer within"):
        await KafkaWriter(Settings(), (), publisher=broker.publisher).ask()


async def test_no_broker_at_all() -> None:
    async with KafkaWriter(Settings(kafka_bootstrap=AWAY), ("call-ended",), grace_s=0.1) as writer:
        with pytest.raises(NotConfirmed, match="does not answer"):
            await writer.write([RECORD], within_s=5)


@pytest.fixture
def line(stack: Endpoints) -> Iterator[Deployment]:
    with deployment(stack, topics=("call-ended",)) as made:
        yield made


def test_on_a_real_broker(line: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirmed, "ASK_S", 20.0)  # A real one may be busy.

    async def main(act: Callable[[KafkaWriter], Any], *topics: str) -> None:
        async with KafkaWriter(line.settings, topics, grace_s=1) as writer:
            await act(writer)

    async def write(writer: KafkaWriter) -> None:
        await writer.ask()
        await writer.write([RECORD, RECORD], within_s=20)

    asyncio.run(main(write, "call-ended"))
    assert [(one.key, one.value, one.headers) for one in line.read("call-ended")] == [(b"k", b"v", RECORD.headers)] * 2
    with pytest.raises(NotConfirmed, match="does not exist"):
        asyncio.run(main(KafkaWriter.ask, "call-ended", "tool-call"))
