"""The only place for plain reading and writing of topics, outside the stages: commands, the demo, tests.

Names of topics go in and come out without the configured prefix. Nothing here joins a consumer group, so looking at a
topic never disturbs the line.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError, RequestTimedOutError

from stream_app.pipeline.ports import Headers, Incoming, Outgoing
from stream_app.runtime.record_batches import MAX_BATCH_BYTES, Partitioner, send_batches
from stream_app.settings import Settings

MAX_REQUEST_BYTES = 16 << 20
"""Fits the largest record any of our topics takes (a dead letter that wraps an oversize event)."""

AWAY = (KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError, RequestTimedOutError, OSError, TimeoutError)
"""What the client library raises where a broker is not there; everything else is a mistake to be seen as it is."""

# The client library logs each failed attempt; a command has one message of its own instead. Stages set up logging, and
# still see all of it.
logging.getLogger("aiokafka").addHandler(logging.NullHandler())

_POLL_MS = 200
Start = Literal["beginning", "end"] | int | dict[tuple[str, int], int]


class KafkaUnavailable(Exception):
    """The broker cannot be reached or does not answer in time. The message says where and what to do next."""


class TopicAbsent(Exception):
    """A topic that should be read does not exist."""


def unavailable(settings: Settings, error: BaseException) -> KafkaUnavailable:
    """The error for a person: which broker, what happened, what to try."""
    return KafkaUnavailable(
        f"Kafka at {settings.kafka_bootstrap} does not answer ({type(error).__name__}: {error}); is it up? "
        "`stream-app dev status` shows the embedded one, STREAM_APP_KAFKA_BOOTSTRAP names another"
    )


@dataclass(frozen=True, slots=True)
class Written:
    """Where a confirmed record stands. `timestamp_ms` is the broker's append time, or the producer's time of send."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int


