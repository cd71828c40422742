"""The only place where Faust's consumer is extended: batches of one partition instead of records, committed ones only.

Stock Faust takes several turns of the event loop for every record. Here a batch of one partition's records passes as
one Faust event; it is acknowledged as a whole, by the offset of its last record. Private names relied on:
`Consumer._wait_next_records, _buffered_partitions, _acked, _acked_index, _new_offset, _add_gap, _read_offset,
_committed_offset, perform_seek`, `AIOKafkaConsumerThread._create_worker_consumer, _fetch_records`; of the client
`_fetch_max_wait_ms, _fetch_min_bytes, _fetch_max_bytes, _isolation_level, _fetcher, _closed`; of its fetcher `_closed,
_subscriptions, _records, _wait_consume_future, _notify, _create_fetch_waiter`; of what that keeps `check_assignment,
has_more, _partition_records, _update_position`.

It also remembers what it has handed over, round by round: the fetch position runs ahead of what the stage has seen, and
a partition that ends in a control record never delivers its last offset. Only "a whole fetch round has ended since the
position was read" proves that everything below it was handed over.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import faust
from aiokafka.consumer.fetcher import FetchError
from aiokafka.errors import ConsumerStoppedError
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import ConsumerMessage

from stream_app.pipeline.ports import Incoming
from stream_app.runtime.codec import unpacked

MAX_BATCH = 2000
"""Records of one partition that pass as one event: more cost latency, fewer cost turns of the event loop."""

FETCH_WAIT_MS = 60
FETCH_MIN_BYTES = 256 << 10
"""The broker gathers: it answers a fetch when so many bytes are there, or after this time with what there is. So the
records of all partitions go in one wave, which costs what one of them would, and none waits for longer. Were it to
answer at once, a fetch would bring the one record that came first, and the others would wait for the next. Faust waits
1,500 ms for a single byte.

The client has one fetch under way per broker, and it leaves out partitions whose records were not yet taken when it
began: a fetch that names only idle partitions holds back the busy ones for as long as it waits.
"""

PARTITION_FETCH_BYTES = 2 << 20
FETCH_BYTES = 16 << 20
"""What a fetch brings of one partition and of all, at most: from a backlog as much as makes one commit. The client's
own limits are 1 MB, which is twice the commits, and 50 MB, which intake with its many partitions would hold."""


class CommittedFetchThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Faust's consumer thread: it lets the broker gather for a moment, reads committed records only, and makes of each
    the record that stages know."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        consumer._fetch_min_bytes = FETCH_MIN_BYTES if self.consumer.transport.gathers else 1
        consumer._fetch_max_bytes = FETCH_BYTES
        consumer._isolation_level = "read_committed"  # Faust offers that only with its own transactions.
        return consumer

    async def _fetch_records(
        self, consumer: Any, active_partitions: set[Any], timeout: float = 0.0, max_records: int | None = None
    ) -> dict[Any, list[Incoming]]:
        """What the client has fetched, by partition; waits for it. `max_records` is not looked at: a fetch is taken
        whole, as with Faust's own setting."""
        if not self.consumer.flow_active:
            return {}
        fetcher = consumer._fetcher
        if consumer._closed or fetcher._closed:
            raise ConsumerStoppedError
        with fetcher._subscriptions.fetch_context():
            deadline = time.monotonic() + timeout
            while True:
                # What is fetched while partitions are assigned anew may belong to another member.
                if fetcher._subscriptions.reassignment_in_progress:
                    await fetcher._subscriptions.wait_for_assignment()
                drained = self._drained(fetcher, active_partitions)
                left = deadline - time.monotonic()
                if drained or left <= 0:
                    return drained
                waiter = fetcher._create_fetch_waiter()
                done, _ = await asyncio.wait([waiter], timeout=left)
                if not done or fetcher._closed:
                    waiter.cancel()
                    return {}
                waiter.result()

    def _drained(self, fetcher: Any, active: set[Any]) -> dict[Any, list[Incoming]]:
        """Take what lies there for these partitions, and let the client fetch more. Raises what a fetch has met."""
        drained: dict[Any, list[Incoming]] = {}
        prefix = self.consumer.transport.prefix
        for tp in list(fetcher._records):
            if active and tp not in active:
                if not fetcher._subscriptions.is_assigned(tp):
                    del fetcher._records[tp]
                continue
            found = fetcher._records[tp]
            if isinstance(found, FetchError) and drained:
                return drained  # It is raised next time.
            del fetcher._records[tp]
            fetcher._notify(fetcher._wait_consume_future)
            if isinstance(found, FetchError):
                found.check_raise()
            elif found.check_assignment(tp) and found.has_more():
                # If this raises, the position stands where it stood: all of it is fetched again.
                records = unpacked(found._partition_records, tp.topic.removeprefix(prefix))
                found._update_position()
                if records:
                    drained[tp] = records
        return drained


