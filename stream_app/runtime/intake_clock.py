"""The only place where intake tells the time: every quarter of a second, to every identity partition, also when idle.

One round: write what is known (`ClockRecord`), learn its append time T from the broker, then read the end offsets of
the owned input partitions. What the next rounds find confirmed up to those ends is read up to T.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_app.pipeline.input_clock import InputClock
from stream_app.pipeline.ports import Outgoing
from stream_app.runtime.client import partitions_of
from stream_app.runtime.host import Host
from stream_app.topics import IDENTITY

log = logging.getLogger(__name__)

REFRESH_SOURCES_S = 30.0


class IntakeClock:
    """Runs beside the intake lanes of one worker."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._settings = host.settings
        self._clock = InputClock(f"{socket.gethostname()}-{os.getpid()}")
        self._sources: dict[str, int] = {}
        self._noted: dict[Any, int] = {}
        """Ends of the log, as of the last round."""
        self._uncommitted: Any = None
        """Asks for the ends of the log; the stage's own consumer would say where the committed records end."""
        self._idle: dict[Any, tuple[int, int, int]] = {}
        """Partition -> (fetch position, round in which it was read, assignment in which it was).

        What was fetched in an older assignment may have been dropped with it, so its position proves nothing."""

    async def run(self) -> None:
        """Until cancelled. A round that fails is logged and tried again: time stands still meanwhile, no more."""
        try:
            await self._rounds()
        finally:
            if self._uncommitted is not None:
                await self._uncommitted.stop()

    async def _rounds(self) -> None:
        refreshed = -REFRESH_SOURCES_S
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._settings.clock_interval_ms / 1000)
            try:
                if loop.time() - refreshed >= REFRESH_SOURCES_S:
                    self._sources = await self._count_sources()
                    refreshed = loop.time()
                if not self._host.app.rebalancing:
                    await self._round()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.warning("the clock could not be written, trying again: %s: %s", type(error).__name__, error)

    async def _round(self) -> None:
        consumer = self._host.app.consumer
        if consumer is None:
            return
        owned = self._owned(consumer)
        self._clock.own(set(owned))
        for source, tp in owned.items():
            upto = await self._confirmed(consumer, tp)
            if upto is not None:
                self._clock.confirm(source, upto)
            if tp in consumer.handed_at:
                self._clock.saw(source.rpartition("/")[0], consumer.handed_at[tp])
        vias = self._settings.internal_partitions
        value = self._clock.record(self._sources, vias).to_bytes()
        written = await self._host.publisher.send_all(
            [Outgoing(IDENTITY.name, None, value, partition=partition) for partition in range(vias)]
        )
        if owned:
            # Noted only now: everything appended before this record's own append time lies below these ends. The ends
            # of the log, not of what is committed: a record of an open transaction was appended too.
            ends = await self._ends(list(owned.values()))
            self._noted = ends
            self._clock.note(
                min(one.timestamp_ms for one in written), {source: ends[tp] for source, tp in owned.items()}
            )

    async def _ends(self, owned: list[Any]) -> dict[Any, int]:
        if self._uncommitted is None:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._settings.kafka_bootstrap,
                client_id=f"{self._settings.app_id}-clock",
                isolation_level="read_uncommitted",
                request_timeout_ms=int(self._settings.request_timeout_s * 1000),
            )
            try:
                await consumer.start()
            except BaseException:
                await consumer.stop()
                raise
            self._uncommitted = consumer
        ends: dict[Any, int] = await self._uncommitted.end_offsets([TopicPartition(*tp) for tp in owned])
        return {tp: ends[TopicPartition(*tp)] for tp in owned}

    def _owned(self, consumer: Any) -> dict[str, Any]:
        prefix = self._settings.topic_prefix
        return {
            f"{tp.topic.removeprefix(prefix)}/{tp.partition}": tp
            for tp in consumer.assignment()
            if tp.topic.removeprefix(prefix) in self._sources
        }

    async def _confirmed(self, consumer: Any, tp: Any) -> int | None:
        """The offset below which everything is durable, or None while that is not known."""
        lane = self._host.lanes.get(tp)
        done = lane.done_upto if lane is not None else None
        if lane is not None and len(lane):
            return done
        handed = consumer.handed.get(tp)
        if handed is not None and (done is None or done <= handed):
            return done  # Handed over and on its way to the lane.
        assignment = self._host.app.rebalancing_count
        position, read_in, valid_in = self._idle.get(tp, (None, -1, -1))
        if valid_in != assignment:
            position = None
        if position is not None and consumer.rounds > read_in:
            done = max(position, done or 0)
            if self._noted.get(tp, done + 1) <= done:
                return done  # Nothing lies behind it, so there is nothing to ask: most partitions are at rest.
        latest = await consumer.position(tp)
        if latest is not None and latest != position:
            self._idle[tp] = (latest, consumer.rounds, assignment)
        return done

    async def _count_sources(self) -> dict[str, int]:
        names = {self._settings.topic(topic): topic for topic in self._host.binding.topics}
        counts: dict[str, int] = {}
        for tp in await partitions_of(self._settings, list(names)):
            counts[names[tp.topic]] = counts.get(names[tp.topic], 0) + 1
        return counts
