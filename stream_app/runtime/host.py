"""The only place where a stage meets its partitions: lanes open on assignment, close on revocation, feed on records."""

from __future__ import annotations

import asyncio
import logging
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import faust

from stream_app.pipeline.ports import Incoming
from stream_app.runtime import faust_app, stores
from stream_app.runtime.allocator import AfterBursts, give_back, resident
from stream_app.runtime.client import Publisher, partitions_of
from stream_app.runtime.durable import Durable, Unfenced
from stream_app.runtime.lane import Ack, Lane
from stream_app.runtime.ownership import Owned
from stream_app.runtime.progress import Progress, row_key
from stream_app.runtime.record_batches import Partitioner
from stream_app.runtime.state_dir import take_slot
from stream_app.runtime.tables import TablePartition
from stream_app.settings import Settings, StageName
from stream_app.telemetry import Recorder
from stream_app.topics import TOPICS

log = logging.getLogger(__name__)

MEASURE_S = 2.0
EXIT_FAILED = 70
"""The stage met something it cannot go on from; the supervisor starts it anew from what is durable."""


class AnyLane(Protocol):
    """What the host needs of a lane."""

    name: str
    closed: bool
    done_upto: int | None

    def __len__(self) -> int: ...

    async def submit(self, records: list[Incoming], ack: Ack) -> None:
        """Queue one batch."""

    async def close(self, drain_s: float) -> None:
        """Finish or give up what was begun."""


class Binding(ABC):
    """A stage as the host runs it; `runtime.bindings` has one for each."""

    stage: ClassVar[StageName]
    topics: tuple[str, ...]
    table: ClassVar[str | None]

    async def start(self, host: Host) -> None:
        """Once, before any record."""
        return

    @abstractmethod
    def open(self, host: Host, topic: str, partition: int, durable: Durable, rows: TablePartition | None) -> AnyLane:
        """A lane for a partition that was just assigned (and, with a table, recovered)."""

    def local_rows(self, _key: bytes, _row: bytes) -> tuple[tuple[bytes, bytes], ...]:
        """Rows that only the local store keeps, of a row that is replayed."""
        return ()

    def closed(self, topic: str, partition: int) -> None:
        """The partition is gone."""
        return

    def measure(self) -> None:
        """Every few seconds: set the gauges."""
        return

    async def answer(self, question: Mapping[str, Any]) -> dict[int, Any]:
        """What people ask of the rows here (`runtime.questions`): an answer for each partition, none without rows."""
        return {}

    async def stop(self) -> None:
        """Once, after the last lane was closed."""
        return


class InputLost(Exception):
    """The state has folded more of an input topic than there is."""


