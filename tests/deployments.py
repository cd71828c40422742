"""A deployment of its own on the test stack: topics under a prefix nobody else has, taken away again at the end.

Only topics; nothing runs. Tests put records where a stage would and ask the client, the audit or a command.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Incoming, Outgoing
from stream_app.runtime import admin
from stream_app.runtime.client import Publisher, Written, read_topic
from stream_app.settings import Settings

ROOT = Path(__file__).parents[1]
AWAY = "127.0.0.1:1"
"""A broker's address where nothing listens."""


def clean_environment(**values: str) -> dict[str, str]:
    """This process's environment without any of our settings, and these on top."""
    return {name: value for name, value in os.environ.items() if not name.startswith("STREAM_APP_")} | values


def run(environment: dict[str, str], *words: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    """`stream-app <words>` as a user runs it."""
    return subprocess.run(
        [sys.executable, "-m", "stream_app", *words],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


@dataclass(frozen=True)
class Deployment:
    """Settings of one deployment, and what tests do with it."""

    settings: Settings
    environment: dict[str, str]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`stream-app <words>` against this deployment."""
        return run(self.environment, *words)

    def send(self, *records: Outgoing) -> list[Written]:
        """Write records and wait for their confirmation."""

        async def main() -> list[Written]:
            async with Publisher(self.settings) as publisher:
                return await publisher.send_all(records)

        return asyncio.run(main())

    def read(self, *topics: str, **options: Any) -> list[Incoming]:
        """What the topics hold."""

        async def main() -> list[Incoming]:
            return [record async for record in read_topic(self.settings, *topics, **options)]

        return asyncio.run(main())

    def changelog(self, stage: str, table: str) -> str:
        """The table's changelog, named as a topic without prefix."""
        return admin.changelog_name(self.settings, stage, table).removeprefix(self.settings.topic_prefix)

    def topics(self) -> dict[str, int]:
        """Full name -> partitions of every topic under the prefix."""

        async def main() -> dict[str, int]:
            async with _client(self.settings) as client:
                names = [name for name in await client.list_topics() if name.startswith(self.settings.topic_prefix)]
                return {one["topic"]: len(one["partitions"]) for one in await client.describe_topics(names)}

        return asyncio.run(main())

    def create(self, name: str, partitions: int, **config: str) -> None:
        """A topic as somebody else made it, under its name without prefix."""

        async def main() -> None:
            async with _client(self.settings) as client:
                await client.create_topics(
                    [NewTopic(self.settings.topic(name), partitions, 1, topic_configs=dict(config))]
                )
            await admin.await_leaders(self.settings, [self.settings.topic(name)])

        asyncio.run(main())


@asynccontextmanager
async def _client(settings: Settings) -> AsyncIterator[Any]:
    client = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    try:
        await client.start()
        yield client
    finally:
        await client.close()


@contextmanager
def deployment(stack: Endpoints, *, topics: Sequence[str] | None = None, **settings: Any) -> Iterator[Deployment]:
    """A deployment of two partitions with all topics (None), or these only (names without prefix; `()`: none)."""
    fields = {
        "topic_prefix": f"test-{uuid.uuid4().hex[:10]}-",
        "internal_partitions": 2,
        "input_partitions": 2,
        "kafka_bootstrap": stack.kafka_bootstrap,
        **settings,
    }
    environment = clean_environment(**{f"STREAM_APP_{name.upper()}": str(value) for name, value in fields.items()})
    made = Deployment(Settings(**fields), environment)

    async def create() -> None:
        wanted = {one.name.removeprefix(made.settings.topic_prefix): one for one in admin.wanted_topics(made.settings)}
        wanted = {name: one for name, one in wanted.items() if topics is None or name in topics}
        async with _client(made.settings) as client:
            await client.create_topics(
                [NewTopic(one.name, one.partitions, 1, topic_configs=one.config) for one in wanted.values()]
            )
        await admin.await_leaders(made.settings, [one.name for one in wanted.values()])

    async def remove() -> None:
        async with _client(made.settings) as client:
            mine = [name for name in await client.list_topics() if name.startswith(made.settings.topic_prefix)]
            if mine:
                await client.delete_topics(mine)

    try:
        if topics is None or topics:
            asyncio.run(create())
        yield made
    finally:
        asyncio.run(remove())
