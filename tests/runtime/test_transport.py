"""Batches of one partition as single events: what is handed over, what counts as a round, what may be committed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchError, FetchResult, PartitionRecords
from aiokafka.errors import ConsumerStoppedError, CorruptRecordException, OffsetOutOfRangeError
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition
from faust.types import TP

from stream_app.pipeline.ports import Incoming
from stream_app.runtime import faust_app, transport
from stream_app.runtime.transport import MAX_BATCH, BatchConsumer, BatchTransport, CommittedFetchThread
from stream_app.settings import Settings

WHY = "docs/engine.md section 2"
ONE, TWO, OTHER = TP("tool-call", 0), TP("tool-call", 1), TP("call-ended", 0)


def records(tp: TP, *offsets: int) -> list[Incoming]:
    return [Incoming(tp.topic, tp.partition, offset, 5_000, b"k", b"{}") for offset in offsets]


class Rounds:
    """The consumer of a stage whose next fetch is given; nothing is asked of a broker."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.app = faust_app.build(Settings(), "intake", ("tool-call",), None, tmp_path)[0]
        self.consumer: Any = self.app.consumer
        self.app.consumer_generation_id = 3
        self.fetched: dict[TP, list[Incoming]] | None = {}
        self.active: set[TP] | None = {ONE, TWO}
        self.seeks = 0
        self.during: Callable[[], None] = lambda: None

        async def next_records(timeout: float) -> Any:
            assert timeout == 5.0
            self.during()
            return self.fetched, self.active

        async def seek() -> None:
            self.seeks += 1

        monkeypatch.setattr(self.consumer, "_wait_next_records", next_records)
        monkeypatch.setattr(self.consumer, "perform_seek", seek)
        self.consumer.flow_active = True

    async def round(self) -> list[tuple[TP, Any]]:
        return [one async for one in self.consumer.getmany(5.0)]


@pytest.fixture
def rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rounds:
    return Rounds(tmp_path, monkeypatch)


async def test_an_app_has_our_transport_consumer_and_thread(rounds: Rounds) -> None:
    app = rounds.app
    assert isinstance(app.transport, BatchTransport)
    assert isinstance(app.consumer, BatchConsumer)
    thread = app.consumer._new_consumer_thread()
    assert isinstance(thread, CommittedFetchThread)
    client = thread._create_worker_consumer(app.transport)
    assert client._fetch_max_wait_ms == transport.FETCH_WAIT_MS < 250, "below the clock's interval"
    assert 1 < client._fetch_min_bytes == transport.FETCH_MIN_BYTES < client._max_partition_fetch_bytes
    assert client._max_partition_fetch_bytes == transport.PARTITION_FETCH_BYTES
    assert client._fetch_max_bytes == transport.FETCH_BYTES
    assert client._isolation_level == "read_committed", "docs/engine.md section 3"
    assert client._enable_auto_commit is False
    assert client._auto_offset_reset == "earliest"
    assert client._group_id == "stream-app-intake"


async def test_seal_asks_for_each_order_as_it_comes(tmp_path: Path) -> None:
    app = faust_app.build(Settings(), "seal", ("seal-orders",), None, tmp_path)[0]
    client = app.consumer._new_consumer_thread()._create_worker_consumer(app.transport)
    assert (client._fetch_min_bytes, client._fetch_max_wait_ms) == (1, transport.FETCH_WAIT_MS)


async def test_a_partition_s_records_are_one_event_named_by_the_last_of_them(rounds: Rounds) -> None:
    rounds.fetched = {ONE: records(ONE, 4, 5, 9), TWO: records(TWO, 1)}
    handed = await rounds.round()
    assert [(tp, message.offset, [one.offset for one in message.value]) for tp, message in handed] == [
        (ONE, 9, [4, 5, 9]),
        (TWO, 1, [1]),
    ]
    message = handed[0][1]
    assert (message.topic, message.partition, message.timestamp, message.generation_id) == ("tool-call", 0, 5.0, 3)
    assert message.tp == ONE


async def test_a_long_fetch_comes_in_batches_and_the_partitions_take_turns(rounds: Rounds) -> None:
    rounds.fetched = {ONE: records(ONE, *range(2 * MAX_BATCH + 1)), TWO: records(TWO, 7)}
    handed = [(tp.partition, len(message.value), message.offset) for tp, message in await rounds.round()]
    assert handed == [
        (0, MAX_BATCH, MAX_BATCH - 1),
        (1, 1, 7),
        (0, MAX_BATCH, 2 * MAX_BATCH - 1),
        (0, 1, 2 * MAX_BATCH),
    ], "no record twice, none left out, and a short partition does not wait for a long one"