class Publisher:
    """Idempotent producer (acks=all), an async context manager. A record is safe once its future is done.

    Raises KafkaUnavailable on entry when no broker answers.
    """

    def __init__(self, settings: Settings, *, linger_ms: int = 5) -> None:
        self._settings = settings
        self._linger_ms = linger_ms
        self._producer: Any = None
        self._counts: dict[str, int] = {}
        self._partitioner = Partitioner()
        self._names: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.kafka_bootstrap,
            client_id=f"{self._settings.app_id}-publisher",
            acks="all",
            enable_idempotence=True,
            max_request_size=MAX_REQUEST_BYTES,
            max_batch_size=MAX_BATCH_BYTES,
            linger_ms=self._linger_ms,
            request_timeout_ms=int(self._settings.request_timeout_s * 1000),
        )
        try:
            await self._producer.start()
        except AWAY as error:
            await self._producer.stop()
            raise unavailable(self._settings, error) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._producer.stop()

    async def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = (), partition: int | None = None
    ) -> asyncio.Future[Written]:
        """Hand one record over; the future is its confirmation. Without `partition` the key decides (murmur2).

        Waits only while the buffer is full. Raises TopicAbsent and KafkaUnavailable; so may the future.
        """
        try:
            confirmation = await self._hand_over(topic, key, value, headers, partition)
        except AWAY as error:
            raise unavailable(self._settings, error) from error
        return asyncio.ensure_future(self._written(topic, confirmation))

    async def send_all(self, records: Sequence[Outgoing]) -> list[Written]:
        """Send the records in order and wait until every one is confirmed. Raises TopicAbsent, KafkaUnavailable."""
        try:
            waiting = [
                await self._hand_over(one.topic, one.key, one.value, one.headers, one.partition) for one in records
            ]
            confirmed = await asyncio.gather(*waiting)
        except AWAY as error:
            raise unavailable(self._settings, error) from error
        return [
            Written(record.topic, metadata.partition, metadata.offset, metadata.timestamp)
            for record, metadata in zip(records, confirmed, strict=True)
        ]

    async def send_batches(self, records: Sequence[Outgoing]) -> None:
        """Send the records as whole record batches and wait until every one is confirmed: for many at a time.

        Raises TopicAbsent, KafkaUnavailable.
        """
        for topic in {record.topic for record in records}:
            if not self._partitioner.knows(topic):
                self._partitioner.count(topic, await self.partitions(topic))
                self._names[topic] = self._settings.topic(topic)
        try:
            sent = await send_batches(self._producer, records, self._partitioner, self._names)
            await asyncio.gather(*(one.confirmation for one in sent))
        except AWAY as error:
            raise unavailable(self._settings, error) from error

    async def _hand_over(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, partition: int | None
    ) -> Awaitable[Any]:
        if topic not in self._counts:  # The client library would wait for a missing topic until its timeout.
            await self.partitions(topic)
        confirmation: Awaitable[Any] = await self._producer.send(
            self._settings.topic(topic), value, key, partition=partition, headers=list(headers)
        )
        return confirmation

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has. Raises TopicAbsent."""
        if topic not in self._counts:
            self._counts[topic] = len(await partitions_of(self._settings, [self._settings.topic(topic)]))
        return self._counts[topic]

    async def prepare(self, topics: Sequence[str]) -> None:
        """Make sure that these topics exist, so that the first record of each need not. Raises TopicAbsent."""
        names = {self._settings.topic(topic): topic for topic in topics}
        for one in await partitions_of(self._settings, names):
            self._counts[names[one.topic]] = max(self._counts.get(names[one.topic], 0), one.partition + 1)

    async def ask(self) -> None:
        """Have the broker answer. Raises KafkaUnavailable where it does not."""
        if not await self._producer.client.force_metadata_update():
            raise unavailable(self._settings, ConnectionError("no answer"))

    async def give_up(self, within_s: float) -> None:
        """Close at the latest after about `within_s`, with what is confirmed by then; to close waits for ever."""
        stopping = asyncio.ensure_future(self._producer.stop())
        done, _ = await asyncio.wait({stopping}, timeout=within_s)
        if not done:  # An idempotent producer tries again for as long as the broker is away.
            self._producer._message_accumulator.fail_all(KafkaTimeoutError())
            await asyncio.wait({stopping}, timeout=within_s)

    async def flush(self) -> None:
        """Wait until everything handed over has been answered."""
        await self._producer.flush()

    async def _written(self, topic: str, confirmation: Awaitable[Any]) -> Written:
        try:
            metadata = await confirmation
        except AWAY as error:
            raise unavailable(self._settings, error) from error
        return Written(topic, metadata.partition, metadata.offset, metadata.timestamp)


async def read_topic(
    settings: Settings,
    *topics: str,
    start: Start = "beginning",
    follow: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> AsyncIterator[Incoming]:
    """Records of the topics, committed ones only, in order within a partition.

    Without `follow` it ends at what was the end when it began; with it, when `stop()` says so (asked every 200 ms).
    `start`: "beginning", "end", the last n records of every partition (an int), or the offset to begin at by
    (topic, partition), those not named from the beginning.
    Raises TopicAbsent and KafkaUnavailable.
    """
    names = {settings.topic(topic): topic for topic in topics}
    partitions = await partitions_of(settings, names)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap,
        client_id=f"{settings.app_id}-reader",
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=_POLL_MS // 2,
        max_partition_fetch_bytes=4 << 20,
        request_timeout_ms=int(settings.request_timeout_s * 1000),
    )
    try:
        await consumer.start()
        ends = await _assign(consumer, partitions, names, start)
        positions: list[int] = []
        moved = time.monotonic()
        while not stop():
            for partition, records in (await consumer.getmany(timeout_ms=_POLL_MS)).items():
                for record in records:
                    if follow or record.offset < ends[partition]:
                        yield _incoming(names[record.topic], record)
            # Positions, not records, tell the end: a transaction leaves a control record that is never handed out.
            before, positions = positions, [await consumer.position(one) for one in partitions]
            if not follow and all(position >= ends[one] for one, position in zip(partitions, positions, strict=True)):
                return
            if positions != before:
                moved = time.monotonic()
            elif not follow and time.monotonic() - moved > settings.request_timeout_s:
                raise TimeoutError(f"nothing came for {settings.request_timeout_s:g} s, and the end was not reached")
    except AWAY as error:
        raise unavailable(settings, error) from error
    finally:
        await consumer.stop()


async def end_offsets(settings: Settings, *topics: str) -> dict[tuple[str, int], int]:
    """The offset after the last committed record, by (topic, partition): a bookmark for `read_topic(start=...)`."""
    return await _offsets(settings, topics, "end_offsets")


async def begin_offsets(settings: Settings, *topics: str) -> dict[tuple[str, int], int]:
    """The first offset that is still kept, by (topic, partition); above 0, retention has taken what stood before it."""
    return await _offsets(settings, topics, "beginning_offsets")


async def _offsets(
    settings: Settings, topics: Sequence[str], which: Literal["beginning_offsets", "end_offsets"]
) -> dict[tuple[str, int], int]:
    names = {settings.topic(topic): topic for topic in topics}
    partitions = await partitions_of(settings, names)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap,
        isolation_level="read_committed",
        request_timeout_ms=int(settings.request_timeout_s * 1000),
    )
    try:
        await consumer.start()
        offsets = await getattr(consumer, which)(partitions)
    except AWAY as error:
        raise unavailable(settings, error) from error
    finally:
        await consumer.stop()
    return {(names[one.topic], one.partition): offset for one, offset in offsets.items()}


async def partitions_of(settings: Settings, names: Iterable[str]) -> list[Any]:
    """Every partition of the topics (full names); a topic that is not there is an error, not an empty answer."""
    admin = AIOKafkaAdminClient(
        bootstrap_servers=settings.kafka_bootstrap,
        client_id=f"{settings.app_id}-reader",
        request_timeout_ms=int(settings.request_timeout_s * 1000),
    )
    try:
        await admin.start()
        described = {one["topic"]: one["partitions"] for one in await admin.describe_topics(list(names))}
    except AWAY as error:
        raise unavailable(settings, error) from error
    finally:
        await admin.close()
    for name in names:
        if not described.get(name):
            raise TopicAbsent(f"topic {name} does not exist; run `stream-app topics apply` first")
    return [
        TopicPartition(name, number)
        for name in names
        for number in sorted(part["partition"] for part in described[name])
    ]


async def _assign(consumer: Any, partitions: list[Any], names: dict[str, str], start: Start) -> dict[Any, int]:
    """Take the partitions, go to where reading begins. Returns their ends as of now."""
    consumer.assign(partitions)
    begins: dict[Any, int] = await consumer.beginning_offsets(partitions)
    ends: dict[Any, int] = await consumer.end_offsets(partitions)
    for one in partitions:
        if start == "beginning":
            offset = begins[one]
        elif start == "end":
            offset = ends[one]
        elif isinstance(start, int):
            offset = max(begins[one], ends[one] - start)
        else:
            offset = max(begins[one], start.get((names[one.topic], one.partition), begins[one]))
        consumer.seek(one, offset)
    return ends


def _incoming(topic: str, record: Any) -> Incoming:
    return Incoming(
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp,
        key=record.key,
        value=record.value,
        headers=tuple((name, content) for name, content in record.headers),
    )
