"""The only place for reading a topic as a subscriber of its own: a consumer group whose offsets its reader commits.

For what must not miss a record over its own restarts (forwarding alerts). At least once: an offset is committed when
the reader says `done`, so what was read and not done comes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Literal, Self

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError

from stream_app.pipeline.ports import Incoming
from stream_app.runtime.client import AWAY, partitions_of, unavailable
from stream_app.settings import Settings

_POLL_MS = 200


class _Assigned(ConsumerRebalanceListener):  # type: ignore[misc]
    """Says when the group has given this member its partitions, also when there are none for it."""

    def __init__(self) -> None:
        self.happened = asyncio.Event()

    async def on_partitions_revoked(self, revoked: object) -> None:
        """Nothing is kept of a partition."""

    async def on_partitions_assigned(self, assigned: object) -> None:
        """Reading can begin."""
        self.happened.set()


class Subscription:
    """One member of the consumer group `<app_id>-<name>`; an async context manager.

    `start` says where a group that has never committed begins. Raises TopicAbsent and KafkaUnavailable.
    """

    def __init__(
        self, settings: Settings, topic: str, *, name: str, start: Literal["beginning", "end"] = "beginning"
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._name = name
        self._start = start
        self._consumer: Any = None
        self._assigned = _Assigned()

    async def __aenter__(self) -> Self:
        full = self._settings.topic(self._topic)
        await partitions_of(self._settings, [full])  # A missing topic is an error, not an endless wait.
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka_bootstrap,
            client_id=f"{self._settings.app_id}-{self._name}",
            group_id=self._settings.group(self._name),
            isolation_level="read_committed",
            enable_auto_commit=False,
            # Also where retention has deleted what was committed: what is left comes, nothing is jumped over.
            auto_offset_reset="earliest",
            session_timeout_ms=int(self._settings.session_timeout_s * 1000),
            # A webhook that is away is waited for; the group must not take that for a dead member.
            max_poll_interval_ms=3_600_000,
            request_timeout_ms=int(self._settings.request_timeout_s * 1000),
        )
        self._consumer.subscribe([full], listener=self._assigned)
        try:
            await self._consumer.start()
            await asyncio.wait_for(self._assigned.happened.wait(), self._settings.request_timeout_s)
            await self._begin()
        except AWAY as error:
            await self._consumer.stop()
            raise unavailable(self._settings, error) from error
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def _begin(self) -> None:
        """Write down where a new group begins: it must begin there again if it stops before its first record."""
        for partition in self._consumer.assignment():
            if await self._consumer.committed(partition) is None:
                if self._start == "end":
                    await self._consumer.seek_to_end(partition)
                await self._commit(partition, await self._consumer.position(partition))

    async def records(self, *, follow: bool) -> AsyncIterator[Incoming]:
        """Records not yet done, in order within a partition; without `follow` up to what was the end when it began."""
        try:
            ends = {} if follow else await self._consumer.end_offsets(list(self._consumer.assignment()))
            while follow or not await self._reached(ends):
                for found in (await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=100)).values():
                    for record in found:
                        yield Incoming(
                            topic=self._topic,
                            partition=record.partition,
                            offset=record.offset,
                            timestamp_ms=record.timestamp,
                            key=record.key,
                            value=record.value,
                            headers=tuple((name, content) for name, content in record.headers),
                        )
        except AWAY as error:
            raise unavailable(self._settings, error) from error

    async def done(self, record: Incoming) -> None:
        """Commit: this record and those before it in its partition never come to this group again."""
        partition = TopicPartition(self._settings.topic(self._topic), record.partition)
        await self._commit(partition, record.offset + 1)

    async def _commit(self, partition: Any, offset: int) -> None:
        try:
            await self._consumer.commit({partition: offset})
        except (CommitFailedError, IllegalStateError):
            return  # Another member has the partition now, and reads the record once more.
        except AWAY as error:
            raise unavailable(self._settings, error) from error

    async def _reached(self, ends: dict[Any, int]) -> bool:
        """Whether everything before these ends was handed out; a partition that was taken away is another's."""
        mine = self._consumer.assignment()
        return all([one not in mine or await self._consumer.position(one) >= end for one, end in ends.items()])