async def test_partitions_that_are_not_active_are_left_out(rounds: Rounds) -> None:
    rounds.fetched = {ONE: records(ONE, 1), OTHER: records(OTHER, 1), TWO: []}
    assert [tp for tp, _ in await rounds.round()] == [ONE]
    rounds.active = None
    assert [tp for tp, _ in await rounds.round()] == [ONE, OTHER], "None means all"


async def test_what_was_handed_over_is_known_at_once_and_a_round_counts_when_it_has_ended(rounds: Rounds) -> None:
    rounds.fetched = {ONE: records(ONE, 4, 5), TWO: records(TWO, 9)}
    seen = []
    async for tp, message in rounds.consumer.getmany(5.0):
        assert rounds.consumer.handed[tp] == message.offset, "before anybody else can see the record"
        assert rounds.consumer.rounds == 0
        seen.append(message.offset)
    assert seen == [5, 9]
    assert rounds.consumer.rounds == 1
    assert rounds.consumer.handed == {ONE: 5, TWO: 9}


async def test_a_round_that_is_broken_off_does_not_count(rounds: Rounds) -> None:
    rounds.fetched = {ONE: records(ONE, 4), TWO: records(TWO, 9)}
    batches = rounds.consumer.getmany(5.0)
    await anext(batches)
    await batches.aclose()
    assert rounds.consumer.rounds == 0
    assert rounds.consumer.handed == {ONE: 4}


async def test_after_a_rebalance_nothing_more_of_the_fetch_is_handed_over(rounds: Rounds) -> None:
    rounds.fetched = {ONE: records(ONE, 4), TWO: records(TWO, 9)}
    batches = rounds.consumer.getmany(5.0)
    await anext(batches)
    rounds.app.consumer_generation_id = 4
    assert [one async for one in batches] == [], "its positions are sought anew"
    assert rounds.consumer.rounds == 0


async def test_a_fetch_that_comes_while_the_flow_is_stopped_is_dropped_and_fetched_again(rounds: Rounds) -> None:
    rounds.fetched = {ONE: records(ONE, 4)}

    def stop() -> None:
        rounds.consumer.flow_active = False

    rounds.during = stop
    assert await rounds.round() == []
    assert rounds.seeks == 1, "or these records would never come"
    assert (rounds.consumer.rounds, rounds.consumer.handed) == (0, {})


async def test_a_fetch_that_a_seek_overtakes_is_dropped_and_fetched_again(rounds: Rounds) -> None:
    """Seen under chaos: what was fetched before the seek to the committed offsets came behind it, from anywhere."""
    rounds.fetched = {ONE: records(ONE, 1203)}

    def overtake() -> None:
        rounds.consumer.seeks += 1

    rounds.during = overtake
    assert await rounds.round() == []
    assert rounds.seeks == 1, "whether it was fetched before or behind the seek nobody knows"
    assert rounds.consumer.handed == {}


async def test_a_seek_under_way_drops_what_is_fetched_and_what_is_left_of_a_fetch(rounds: Rounds) -> None:
    rounds.fetched = {ONE: records(ONE, 4), TWO: records(TWO, 9)}
    rounds.consumer._seeking = 1
    assert await rounds.round() == []
    rounds.consumer._seeking = 0
    batches = rounds.consumer.getmany(5.0)
    await anext(batches)
    rounds.consumer._seeking = 1
    assert [one async for one in batches] == []
    assert rounds.consumer.rounds == 0


async def test_a_batch_carries_how_many_seeks_were_done_before_its_fetch(rounds: Rounds) -> None:
    rounds.fetched = {ONE: records(ONE, 4)}
    rounds.consumer.seeks = 7
    ((_, message),) = await rounds.round()
    assert message.key == 7


async def test_faust_remembers_no_read_offset_below_which_it_would_drop(rounds: Rounds) -> None:
    kept = rounds.consumer._read_offset
    kept[ONE] = 1203
    kept.update({ONE: 1203})
    assert kept[ONE] is None
    assert kept.pop(ONE, None) is None


