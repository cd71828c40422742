"""The only place where the judge reads the world: topics (committed records only) and objects, with plain clients."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from botocore.exceptions import ClientError

STALLED_S = 60.0
# A broker that is killed on purpose is no news; what fails for good is raised.
logging.getLogger("aiokafka").addHandler(logging.NullHandler())
logging.getLogger("aiokafka").propagate = False
Position = tuple[str, int, int]
"""(topic without the prefix, partition, offset)."""


@dataclass(frozen=True, slots=True)
class Record:
    """One committed record. `at` is its Kafka timestamp, ms."""

    topic: str
    partition: int
    offset: int
    at: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]

    @property
    def position(self) -> Position:
        """Where it stands."""
        return (self.topic, self.partition, self.offset)


class Tail:
    """Reads topics on and on: each `more` returns what was committed since the last one."""

    def __init__(self, bootstrap: str, prefix: str, topics: Sequence[str], *, committed_only: bool = True) -> None:
        self._prefix, self._topics = prefix, tuple(topics)
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            isolation_level="read_committed" if committed_only else "read_uncommitted",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=8 << 20,
        )
        self._partitions: list[TopicPartition] = []

    async def start(self) -> None:
        """Connect and stand at the beginning of every partition."""
        await self._consumer.start()
        for topic in self._topics:
            name = self._prefix + topic
            await self._consumer._client.force_metadata_update()
            found = self._consumer._client.cluster.partitions_for_topic(name)
            if not found:
                found = await self._look_for(name)
            self._partitions += [TopicPartition(name, number) for number in sorted(found)]
        self._consumer.assign(self._partitions)
        await self._consumer.seek_to_beginning(*self._partitions)

    async def _look_for(self, name: str) -> set[int]:
        self._consumer._client.add_topic(name)
        until = time.monotonic() + STALLED_S
        while time.monotonic() < until:
            await self._consumer._client.force_metadata_update()
            if found := self._consumer._client.cluster.partitions_for_topic(name):
                return set(found)
            await asyncio.sleep(0.1)
        raise LookupError(f"topic {name} does not exist")

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def ends(self) -> dict[tuple[str, int], int]:
        """Where each partition ends, by (topic, partition)."""
        found = await self._consumer.end_offsets(self._partitions)
        return {(one.topic.removeprefix(self._prefix), one.partition): offset for one, offset in found.items()}

    async def more(self) -> list[Record]:
        """Everything committed up to now that was not returned before."""
        ends = await self._consumer.end_offsets(self._partitions)
        records: list[Record] = []
        moved = time.monotonic()
        while True:
            # Positions, not records, tell the end: transactions leave control records that are never handed out.
            behind = [one for one in self._partitions if await self._consumer.position(one) < ends[one]]
            if not behind:
                return records
            batch = await self._consumer.getmany(timeout_ms=200)
            if batch:
                moved = time.monotonic()
            elif time.monotonic() - moved > STALLED_S:
                raise TimeoutError(f"nothing came for {STALLED_S:g} s, and the end of {behind} was not reached")
            for partition, found in batch.items():
                topic = partition.topic.removeprefix(self._prefix)
                records += [
                    Record(topic, one.partition, one.offset, one.timestamp, one.key, one.value, dict(one.headers))
                    for one in found
                ]


async def read_all(bootstrap: str, prefix: str, topics: Sequence[str]) -> list[Record]:
    """Every committed record of the topics as of now."""
    tail = Tail(bootstrap, prefix, topics)
    try:
        await tail.start()
        return await tail.more()
    finally:
        await tail.stop()


async def topic_names(bootstrap: str, prefix: str) -> list[str]:
    """Every topic with the prefix, without it."""
    async with kafka_admin(bootstrap) as admin:
        names: Iterable[str] = await admin.list_topics()
    return sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix))


@asynccontextmanager
async def kafka_admin(bootstrap: str) -> AsyncIterator[Any]:
    """A connected admin client."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


class Objects:
    """Objects under `s3://bucket/...`, read and written with one key pair; an async context manager."""

    def __init__(self, endpoint: str, access_key: str, secret_key: str) -> None:
        self._context = get_session().create_client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=AioConfig(s3={"addressing_style": "path"}, retries={"max_attempts": 5}),
        )
        self._client: Any = None

    async def __aenter__(self) -> Objects:
        self._client = await self._context.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._context.__aexit__(*error)

    async def get(self, uri: str) -> bytes | None:
        """The object's bytes; None where there is none."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        try:
            answer = await self._client.get_object(Bucket=bucket, Key=key)
            body: bytes = await answer["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise
        return body

    async def put(self, uri: str, body: bytes) -> None:
        """Write an object."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        await self._client.put_object(Bucket=bucket, Key=key, Body=body)

    async def under(self, uri: str) -> list[str]:
        """The URIs of all objects below a prefix."""
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        found: list[str] = []
        async for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            found += [f"s3://{bucket}/{one['Key']}" for one in page.get("Contents", ())]
        return found
