"""The only place that asks, for a stage's health, from outside of the stage: connections of its own, no consumer group.

How far the input goes is the broker's word, not the stage's: a consumer that hangs sees no end move. What lies between
the done offset and the end may be nothing but control records of transactions, which no stage is ever handed; so a
partition that does not move is looked into before it counts as behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from stream_app.pipeline.ports import ObjectMissing, ObjectStore
from stream_app.runtime.health import StageHealth
from stream_app.settings import Settings
from stream_app.topics import SEAL_RETRY

PROBE_S = 5.0
TIMEOUT_S = 5.0
"""Half of what it takes together fits twice into `health.RECENT_S`: one lost answer is no outage."""
LOOK_S = 1.5
PATIENT = (SEAL_RETRY.name,)
"""Topics whose records wait for their time: to stand still is what they are for."""

StoreCheck = Callable[[], Awaitable[None]]


def store_check(store: ObjectStore, packet_bucket: str) -> StoreCheck:
    """Asks the packet bucket for an object that is not there: "no such object" is the answer of a store that works."""

    async def check() -> None:
        try:
            await store.head(f"s3://{packet_bucket}/.health")
        except ObjectMissing:
            return

    return check


@dataclass(frozen=True, slots=True)
class _Seen:
    """A partition with offsets between what is done and its end: whether a record is among them, as far as known."""

    upto: int
    end: int
    record: bool
    looked: bool


class Probe:
    """Asks every PROBE_S and tells `health`; `run` until cancelled."""

    def __init__(self, settings: Settings, health: StageHealth, store: StoreCheck | None) -> None:
        self._settings = settings
        self._health = health
        self._store = store
        self._consumer: Any = None
        self._started_at: dict[str, int] = {}
        """Partition -> the offset that the group had committed when it was assigned here."""
        self._seen: dict[str, _Seen] = {}

    async def run(self) -> None:
        """The broker and the store side by side: neither's silence delays the other's answer."""
        try:
            await asyncio.gather(self._every(self.ask_broker), self._every(self.ask_store))
        finally:
            await self._close()

    async def _every(self, ask: Callable[[], Awaitable[None]]) -> None:
        while True:
            await ask()
            await asyncio.sleep(PROBE_S)

    async def ask_store(self) -> None:
        """Whether the object store answers, where the stage needs it."""
        if self._store is None:
            return
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self._store()
            self._health.answered("store")
        except Exception as error:
            self._health.failed("store", _words(error))

    async def ask_broker(self) -> None:
        """Where the inputs end, and so whether the broker answers."""
        done = self._health.owned()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                consumer = await self._open()
                tps = {name: self._tp(name) for name in done}
                if tps:
                    found = await consumer.end_offsets(list(tps.values()))
                    ends = {name: found[tp] for name, tp in tps.items()}
                else:
                    ends = {}
                    await consumer.topics()
                await self._learn_starts([name for name, upto in done.items() if upto is None])
            self._health.answered("broker")
            self._started_at = {name: at for name, at in self._started_at.items() if name in done}
            self._seen = {name: seen for name, seen in self._seen.items() if name in done}
            await self._measure(consumer, done, ends)
        except Exception as error:
            self._health.failed("broker", f"{self._settings.kafka_bootstrap}: {_words(error)}")
            await self._close()  # The next round connects anew: what is left of a broken connection proves nothing.

    async def _measure(self, consumer: Any, done: dict[str, int | None], ends: dict[str, int]) -> None:
        """Tell how far each partition is behind, after a look into those that did not move since the last round."""
        reached = {name: self._started_at.get(name, 0) if upto is None else upto for name, upto in done.items()}
        behind = [name for name, end in ends.items() if end > reached[name]]
        doubtful = {name: reached[name] for name in behind if self._doubtful(name, reached[name], ends[name])}
        records = await self._look(consumer, doubtful) if doubtful else set()
        for name in behind:
            if name in doubtful:
                self._seen[name] = _Seen(reached[name], ends[name], name in records, looked=True)
            elif self._seen[name].upto != reached[name]:
                self._seen[name] = _Seen(reached[name], ends[name], record=True, looked=False)
        for name, end in ends.items():
            waiting = name in behind and self._seen[name].record and name.rpartition("/")[0] not in PATIENT
            self._health.lag(name, end - reached[name] if waiting else 0)

    def _doubtful(self, name: str, upto: int, end: int) -> bool:
        """Whether it stands where it stood, and it is not known what lies ahead; what moves needs no look."""
        seen = self._seen.get(name)
        if seen is None:
            return True
        if seen.upto != upto:
            return False
        return not seen.looked or (not seen.record and seen.end != end)

    async def _look(self, consumer: Any, spots: dict[str, int]) -> set[str]:
        """Those of the partitions where a committed record lies at the given offset or behind it."""
        tps = {self._tp(name): name for name in spots}
        found: set[str] = set()
        consumer.assign(list(tps))
        try:
            for tp, name in tps.items():
                consumer.seek(tp, spots[name])
            loop = asyncio.get_running_loop()
            until = loop.time() + LOOK_S
            while len(found) < len(tps) and (left := until - loop.time()) > 0:
                waiting = [tp for tp, name in tps.items() if name not in found]
                fetched = await consumer.getmany(*waiting, timeout_ms=int(left * 1000), max_records=1)
                found |= {tps[tp] for tp, records in fetched.items() if records}
        finally:
            consumer.unsubscribe()
        return found

    async def _learn_starts(self, names: list[str]) -> None:
        """What the group had committed before this process did anything; 0 where it never had."""
        unknown = [name for name in names if name not in self._started_at]
        if not unknown:
            return
        admin = AIOKafkaAdminClient(
            bootstrap_servers=self._settings.kafka_bootstrap, request_timeout_ms=int(TIMEOUT_S * 1000)
        )
        try:
            await admin.start()
            tps = [self._tp(name) for name in unknown]
            group = self._settings.group(self._health.stage)
            found = await admin.list_consumer_group_offsets(group, partitions=tps)
        finally:
            await admin.close()
        for name, tp in zip(unknown, tps, strict=True):
            self._started_at[name] = max(0, found[tp].offset) if tp in found else 0

    async def _open(self) -> Any:
        if self._consumer is None:
            self._consumer = AIOKafkaConsumer(
                bootstrap_servers=self._settings.kafka_bootstrap,
                client_id=f"{self._settings.app_id}-health",
                enable_auto_commit=False,
                isolation_level="read_committed",
                auto_offset_reset="earliest",
                request_timeout_ms=int(TIMEOUT_S * 1000),
                fetch_max_wait_ms=100,
            )
            await self._consumer.start()
        return self._consumer

    async def _close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    await consumer.stop()
            except Exception:
                pass

    def _tp(self, name: str) -> TopicPartition:
        topic, _, partition = name.rpartition("/")
        return TopicPartition(self._settings.topic(topic), int(partition))


def _words(error: BaseException) -> str:
    name, said = type(error).__name__, str(error)
    return said if said.startswith(name) else f"{name}: {said}" if said else name