async def test_a_seek_to_the_committed_offsets_goes_to_the_beginning_where_nothing_was_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer: Any = faust_app.build(Settings(), "intake", ("tool-call",), None, tmp_path)[0].consumer
    begun: list[TP] = []

    async def committed() -> dict[TP, int | None]:
        assert consumer._seeking == 1
        return {ONE: 71, TWO: None, OTHER: 0}

    async def beginning(*tps: TP) -> None:
        begun.extend(tps)

    monkeypatch.setattr(consumer, "seek_to_committed", committed)
    monkeypatch.setattr(consumer._thread, "seek_to_beginning", beginning)
    await consumer.perform_seek()
    assert set(begun) == {TWO, OTHER}, "Faust would leave them where they are, behind what was fetched"
    assert (consumer.seeks, consumer._seeking, consumer._committed_offset[ONE]) == (1, 0, 71)


async def test_a_seek_that_fails_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    consumer: Any = faust_app.build(Settings(), "intake", ("tool-call",), None, tmp_path)[0].consumer

    async def fail(*_: Any) -> None:
        raise TimeoutError

    monkeypatch.setattr(consumer, "seek_to_committed", fail)
    with pytest.raises(TimeoutError):
        await consumer.perform_seek()
    assert (consumer.seeks, consumer._seeking) == (0, 0)


async def test_a_batch_is_committed_by_its_last_record_once(rounds: Rounds) -> None:
    consumer = rounds.consumer
    consumer._committed_offset[ONE] = 4
    consumer._acked[ONE].extend([9, 12])
    consumer._acked_index[ONE].update([9, 12])
    assert consumer._new_offset(ONE) == 13, "the offsets between are in the batches, or control records: no gaps"
    assert consumer._new_offset(ONE) is None
    assert consumer._new_offset(TWO) is None
    assert not consumer._acked_index[ONE], "or it would grow for ever"


async def test_gaps_are_not_remembered(rounds: Rounds) -> None:
    """Faust holds one entry for every offset that a compacted or transactional topic leaves out."""
    await rounds.consumer._add_gap(ONE, 0, 1_000_000)
    assert not rounds.consumer._acked[ONE]


async def test_the_schema_passes_the_list_on_undecoded(rounds: Rounds) -> None:
    tp, message = ONE, transport._message(ONE, records(ONE, 1, 2), 3, 0)
    decode = transport.BatchSchema(key_type=bytes, value_type=bytes).compile(rounds.app)
    event = await decode(message)
    assert event.value is message.value
    assert event.message is message
    assert (tp, event.message.offset) == (ONE, 2)


class Fetched(FetchResult):  # type: ignore[misc]
    """What the client keeps of one fetch of a partition: one batch, and whether the position is still there."""

    def __init__(self, tp: TP, raw: bytes, *, stands: bool = True) -> None:
        place = TopicPartition(tp.topic, tp.partition)
        self._partition_records = PartitionRecords(place, MemoryRecords(raw), [], 0, None, None, True, READ_COMMITTED)
        self.stands = stands
        self.position = 0

    def check_assignment(self, tp: TP) -> bool:
        return self.stands

    def _update_position(self) -> None:
        self.position = self._partition_records.next_fetch_offset


def batch(*values: bytes) -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 1 << 20)
    for number, value in enumerate(values):
        builder.append(number, 5_000, b"k", value, [])
    return bytes(builder.build())


class Client:
    """The client as the consumer's thread asks it: what was fetched, and whether a fetch may go."""

    def __init__(self) -> None:
        self._closed = False
        self._fetcher = self
        self._subscriptions = self
        self._records: dict[TP, Any] = {}
        self._wait_consume_future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.reassignment_in_progress = False
        self.waiters: list[asyncio.Future[None]] = []
        self.reading = 0

    @contextmanager
    def fetch_context(self) -> Iterator[None]:
        self.reading += 1
        yield
        self.reading -= 1

    def is_assigned(self, tp: TP) -> bool:
        return tp != OTHER

    def _notify(self, future: asyncio.Future[None]) -> None:
        if not future.done():
            future.set_result(None)

    def _create_fetch_waiter(self) -> asyncio.Future[None]:
        self.waiters.append(asyncio.get_running_loop().create_future())
        return self.waiters[-1]

    async def wait_for_assignment(self) -> None:
        self.reassignment_in_progress = False


