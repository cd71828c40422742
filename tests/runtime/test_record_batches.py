"""Records become batches that keep their order and that every topic takes; keys go where Java's producer puts them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from stream_app.pipeline.ports import Outgoing
from stream_app.runtime import record_batches
from stream_app.runtime.record_batches import MAX_BATCH_BYTES, Partitioner, Sent, send_batches
from stream_app.topics import TOPICS

DEFAULT_BROKER_LIMIT = 1_048_588
"""Kafka's `message.max.bytes` where nobody set one: it limits the batch, not the record."""

# org.apache.kafka.common.utils.UtilsTest.testMurmur2
JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize("key", JAVA)
def test_a_key_goes_where_java_puts_it(key: bytes) -> None:
    partitioner = Partitioner()
    for partitions in (1, 2, 3, 12, 50, 1 << 31):
        partitioner.count("packets", partitions)
        assert partitioner.partition(Outgoing("packets", key, b"")) == (JAVA[key] & 0x7FFFFFFF) % partitions


@given(st.binary(max_size=64), st.integers(1, 64))
def test_a_key_goes_where_the_clients_own_producer_puts_it(key: bytes, partitions: int) -> None:
    partitioner = Partitioner()
    partitioner.count("packets", partitions)
    everywhere = list(range(partitions))
    assert partitioner.partition(Outgoing("packets", key, b"")) == DefaultPartitioner()(key, everywhere, everywhere)


def test_an_own_partition_counts_before_the_key_and_without_both_it_is_the_first() -> None:
    partitioner = Partitioner()
    partitioner.count("packets", 7)
    assert partitioner.partition(Outgoing("packets", b"abc", b"", partition=5)) == 5
    assert partitioner.partition(Outgoing("packets", None, b"")) == 0


def test_a_topic_that_was_not_counted_is_an_error() -> None:
    partitioner = Partitioner()
    assert not partitioner.knows("packets")
    with pytest.raises(KeyError, match="packets"):
        partitioner.partition(Outgoing("packets", b"abc", b""))


def test_memory_of_keys_is_bounded_and_forgetting_moves_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_batches, "MAX_REMEMBERED_KEYS", 10)
    partitioner = Partitioner()
    partitioner.count("packets", 12)
    keys = [Outgoing("packets", b"call-%d" % n, b"") for n in range(35)]
    first = [partitioner.partition(one) for one in keys]
    assert len(partitioner._hashes) <= 10
    assert [partitioner.partition(one) for one in keys] == first
    assert set(first) == set(range(12))


class Producer:
    """The client's own builders, and what was handed over in order."""

    def __init__(self) -> None:
        self.handed: list[tuple[str, int, Any]] = []

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(MAX_BATCH_BYTES, 0)

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> asyncio.Future[Any]:
        self.handed.append((topic, partition, batch))
        return asyncio.get_running_loop().create_future()

    @property
    def sizes(self) -> list[int]:
        return [batch.size() for _, _, batch in self.handed]


async def handed_over(records: Sequence[Outgoing]) -> tuple[Producer, list[Sent]]:
    producer, partitioner = Producer(), Partitioner()
    for topic in TOPICS:
        partitioner.count(topic.name, 4)
    sent = await send_batches(producer, records, partitioner, {topic.name: f"dev-{topic.name}" for topic in TOPICS})
    assert [(one.topic, one.partition, one.count) for one in sent] == [
        (topic.removeprefix("dev-"), partition, batch.record_count()) for topic, partition, batch in producer.handed
    ]
    assert sum(one.count for one in sent) == len(records), "none is left out"
    return producer, sent


async def test_a_place_gets_one_batch_under_its_full_name() -> None:
    records = [Outgoing(("packets", "join-alerts")[n % 2], None, b"%d" % n, partition=n // 2 % 2) for n in range(40)]
    producer, sent = await handed_over(records)
    assert [(topic, partition) for topic, partition, _ in producer.handed] == [
        ("dev-packets", 0), ("dev-join-alerts", 0), ("dev-packets", 1), ("dev-join-alerts", 1),
    ]  # fmt: skip
    assert {one.count for one in sent} == {10}


async def test_no_records_are_no_batches() -> None:
    producer, _ = await handed_over([])
    assert producer.handed == []


async def test_many_records_become_batches_below_the_brokers_limit() -> None:
    producer, _ = await handed_over([Outgoing("packets", b"k", random.Random(n).randbytes(1000)) for n in range(3000)])
    assert max(producer.sizes) < DEFAULT_BROKER_LIMIT
    assert min(producer.sizes[:-1]) > MAX_BATCH_BYTES - 1100, "and they are filled"
    assert len(producer.sizes) == 3


async def test_very_many_very_small_records_do_too() -> None:
    """The format adds more to a small tombstone than the tombstone weighs: expiry writes them by the ten thousand."""
    producer, _ = await handed_over(
        [Outgoing("packets", b"%04d" % (n % 10_000), None, partition=0) for n in range(150_000)]
    )
    assert max(producer.sizes) <= MAX_BATCH_BYTES < DEFAULT_BROKER_LIMIT


async def test_names_of_headers_count_too() -> None:
    headers = (("n" * 10_000, b""),)
    producer, _ = await handed_over([Outgoing("packets", b"k", b"", headers) for _ in range(300)])
    assert max(producer.sizes) <= MAX_BATCH_BYTES


async def test_a_large_record_is_a_batch_of_its_own() -> None:
    large = b"x" * (3 << 20)
    producer, sent = await handed_over(
        [Outgoing("dead-letters", b"k", value) for value in (b"before", large, b"after", b"after that")]
    )
    assert [one.count for one in sent] == [1, 1, 2]
    assert 3 << 20 < producer.sizes[1] < (3 << 20) + 200


def test_every_topic_takes_a_full_batch() -> None:
    assert [topic.name for topic in TOPICS if topic.max_message_bytes < MAX_BATCH_BYTES + 100] == []
