"""Batches of one partition as single events: what is handed over, what counts as a round, what may be committed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP

from stream_app.runtime import faust_app, transport
from stream_app.runtime.transport import MAX_BATCH, BatchConsumer, BatchTransport, CommittedFetchThread
from stream_app.settings import Settings

WHY = "docs/engine.md section 2"
ONE, TWO, OTHER = TP("tool-call", 0), TP("tool-call", 1), TP("call-ended", 0)


@dataclass
class Record:
    """What the client hands over."""

    topic: str
    partition: int
    offset: int
    timestamp: int = 5_000
    timestamp_type: int = 1
    key: bytes | None = b"k"
    value: bytes | None = b"{}"
    headers: tuple[tuple[str, bytes], ...] = ()


def records(tp: TP, *offsets: int) -> list[Record]:
    return [Record(tp.topic, tp.partition, offset) for offset in offsets]


class Rounds:
    """The consumer of a stage whose next fetch is given; nothing is asked of a broker."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.app = faust_app.build(Settings(), "intake", ("tool-call",), None, tmp_path)[0]
        self.consumer: Any = self.app.consumer
        self.app.consumer_generation_id = 3
        self.fetched: dict[TP, list[Record]] | None = {}
        self.active: set[TP] | None = {ONE, TWO}
        self.pauses: list[float] = []
        self.seeks = 0
        self.during: Callable[[], None] = lambda: None

        async def next_records(timeout: float) -> Any:
            assert timeout == 5.0
            self.during()
            return self.fetched, self.active

        async def sleep(seconds: float) -> None:
            self.pauses.append(seconds)

        async def seek() -> None:
            self.seeks += 1

        monkeypatch.setattr(self.consumer, "_wait_next_records", next_records)
        monkeypatch.setattr(self.consumer, "perform_seek", seek)
        monkeypatch.setattr(asyncio, "sleep", sleep)
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
    assert client._isolation_level == "read_committed", "docs/engine.md section 3"
    assert client._enable_auto_commit is False
    assert client._auto_offset_reset == "earliest"
    assert client._group_id == "stream-app-intake"


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


@pytest.mark.parametrize(
    ("count", "lingers"), [(0, 0), (1, 1), (transport.FULL_ROUND - 1, 1), (transport.FULL_ROUND, 0)]
)
async def test_only_a_small_round_is_followed_by_a_pause(rounds: Rounds, count: int, lingers: int) -> None:
    rounds.fetched = {ONE: records(ONE, *range(count))}
    await rounds.round()
    assert rounds.pauses == [transport.LINGER_S] * lingers


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