class Thread:
    """The consumer's thread, without a thread."""

    def __init__(self, tmp_path: Path) -> None:
        app = faust_app.build(Settings(topic_prefix="tool-"), "intake", ("tool-call",), None, tmp_path)[0]
        app.consumer.flow_active = True
        self.consumer = app.consumer
        self.client = Client()
        self._thread = app.consumer._new_consumer_thread()

    async def fetch(self, *active: TP, timeout: float = 0.0) -> dict[TP, list[Incoming]]:
        found: dict[TP, list[Incoming]] = await self._thread._fetch_records(self.client, set(active), timeout=timeout)
        return found


@pytest.fixture
async def thread(tmp_path: Path) -> Thread:
    return Thread(tmp_path)


async def test_what_was_fetched_is_taken_whole_and_lets_the_next_fetch_go(thread: Thread) -> None:
    held = thread.client._records = {ONE: Fetched(ONE, batch(b"a", b"b")), TWO: Fetched(TWO, batch(b"c"))}
    one, two = held[ONE], held[TWO]
    found = await thread.fetch(ONE, TWO)
    assert [(tp, [record.value for record in records]) for tp, records in found.items()] == [
        (ONE, [b"a", b"b"]),
        (TWO, [b"c"]),
    ]
    assert found[ONE][0] == Incoming("call", 0, 0, 5_000, b"k", b"a"), "without the prefix"
    assert (one.position, two.position) == (2, 1)
    assert held == {}
    assert thread.client._wait_consume_future.done()
    assert thread.client.reading == 0
    assert await thread.fetch(ONE, TWO) == {}


async def test_of_what_is_not_asked_for_only_that_of_lost_partitions_is_dropped(thread: Thread) -> None:
    thread.client._records = {tp: Fetched(tp, batch(b"a")) for tp in (ONE, TWO, OTHER)}
    assert set(await thread.fetch(ONE)) == {ONE}
    assert set(thread.client._records) == {TWO}, "it is asked for later, and lies there"


async def test_what_stands_at_no_position_any_more_is_dropped(thread: Thread) -> None:
    overtaken = Fetched(ONE, batch(b"a"), stands=False)
    thread.client._records = {ONE: overtaken}
    assert await thread.fetch(ONE) == {}
    assert (overtaken.position, thread.client._records) == (0, {}), "it is fetched again, from where the seek went"


async def test_a_damaged_fetch_is_raised_and_the_position_stands(thread: Thread) -> None:
    damaged = Fetched(ONE, batch(b"a", b"b")[:-1] + b"?")
    thread.client._records = {ONE: damaged}
    with pytest.raises(CorruptRecordException):
        await thread.fetch(ONE)
    assert (damaged.position, thread.client._records) == (0, {}), "no record of it is jumped over"


async def test_an_error_of_a_fetch_is_raised_behind_what_others_brought(thread: Thread) -> None:
    error = FetchError(error=OffsetOutOfRangeError(), backoff=0)
    thread.client._records = {ONE: Fetched(ONE, batch(b"a")), TWO: error}
    assert set(await thread.fetch(ONE, TWO)) == {ONE}
    with pytest.raises(OffsetOutOfRangeError):
        await thread.fetch(ONE, TWO)
    assert thread.client._records == {}


async def test_a_fetch_is_waited_for_and_never_for_longer_than_asked(thread: Thread) -> None:
    fetching = asyncio.create_task(thread.fetch(ONE, timeout=30))
    while not thread.client.waiters:  # noqa: ASYNC110
        await asyncio.sleep(0)
    thread.client._records = {ONE: Fetched(ONE, batch(b"a"))}
    thread.client.waiters[0].set_result(None)
    assert set(await fetching) == {ONE}
    assert await thread.fetch(ONE, timeout=0.01) == {}
    assert thread.client.waiters[1].cancelled()


async def test_nothing_is_taken_while_the_flow_is_stopped_or_the_client_closed(thread: Thread) -> None:
    held = thread.client._records = {ONE: Fetched(ONE, batch(b"a"))}
    thread.consumer.flow_active = False
    assert await thread.fetch(ONE) == {}
    thread.consumer.flow_active = True
    thread.client._closed = True
    with pytest.raises(ConsumerStoppedError):
        await thread.fetch(ONE)
    assert set(held) == {ONE}


async def test_an_assignment_under_way_is_waited_for(thread: Thread) -> None:
    thread.client.reassignment_in_progress = True
    assert await thread.fetch(ONE) == {}
    assert not thread.client.reassignment_in_progress
