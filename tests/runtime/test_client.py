"""Reading and writing topics on the real broker: in is out, reading ends, a broker that is away is said."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Incoming, Outgoing
from stream_app.runtime.client import KafkaUnavailable, Publisher, TopicAbsent, end_offsets, read_topic
from stream_app.settings import Settings
from tests.deployments import AWAY, Deployment, clean_environment, deployment, run

TOPIC = "packets"
OTHER = "review-tasks"
HEADERS = (("ce_id", b"1"), ("ce_id", b""), ("bytes", b"\x00\xff"))


@pytest.fixture
def line(stack: Endpoints) -> Iterator[Deployment]:
    with deployment(stack, topics=(TOPIC, OTHER)) as made:
        yield made


def contents(records: list[Incoming]) -> list[bytes | None]:
    return [record.value for record in records]


def fill(line: Deployment, count: int, partition: int = 0) -> None:
    line.send(*(Outgoing(TOPIC, b"k", str(number).encode(), partition=partition) for number in range(count)))


def test_what_is_sent_is_read(line: Deployment) -> None:
    whole = Outgoing(TOPIC, "schlüssel".encode(), b"value", HEADERS, partition=1)
    tombstone = Outgoing(OTHER, b"k", None, partition=1)
    bare = Outgoing(TOPIC, None, b"", partition=0)
    before = time.time()
    written = line.send(whole, tombstone, bare)
    assert [(one.topic, one.partition, one.offset) for one in written] == [(TOPIC, 1, 0), (OTHER, 1, 0), (TOPIC, 0, 0)]
    assert all(abs(one.timestamp_ms / 1000 - before) < 60 for one in written)
    found = {(record.topic, record.partition): record for record in line.read(TOPIC, OTHER)}
    assert len(found) == 3
    for sent, place in zip((whole, tombstone, bare), written, strict=True):
        record = found[sent.topic, place.partition]
        assert (record.key, record.value, record.headers) == (sent.key, sent.value, sent.headers)
        assert (record.offset, record.timestamp_ms) == (place.offset, place.timestamp_ms)


def test_one_key_is_one_partition_whoever_sends(line: Deployment) -> None:
    async def main() -> list[int]:
        async with Publisher(line.settings) as publisher:
            futures = [await publisher.send(TOPIC, b"call-1", str(number).encode()) for number in range(5)]
            await publisher.flush()
            assert await publisher.partitions(TOPIC) == 2
            return [(await future).partition for future in futures]

    first = asyncio.run(main())
    again = [one.partition for one in line.send(Outgoing(TOPIC, b"call-1", b"x"))]
    others = [one.partition for one in line.send(*(Outgoing(TOPIC, bytes([n]), b"x") for n in range(20)))]
    assert {*first, *again} == {first[0]}
    assert set(others) == {0, 1}
    assert [one for one in contents(line.read(TOPIC)) if one != b"x"] == [b"0", b"1", b"2", b"3", b"4"]


def test_batches_are_read_as_they_were_sent_and_keys_lie_where_single_records_do(line: Deployment) -> None:
    whole = Outgoing(TOPIC, "schlüssel".encode(), b"value", HEADERS)
    records = [
        whole,
        Outgoing(OTHER, b"k", None, partition=1),
        Outgoing(TOPIC, None, b"", partition=1),
        *(Outgoing(TOPIC, b"call-%d" % (n % 20), b"%d" % n) for n in range(2000)),
        Outgoing(TOPIC, b"large", b"x" * (1536 << 10)),  # More than a batch of many may weigh.
    ]

    async def main() -> None:
        async with Publisher(line.settings) as publisher:
            await publisher.send_batches(records[:1000])
            await publisher.send_batches(records[1000:])
            await publisher.send_batches([])

    asyncio.run(main())
    read = line.read(TOPIC, OTHER)
    assert len(read) == len(records)
    for key in {one.key for one in records}:
        sent = [(one.topic, one.value, one.headers) for one in records if one.key == key]
        assert [(one.topic, one.value, one.headers) for one in read if one.key == key] == sent, "in order, and whole"
    by_key = {one.key: one.partition for one in read if one.topic == TOPIC and one.key is not None}
    singly = line.send(*(Outgoing(TOPIC, key, b"again") for key in by_key))
    assert dict(zip(by_key, (one.partition for one in singly), strict=True)) == by_key
    assert set(by_key.values()) == {0, 1}


def test_a_batch_for_a_topic_that_is_not_there_is_said_and_nothing_of_it_is_sent(line: Deployment) -> None:
    async def main() -> None:
        async with Publisher(line.settings) as publisher:
            await publisher.send_batches([Outgoing(TOPIC, b"k", b"v"), Outgoing("no-such-topic", b"k", b"v")])

    with pytest.raises(TopicAbsent, match="no-such-topic does not exist; run `stream-app topics apply`"):
        asyncio.run(main())
    assert line.read(TOPIC) == []


def test_reading_an_empty_topic_ends(line: Deployment) -> None:
    assert line.read(TOPIC, OTHER) == []


def test_reading_ends_behind_a_transaction_and_shows_only_what_was_committed(line: Deployment) -> None:
    async def transactions() -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=line.settings.kafka_bootstrap, transactional_id=line.settings.topic("transaction")
        )
        await producer.start()
        try:
            name = line.settings.topic(TOPIC)
            async with producer.transaction():
                await producer.send_and_wait(name, b"kept", partition=0)
            await producer.begin_transaction()
            await producer.send_and_wait(name, b"withdrawn", partition=0)
            await producer.abort_transaction()
        finally:
            await producer.stop()

    asyncio.run(transactions())
    # The last records of the partition are markers that nobody is ever handed.
    assert asyncio.run(end_offsets(line.settings, TOPIC))[TOPIC, 0] == 4
    assert contents(line.read(TOPIC)) == [b"kept"]
    assert line.read(TOPIC, start=1) == []


def test_reading_may_begin_anywhere(line: Deployment) -> None:
    fill(line, 5)
    fill(line, 2, partition=1)
    assert line.read(TOPIC, start="end") == []
    assert sorted(contents(line.read(TOPIC, start=1))) == [b"1", b"4"]
    assert len(line.read(TOPIC, start=100)) == 7
    assert contents(line.read(TOPIC, start={(TOPIC, 0): 3, (TOPIC, 1): 2})) == [b"3", b"4"]
    assert contents(line.read(TOPIC, start={(TOPIC, 0): 5})) == [b"0", b"1"], "what is not named, from the beginning"
    bookmark = asyncio.run(end_offsets(line.settings, TOPIC))
    assert bookmark == {(TOPIC, 0): 5, (TOPIC, 1): 2}
    fill(line, 1)
    assert contents(line.read(TOPIC, start=bookmark)) == [b"0"]


def test_reading_ends_at_what_was_the_end_when_it_began(line: Deployment) -> None:
    fill(line, 3)

    async def main() -> list[bytes | None]:
        found = []
        async with Publisher(line.settings) as publisher:
            async for record in read_topic(line.settings, TOPIC):
                found.append(record.value)
                await publisher.send_all([Outgoing(TOPIC, b"k", b"later", partition=0)])
        return found

    assert asyncio.run(main()) == [b"0", b"1", b"2"]


def test_following_sees_what_comes_and_stops_when_told(line: Deployment) -> None:
    fill(line, 2)

    async def main() -> list[bytes | None]:
        found: list[bytes | None] = []
        follow = read_topic(line.settings, TOPIC, start=1, follow=True, stop=lambda: len(found) == 3)
        async with Publisher(line.settings) as publisher:
            async for record in follow:
                found.append(record.value)
                if len(found) < 3:
                    await publisher.send(TOPIC, b"k", f"after {len(found)}".encode(), partition=0)
        return found

    assert asyncio.run(asyncio.wait_for(main(), 20)) == [b"1", b"after 1", b"after 2"]


def test_a_topic_that_is_not_there_is_an_error_at_once(line: Deployment) -> None:
    began = time.monotonic()
    with pytest.raises(TopicAbsent, match="run `stream-app topics apply` first"):
        line.read("ledger")
    with pytest.raises(TopicAbsent, match=f"{line.settings.topic('ledger')} does not exist"):
        line.send(Outgoing("ledger", b"k", b"x"))
    with pytest.raises(TopicAbsent):
        asyncio.run(end_offsets(line.settings, TOPIC, "ledger"))
    assert time.monotonic() - began < 10
    assert line.settings.topic("ledger") not in line.topics(), "and asking did not create it"


def ask_everything(settings: Settings) -> list[str]:
    """What each way to the broker says when there is none."""

    async def publish() -> None:
        async with Publisher(settings):
            raise AssertionError("a publisher without a broker")

    async def read() -> None:
        async for _ in read_topic(settings, TOPIC):
            raise AssertionError("a record without a broker")

    async def ends() -> None:
        await end_offsets(settings, TOPIC)

    said = []
    for ask in (publish, read, ends):
        with pytest.raises(KafkaUnavailable) as raised:
            asyncio.run(ask())
        said.append(str(raised.value))
    return said


def test_a_broker_that_is_away_is_said_quickly_with_what_to_do() -> None:
    began = time.monotonic()
    for said in ask_everything(Settings(kafka_bootstrap=AWAY)):
        assert f"Kafka at {AWAY} does not answer" in said
        assert "`stream-app dev status`" in said
        assert "STREAM_APP_KAFKA_BOOTSTRAP" in said
    assert time.monotonic() - began < 10


def test_a_broker_that_takes_connections_and_says_nothing_is_given_up_in_time() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        said = ask_everything(Settings(kafka_bootstrap=address, request_timeout_s=1))
        assert time.monotonic() - began < 20
    assert all(f"Kafka at {address} does not answer" in text for text in said)


def test_a_broker_that_falls_silent_while_it_is_read_is_said_too(
    line: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_: AIOKafkaConsumer, timeout_ms: int) -> dict[object, object]:
        await asyncio.sleep(timeout_ms / 1000)
        return {}

    fill(line, 3)
    settings = line.settings.model_copy(update={"request_timeout_s": 1})
    impatient = Deployment(settings, line.environment)
    assert len(impatient.read(TOPIC)) == 3
    monkeypatch.setattr(AIOKafkaConsumer, "getmany", nothing)
    with pytest.raises(KafkaUnavailable, match="nothing came for 1 s, and the end was not reached"):
        impatient.read(TOPIC)


@pytest.mark.parametrize(
    "words",
    [
        ("topics", "apply"), ("topics", "check"), ("packets", "tail"), ("packets", "tail", "--from-beginning"),
        ("why", "x", "--offline"), ("audit",), ("worker",), ("stage", "join"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_every_command_says_it_in_one_line_and_exits_3(words: tuple[str, ...]) -> None:
    began = time.monotonic()
    said = run(clean_environment(STREAM_APP_KAFKA_BOOTSTRAP=AWAY), *words, timeout_s=30)
    assert said.returncode == 3, said.stderr
    assert f"Kafka at {AWAY} does not answer" in said.stderr
    assert "Traceback" not in said.stderr
    assert time.monotonic() - began < 20
    if words[0] != "stage":  # A stage logs; a command only answers.
        assert len(said.stderr.splitlines()) == 1, said.stderr