class Host:
    """Runs one stage as one Faust app. Lanes belong to a generation; records of an older one are never acknowledged."""

    def __init__(self, settings: Settings, binding: Binding, recorder: Recorder) -> None:
        self.settings = settings
        self._recorder = recorder
        self.binding = binding
        datadir, self._slot_lock = take_slot(settings.state_dir, settings.group(binding.stage))
        self.app, source, self._table = faust_app.build(settings, binding.stage, binding.topics, binding.table, datadir)
        self.publisher = Publisher(settings)
        self.lanes: dict[Any, AnyLane] = {}
        self._partitioner = Partitioner()
        self._names = {topic.name: settings.topic(topic.name) for topic in TOPICS}
        self.unfenced = Unfenced(self.publisher)
        self._owned: Owned | None = None
        self._changed = asyncio.Condition()
        self._announced = False
        self._fresh_after = 0
        """Seeks of the consumer when the lanes were opened, or the ones before closed: Faust seeks to the committed
        offsets after that, and what was fetched before begins anywhere. Taken, it would jump over what lies between."""
        self._closing: set[str] = set()
        """Names of lanes that are being closed."""
        self._given_up: int | None = None
        """Generation whose lanes were closed: a record of it beside or behind them would jump over what they left."""
        self.app.on_partitions_revoked.connect(self._on_revoked)
        if self._table is not None:
            self._table.on_recover(self._on_recovered)
        else:
            self.app.on_partitions_assigned.connect(self._on_assigned)
        self.app.task(self._measure)
        self.app.agent(source, name=f"{binding.stage}-stage")(self._consume)

    def fail(self, where: str, error: BaseException) -> None:
        """End the process at once: what is not acknowledged comes again, in a fresh one.

        A lane that is being closed may fail: one that shares its store was cut off in a commit, say. Nothing of it was
        acknowledged, and its partition is about to go.
        """
        if where in self._closing:
            log.info("a lane that was being closed has failed (%s): %r", where, error)
            return
        log.error("stage %s cannot go on (%s)", self.binding.stage, where, exc_info=error)
        if stores.distrust(self.app, error):
            log.error("a local store is damaged: the next start removes the stores here and replays them")
        logging.shutdown()
        os._exit(EXIT_FAILED)

    async def _measure(self) -> None:
        """Set the gauges every few seconds, from what is known without asking the broker."""
        after = AfterBursts()
        while True:
            await asyncio.sleep(MEASURE_S)
            ready = self._announced and not self.app.rebalancing
            self._recorder.stage_up(self.binding.stage, up=ready)
            if ready:
                lag = self._lag()
                self._recorder.stage_lag(self.binding.stage, records=lag)
                self.binding.measure()
                if after.due(lag, resident()):
                    for table in list(self._owned.tables.values()) if self._owned is not None else ():
                        table.settle()
                    await asyncio.to_thread(give_back)

    def _lag(self) -> int:
        """Records behind the ends that the last fetches told, over the owned partitions."""
        consumer, lag = self.app.consumer, 0
        sources = {self.settings.topic(topic) for topic in self.binding.topics}
        for tp in consumer.assignment():
            if tp.topic not in sources:
                continue
            lane = self.lanes.get(tp)
            done = lane.done_upto if lane is not None else None
            if done is None:  # Nothing was done since the start: what the group had committed before.
                done = consumer._committed_offset.get(tp)
            end = consumer.highwater(tp)
            if end is not None:
                lag += max(0, end - (done or 0))
        return lag

    async def open(self) -> None:
        """Connect the producer and start what the binding needs; before the Faust app starts."""
        await self.publisher.__aenter__()
        if self._table is not None:
            stores.guard(self._table)
            changelog = self._table.changelog_topic_name
            self._names[changelog.removeprefix(self.settings.topic_prefix)] = changelog
            short = {full: topic for topic, full in self._names.items()}
            counts = Counter(short[one.topic] for one in await partitions_of(self.settings, self._names.values()))
            for topic, count in counts.items():
                self._partitioner.count(topic, count)
        await self.binding.start(self)

    async def close(self) -> None:
        """After the Faust app has stopped."""
        await self.close_lanes()
        await self.binding.stop()
        await self.publisher.__aexit__(None, None, None)

    async def _consume(self, stream: Any) -> None:
        try:
            async for event in stream.noack().events():
                tp, generation, seeks = event.message.tp, event.message.generation_id, event.message.key
                if generation != self.app.consumer_generation_id or generation == self._given_up:
                    continue  # Its partition was revoked meanwhile; it comes again from the committed offset.
                lane = await self._lane(tp, generation)
                if lane is not None and seeks > self._fresh_after:
                    records = event.value
                    event.value = event.message.value = None  # Its ack may be long in coming: keep no records for it.
                    await lane.submit(records, self._acker(event))
        except Exception as error:
            self.fail("consume", error)

    def _acker(self, event: Any) -> Ack:
        def ack(last_offset: int) -> None:
            if event.message.generation_id == self.app.consumer_generation_id:
                event.message.offset = last_offset  # Before its last record where a lane was paused in its midst.
                event.ack()

        return ack

    async def _lane(self, tp: Any, generation: int) -> AnyLane | None:
        """The partition's lane; one without a table opens with its first record."""
        lane = self.lanes.get(tp)
        if lane is None and self._table is None:
            lane = self.lanes[tp] = self._open(tp.topic, tp.partition, self.unfenced, None)
            if isinstance(lane, Lane) and lane.paused:
                self.app.consumer.pause_partitions({tp})
        while lane is None and generation == self.app.consumer_generation_id:
            async with self._changed:
                await asyncio.wait_for(self._changed.wait(), 60)
            lane = self.lanes.get(tp)
        return lane

    def pause(self, topic: str, partition: int) -> None:
        """Read this input partition no further."""
        tp = faust.types.TP(self.settings.topic(topic), partition)
        lane = self.lanes.get(tp)
        if isinstance(lane, Lane):
            lane.pause()
            self.app.consumer.pause_partitions({tp})

    async def resume(self, topic: str, partition: int) -> None:
        """Read a paused input partition on, from the first record that was not taken."""
        tp = faust.types.TP(self.settings.topic(topic), partition)
        lane = self.lanes.get(tp)
        if not isinstance(lane, Lane) or not lane.paused:
            return
        consumer = self.app.consumer
        # What was handed over before the pause must have come to the lane, or it would be taken behind the seek.
        while consumer.handed.get(tp, -1) >= lane.seen_upto and lane is self.lanes.get(tp):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        if lane is not self.lanes.get(tp):
            return  # Another generation reads it: from the committed offset, and not paused.
        if lane.resume_at is not None:
            await consumer.seek(tp, lane.resume_at)
        lane.resume()
        consumer.resume_partitions({tp})

    def _open(self, full_topic: str, partition: int, durable: Durable, rows: TablePartition | None) -> AnyLane:
        topic = full_topic.removeprefix(self.settings.topic_prefix)
        return self.binding.open(self, topic, partition, durable, rows)

    async def _on_assigned(self, _sender: Any, assigned: Any, *_args: Any, **_kwargs: Any) -> None:
        self._announce(len(assigned))

    async def _on_recovered(self) -> None:
        """Faust has set its own recovery aside: take the partitions over. It swallows errors, so none is raised here.

        A revocation may come at any await. Faust cancels us or not, as it happens: so the generation of the group and
        our own take-over (`_owned`, which a revocation drops at once) are looked at again before anything counts.
        """
        generation = self.app.consumer_generation_id
        await self._let_go()
        source = self.settings.topic(self.binding.topics[0])
        owned = sorted(tp.partition for tp in self.app.assignor.assigned_actives() if tp.topic == source)
        taking = Owned(self.settings, self._table, self.binding.stage, self._partitioner, self._names)
        self._owned = taking

        def stale() -> bool:
            given_up = self._given_up == generation  # Also by a revocation that came before `_owned` was set.
            return given_up or self._owned is not taking or self.app.consumer_generation_id != generation

        try:
            await taking.take(owned, self.binding.local_rows)
            if not stale():
                await self._check_inputs(taking)
            if stale():
                await taking.let_go()
                return
            self._fresh_after = self.app.consumer.seeks
            for topic in self.binding.topics:
                for partition in owned:
                    full = self.settings.topic(topic)
                    self.lanes[faust.types.TP(full, partition)] = self._open(
                        full, partition, taking.fenced[partition], taking.tables[partition]
                    )
            async with self._changed:
                self._changed.notify_all()
            self._announce(len(owned))
        except asyncio.CancelledError:
            await taking.let_go()
            raise
        except Exception as error:
            if stale() or self.app.should_stop:
                log.info("a take-over that was overtaken has ended: %r", error)
                await taking.let_go()
                return
            self.fail("recovery", error)

    async def _check_inputs(self, taken: Owned) -> None:
        """An input topic that was made anew would be skipped in silence, up to where the old one was folded."""
        for topic in self.binding.topics:
            tps = {faust.types.TP(self.settings.topic(topic), partition): partition for partition in taken.tables}
            ends = await self.app.consumer.highwaters(*tps) if tps else {}
            for tp, partition in tps.items():
                done = Progress.from_bytes(taken.tables[partition].get(row_key(topic, partition))).upto
                if (ends[tp] or 0) < done:
                    raise InputLost(
                        f"{tp.topic}/{partition} ends at {ends[tp]}; {self.binding.stage} has folded it up to {done}: "
                        "the topic was lost or made anew, and its changelog must be reset with it"
                    )

    async def _on_revoked(self, _sender: Any, *_args: Any, **_kwargs: Any) -> None:
        await self.close_lanes()
        self._fresh_after = self.app.consumer.seeks
        self.app.consumer.handed.clear()  # What comes next is counted from the committed offsets again.

    async def close_lanes(self) -> None:
        """Finish or give up what the lanes have begun; take no more records of this generation."""
        self._given_up = self.app.consumer_generation_id
        await self._let_go()

    async def _let_go(self) -> None:
        """Close the lanes and forget the partitions."""
        owned, self._owned = self._owned, None
        lanes, self.lanes = self.lanes, {}
        self._closing = {lane.name for lane in lanes.values()}
        await asyncio.gather(*(lane.close(self.settings.drain_s) for lane in lanes.values()))
        self._closing = set()
        for tp in lanes:
            self.binding.closed(tp.topic.removeprefix(self.settings.topic_prefix), tp.partition)
        if owned is not None:
            await owned.let_go()

    def _announce(self, partitions: int) -> None:
        if not self._announced:
            self._announced = True
            print(f"ready {self.binding.stage} ({partitions} partitions)", flush=True)
