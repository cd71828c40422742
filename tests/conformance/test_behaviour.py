"""What the libraries really do where the engine relies on it; the message says which section of docs/engine.md breaks.

What a test of the engine shows on the way is shown there: fences and aborted records in tests/runtime/test_ownership.py
and test_replay.py, Faust's time-outs in test_recovery.py, damaged stores in test_stores.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED
from faust.streams import _CStreamIterator
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Incoming
from stream_app.runtime import faust_app, transport
from stream_app.runtime.tables import TablePartition
from stream_app.settings import Settings
from tests.deployments import Deployment, deployment

ACKS = "docs/engine.md section 1"
BATCHES = "docs/engine.md section 2"
FENCED = "docs/engine.md section 3"
STORES = "docs/engine.md section 4"
HERE = TP("evidence", 0)


@pytest.fixture
def made(stack: Endpoints) -> Iterator[Deployment]:
    with deployment(stack, topics=("evidence",)) as one:
        yield one


def built(tmp_path: Path, settings: Settings | None = None) -> tuple[Any, Any]:
    app, _, table = faust_app.build(settings or Settings(), "join", ("evidence",), "join", tmp_path)
    return app, table


def record(offset: int) -> Incoming:
    return Incoming("evidence", 0, offset, 1_000, None, b"")


def test_streams_run_in_the_compiled_iterator() -> None:
    assert _CStreamIterator is not None, f"{ACKS}: the pure Python path acknowledges records of an old generation"


async def test_an_acknowledged_event_is_the_offset_to_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, _ = built(tmp_path)
    consumer = app.consumer
    monkeypatch.setattr(app.topics, "acks_enabled_for", lambda _topic: True)
    messages = [transport._message(HERE, [record(offset), record(offset + 4)], 3, 0) for offset in (10, 15)]
    events = [app.create_event(None, message.value, None, message) for message in messages]
    for message in messages:
        consumer.track_message(message)
        message.incref()
    assert consumer._filter_committable_offsets({HERE}) == {}, f"{ACKS}: nothing was acknowledged"
    events[0].ack()
    assert consumer._filter_committable_offsets({HERE}) == {HERE: 15}, ACKS
    assert consumer._filter_committable_offsets({HERE}) == {}, "once"
    consumer._committed_offset[HERE] = 15
    events[1].ack()
    assert consumer._filter_committable_offsets({HERE}) == {HERE: 20}, ACKS


async def test_faust_s_own_offset_to_commit_jumps_over_a_record_under_way(tmp_path: Path) -> None:
    """Why ours replaces it. Known answer: 5 is under way, 6 is acknowledged, 7 is what Faust commits."""
    app, _ = built(tmp_path)
    app.consumer._committed_offset[HERE] = 5
    app.consumer._acked[HERE].append(6)
    app.consumer._acked_index[HERE].add(6)
    assert driver.Consumer._new_offset(app.consumer, HERE) == 7, f"{ACKS}: Faust has mended it; read it again"


async def test_what_was_acknowledged_is_dropped_with_the_partition(tmp_path: Path) -> None:
    app, _ = built(tmp_path)
    app.consumer._acked[HERE].append(6)
    app.consumer._committed_offset[HERE] = 5
    app.consumer._on_partitions_revoked = lambda _revoked: asyncio.sleep(0)
    await app.consumer.on_partitions_revoked({HERE})
    assert not app.consumer._acked[HERE], f"{ACKS}: or it would be committed for another generation"


async def test_the_consumer_of_a_stage_really_reads_committed_records_and_waits_for_none(
    made: Deployment, tmp_path: Path
) -> None:
    """The private fields are set between construction and start; Faust offers neither."""
    app, _ = built(tmp_path, made.settings)
    thread = app.consumer._new_consumer_thread()
    client = thread._create_worker_consumer(app.transport)
    app.consumer.flow_active = True
    place = TopicPartition(made.settings.topic("evidence"), 0)
    async with AsyncExitStack() as stack:
        producer = AIOKafkaProducer(bootstrap_servers=made.settings.kafka_bootstrap, transactional_id="conformance")
        await producer.start()
        stack.push_async_callback(producer.stop)
        for value, commit in ((b"aborted", False), (b"committed", True)):
            await producer.begin_transaction()
            await producer.send_and_wait(place.topic, value, partition=0)
            await (producer.commit_transaction() if commit else producer.abort_transaction())
        await client.start()
        stack.push_async_callback(client.stop)
        assert client._fetcher._isolation_level == READ_COMMITTED, FENCED
        assert client._fetcher._fetch_max_wait_ms == transport.FETCH_WAIT_MS, BATCHES
        assert client._fetcher._fetch_min_bytes == transport.FETCH_MIN_BYTES, BATCHES
        assert client._fetcher._fetch_max_bytes == transport.FETCH_BYTES, BATCHES
        client.assign([place])
        client.seek(place, 0)
        values: list[bytes] = []
        end = time.monotonic() + 20
        while await client.position(place) < 4:
            assert time.monotonic() < end, f"{FENCED}: the position must pass the control records"
            fetched = await thread._fetch_records(client, {place}, timeout=0.2)
            assert {one.topic for records in fetched.values() for one in records} <= {"evidence"}
            values += [one.value for records in fetched.values() for one in records]
        assert values == [b"committed"], FENCED
        assert await thread._fetch_records(client, {place}, timeout=0.15) == {}
        client.seek(place, 0)
        until = time.monotonic() + 20
        while not (again := await thread._fetch_records(client, {place}, timeout=0.2)):
            assert time.monotonic() < until, f"{BATCHES}: a seek back brings the records again"
        assert [one.value for one in again[place]] == [b"committed"]
        began = time.monotonic()
        assert await thread._fetch_records(client, {place}, timeout=0.15) == {}
        assert time.monotonic() - began < 1.4, f"{BATCHES}: Faust's own fetch waits 1.5 s"


async def test_an_open_transaction_holds_back_the_end_of_the_log_for_committed_readers(made: Deployment) -> None:
    place = TopicPartition(made.settings.topic("evidence"), 0)
    async with AsyncExitStack() as stack:
        producer = AIOKafkaProducer(
            bootstrap_servers=made.settings.kafka_bootstrap, transactional_id="conformance-open"
        )
        consumer = AIOKafkaConsumer(bootstrap_servers=made.settings.kafka_bootstrap, isolation_level="read_committed")
        for one in (producer, consumer):
            await one.start()
            stack.push_async_callback(one.stop)
        await producer.begin_transaction()
        await producer.send_and_wait(place.topic, b"open", partition=0)
        assert await consumer.end_offsets([place]) == {place: 0}, f"{STORES}: so the fence stands before the ends"
        await producer.commit_transaction()
        end = time.monotonic() + 10
        while (await consumer.end_offsets([place]))[place] != 2:
            assert time.monotonic() < end, f"{STORES}: the control record takes an offset"
            await asyncio.sleep(0.05)


async def test_record_batches_are_confirmed_by_the_offset_of_their_first_record(made: Deployment) -> None:
    topic = made.settings.topic("evidence")
    producer = AIOKafkaProducer(
        bootstrap_servers=made.settings.kafka_bootstrap, transactional_id="conformance-batches", max_batch_size=2_000
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        confirmations = []
        for n in range(3):
            batch = producer.create_batch()
            for offset in range(4):
                kept = batch.append(timestamp=7, key=b"k", value=b"%d" % (4 * n + offset), headers=[("h", b"v")])
                assert kept is not None, FENCED
            confirmations.append(await producer.send_batch(batch, topic, partition=1))
        written = await asyncio.gather(*confirmations)
        assert [one.offset for one in written] == [0, 4, 8], f"{FENCED}: the store's offset is counted from it"
        await producer.commit_transaction()
        full = producer.create_batch()
        sizes = [full.append(timestamp=7, key=None, value=b"x" * 900, headers=[]) for _ in range(4)]
        assert sizes[0] is not None
        assert sizes[-1] is None, f"{FENCED}: a builder that is full says so, and takes nothing"
    finally:
        await producer.stop()


async def test_transactions_of_one_partition_follow_each_other_without_a_long_pause(made: Deployment) -> None:
    """The client's own pause while the coordinator finishes the one before; 100 ms would be seen in every latency."""
    topic = made.settings.topic("evidence")
    producer = AIOKafkaProducer(bootstrap_servers=made.settings.kafka_bootstrap, transactional_id="conformance-pause")
    await producer.start()
    try:
        took = []
        for _ in range(15):
            began = time.monotonic()
            await producer.begin_transaction()
            await producer.send_and_wait(topic, b"x", partition=1)
            await producer.commit_transaction()
            took.append(time.monotonic() - began)
        assert min(took) < 0.1, f"{FENCED}: even the quickest of {len(took)} took {min(took):.3f} s"
    finally:
        await producer.stop()


async def test_faust_opens_remembers_and_drops_the_stores_where_we_look_for_them(tmp_path: Path) -> None:
    app, table = built(tmp_path)
    store = table.data
    changelog = TP(table.changelog_topic_name, 2)
    app.assignor.assigned_standbys = set
    await store.assign_partitions(table, {changelog, TP("evidence", 1)})
    assert set(store._dbs) == {2}, f"{STORES}: only the table's own partitions"
    assert store.partition_path(2).is_dir()
    rows = TablePartition(table, 2)
    assert rows._store is store._dbs[2] is store._db_for_partition(2), STORES
    rows.write({b"a": b"1"}, {}, 7)
    assert table.persisted_offset(changelog) == 7
    rows.release()
    store.revoke_partitions(table, {changelog})
    assert set(store._dbs) == set(), STORES
    again = TablePartition(table, 2)
    assert again.offset == 7
    again.release()
    store._dbs.clear()
