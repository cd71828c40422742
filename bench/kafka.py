"""The only place where the bench itself talks to Kafka: topics made and deleted, records fed in, output read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.partitioner import murmur2

PARTITIONS = 4
BATCH_BYTES = 256 << 10
TOPIC_CONFIG = {"max.message.bytes": str(8 << 20), "message.timestamp.type": "CreateTime"}


def partition_of(key: bytes) -> int:
    """Where Java's default partitioner puts the key."""
    return int(murmur2(key) & 0x7FFFFFFF) % PARTITIONS


class Kafka:
    """One connection of each sort to the broker, an async context manager."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._admin: Any = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        self._producer: Any = AIOKafkaProducer(
            bootstrap_servers=bootstrap, acks="all", linger_ms=0, max_batch_size=1 << 20, max_request_size=16 << 20
        )
        self._looker: Any = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False
        )

    async def __aenter__(self) -> Self:
        await self._admin.start()
        await self._producer.start()
        await self._looker.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._looker.stop()
        await self._producer.stop()
        await self._admin.close()

    async def create(self, names: Sequence[str], **config: str) -> None:
        """Topics of PARTITIONS partitions; returns when each answers."""
        settings = TOPIC_CONFIG | config
        await self._admin.create_topics([NewTopic(name, PARTITIONS, 1, topic_configs=settings) for name in names])
        until = time.monotonic() + 30
        while True:
            try:
                for name in names:
                    await self._looker.end_offsets([TopicPartition(name, one) for one in range(PARTITIONS)])
                return
            except Exception:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(0.1)

    async def alter(self, name: str, config: Mapping[str, str]) -> None:
        """Give a topic exactly this configuration."""
        await self._admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, dict(config))])

    async def delete(self, prefix: str) -> int:
        """Every topic whose name begins so; returns how many there were."""
        mine = [name for name in await self._admin.list_topics() if name.startswith(prefix)]
        if mine:
            await self._admin.delete_topics(mine)
        return len(mine)

    async def feed(self, records: Iterable[tuple[str, bytes, bytes]]) -> None:
        """Write (topic, key, value) records as whole batches, in order within a partition; ends when all are safe."""
        open_batches: dict[tuple[str, int], tuple[Any, int]] = {}
        sent: list[Any] = []
        partitions: dict[bytes, int] = {}
        now = time.time_ns() // 1_000_000
        for topic, key, value in records:
            partition = partitions.get(key)
            if partition is None:
                partition = partitions[key] = partition_of(key)
            place = (topic, partition)
            batch, size = open_batches.get(place) or (self._producer.create_batch(), 0)
            batch.append(timestamp=now, key=key, value=value)
            size += len(value)
            if size >= BATCH_BYTES:
                sent.append(await self._producer.send_batch(batch, topic, partition=partition))
                open_batches.pop(place, None)
                if len(partitions) > 100_000:
                    partitions.clear()
            else:
                open_batches[place] = (batch, size)
        for (topic, partition), (batch, _) in open_batches.items():
            sent.append(await self._producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*sent)

    async def send(self, topic: str, key: bytes, value: bytes, partition: int | None = None) -> Any:
        """Hand one record over at once; the awaited result is the future of its confirmation."""
        return await self._producer.send(topic, value, key, partition=partition)

    async def ends(self, topic: str) -> list[int]:
        """By partition, the offset up to which a `read_committed` reader can read now."""
        places = [TopicPartition(topic, one) for one in range(PARTITIONS)]
        offsets = await self._looker.end_offsets(places)
        return [offsets[place] for place in places]

    async def committed(self, group: str, topics: Sequence[str]) -> dict[str, list[int]]:
        """By topic and partition, up to where the group has committed; 0 where it has not."""
        places = [TopicPartition(topic, one) for topic in topics for one in range(PARTITIONS)]
        found = await self._admin.list_consumer_group_offsets(group, partitions=places)
        return {
            topic: [max(0, found[TopicPartition(topic, one)].offset) for one in range(PARTITIONS)] for topic in topics
        }

    async def members(self, group: str) -> int:
        """How many members the group has now."""
        for answer in await self._admin.describe_consumer_groups([group]):
            for described in answer.groups:
                return len(described[5])
        return 0

    @asynccontextmanager
    async def reading(self, topic: str, begins: Sequence[int]) -> AsyncIterator[Any]:
        """A `read_committed` consumer without a group, from these offsets on."""
        consumer: Any = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap, isolation_level="read_committed", enable_auto_commit=False,
            fetch_max_wait_ms=100, max_partition_fetch_bytes=8 << 20,
        )  # fmt: skip
        await consumer.start()
        try:
            places = [TopicPartition(topic, one) for one in range(PARTITIONS)]
            consumer.assign(places)
            for place, begin in zip(places, begins, strict=True):
                consumer.seek(place, begin)
            yield consumer
        finally:
            await consumer.stop()

    async def read(self, topic: str, begins: Sequence[int]) -> AsyncIterator[Any]:
        """What a `read_committed` reader finds from these offsets up to the ends as they are now."""
        ends = await self.ends(topic)
        async with self.reading(topic, begins) as consumer:
            places = [TopicPartition(topic, one) for one in range(PARTITIONS)]
            # Positions and not records tell the end: a transaction leaves a mark that is never handed out.
            while any([await consumer.position(one) < end for one, end in zip(places, ends, strict=True)]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    for record in records:
                        yield record