class _NoReadOffsets(dict[Any, Any]):
    """Stands where Faust remembers the last offset it passed on, and so drops what comes again below it.

    After a seek back that is a way to lose records: a batch that was on its way during the seek is remembered behind
    it, and everything below is dropped for good. Lanes know by themselves what they have.
    """

    def __missing__(self, _tp: Any) -> None:
        return None

    def __setitem__(self, _tp: Any, _offset: Any) -> None:
        return

    def update(self, *_offsets: Any, **_more: Any) -> None:
        """Remember nothing."""
        return


class BatchConsumer(driver.Consumer):  # type: ignore[misc]
    """Hands whole batches over; counts fetch rounds and knows the last offset handed over per partition.

    Faust lets records flow while partitions change hands, and seeks back to the committed offsets only then: what was
    fetched before that seek begins anywhere. So every batch carries how many seeks were done when its fetch began
    (`key` of its message), and what a seek has overtaken is dropped here; the host takes no batch from before its
    lanes were opened.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = _NoReadOffsets()
        self.rounds = 0
        self.handed: dict[Any, int] = {}
        self.handed_at: dict[Any, int] = {}
        """Time stamp of the last record handed over, ms."""
        self.seeks = 0
        """Seeks that were done. A fetch during which one was done, or is under way, proves nothing."""
        self._seeking = 0

    def _new_consumer_thread(self) -> CommittedFetchThread:
        return CommittedFetchThread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        """To the committed offsets; where nothing was committed, to the beginning (Faust would stay where it is)."""
        self._seeking += 1
        try:
            committed = await self.seek_to_committed()
            self._committed_offset.update({tp: offset for tp, offset in committed.items() if offset})
            unknown = [tp for tp, offset in committed.items() if not offset and not self._is_changelog_tp(tp)]
            if unknown:
                await self._thread.seek_to_beginning(*unknown)
            self.seeks += 1
        finally:
            self._seeking -= 1

    async def seek(self, partition: Any, offset: int) -> None:
        """One partition to this offset."""
        self._seeking += 1
        try:
            await super().seek(partition, offset)
            self.seeks += 1
        finally:
            self._seeking -= 1

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[Any, Any]]:
        """One fetch round: batches of the partitions in turn, each as the message of its last record."""
        seeks, seeking = self.seeks, self._seeking
        fetched, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if fetched is None or self.should_stop:
            return
        if not self.flow_active or seeking or not self._as_before(seeks):
            # What was fetched is dropped, so it must be fetched again.
            try:
                await self.perform_seek()
            except Exception as error:
                self.log.warning("could not seek back to the committed offsets: %r", error)
            return
        waiting = [
            (tp, records, 0)
            for tp, records in fetched.items()
            if records and (active is None or tp in active or tp in self._buffered_partitions)
        ]
        while waiting:
            behind = []
            for tp, records, start in waiting:
                if not self.flow_active or self.app.consumer_generation_id != generation or not self._as_before(seeks):
                    return
                batch = records[start : start + MAX_BATCH]
                self.handed[tp], self.handed_at[tp] = batch[-1].offset, batch[-1].timestamp_ms
                yield tp, _message(tp, batch, generation, seeks)
                if start + MAX_BATCH < len(records):
                    behind.append((tp, records, start + MAX_BATCH))
            waiting = behind
        self.rounds += 1

    def _as_before(self, seeks: int) -> bool:
        """Whether no seek was done since, and none is under way: a seek moves what was fetched away."""
        return self.seeks == seeks and not self._seeking

    def _new_offset(self, tp: Any) -> int | None:
        """The offset to commit. Lanes acknowledge in order, each batch by its last record: what is acknowledged last
        has everything below it, and offsets between (control records, compacted ones) are no gaps."""
        acked = self._acked[tp]
        if not acked:
            return None
        last: int = max(acked)
        acked.clear()
        self._acked_index[tp].clear()
        return last + 1

    async def _add_gap(self, tp: Any, offset_from: int, offset_to: int) -> None:
        """Nothing to remember: see `_new_offset`."""


def _message(tp: Any, batch: list[Incoming], generation: int, seeks: int) -> Any:
    last = batch[-1]
    return ConsumerMessage(
        tp.topic,
        tp.partition,
        last.offset,
        last.timestamp_ms / 1000.0,
        None,
        None,
        seeks,
        batch,
        None,
        0,
        0,
        tp,
        generation_id=generation,
    )


class BatchTransport(driver.Transport):  # type: ignore[misc]
    """Faust's aiokafka transport with our consumer."""

    Consumer = BatchConsumer

    def __init__(self, urls: Any, app: Any, *, prefix: str, gathers: bool = True) -> None:
        super().__init__(urls, app)
        self.gathers = gathers
        """Whether the broker gathers records for a moment; else it hands each over as it comes."""
        self.prefix = prefix
        """Of the topics' names: records are handed over without it."""


class BatchSchema(faust.Schema):  # type: ignore[misc]
    """Passes the list of records on as it is: Faust acknowledges what it cannot decode, so it never decodes."""

    def compile(self, app: Any, **_options: Any) -> Callable[..., Any]:
        """Faust asks for a decoder of messages; this one decodes nothing."""
        create = app.create_event

        async def decode(message: Any, **_options: Any) -> Any:
            return create(None, message.value, None, message)

        return decode
