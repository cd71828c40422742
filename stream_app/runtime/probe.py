"""The only place for asking a Kafka broker whether it really works: one record out, the same record back."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError

PROBE_TOPIC = "_stream-app-probe"
_HOUR_MS = 3_600_000


async def round_trip(bootstrap: str, *, replication_factor: int = 1, timeout_seconds: float = 10.0) -> float:
    """Produce one record and fetch it back. Returns the milliseconds of that, connections not counted.

    Creates the topic `_stream-app-probe` (records live an hour) where it is absent, with `replication_factor`;
    deletes nothing and joins no consumer group. Raises aiokafka's KafkaError, or TimeoutError after `timeout_seconds`.
    """
    # aiokafka logs each refused connection as an error; here that is an answer, and the caller gets it as one.
    loggers = [logging.getLogger(name) for name in ("aiokafka", "aiokafka.conn", "aiokafka.client")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _round_trip(bootstrap, replication_factor)
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


async def _round_trip(bootstrap: str, replication_factor: int) -> float:
    await _ensure_topic(bootstrap, replication_factor)
    spot, content = TopicPartition(PROBE_TOPIC, 0), secrets.token_bytes(16)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", request_timeout_ms=5_000)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, fetch_max_wait_ms=50)
    try:
        await producer.start()
        await consumer.start()
        consumer.assign([spot])
        began = time.perf_counter()
        written = await producer.send_and_wait(PROBE_TOPIC, content, partition=0)
        consumer.seek(spot, written.offset)
        record = await consumer.getone(spot)
        took = (time.perf_counter() - began) * 1000
    finally:
        await producer.stop()
        await consumer.stop()
    if record.value != content:
        raise UnknownTopicOrPartitionError(f"{PROBE_TOPIC} gave back another record than was just written")
    return took


async def _ensure_topic(bootstrap: str, replication_factor: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    try:
        await admin.start()
        if PROBE_TOPIC in await admin.list_topics():
            return
        topic = NewTopic(PROBE_TOPIC, 1, replication_factor, topic_configs={"retention.ms": str(_HOUR_MS)})
        answer = await admin.create_topics([topic])
        for _, code, message in (tuple(error[:3]) for error in answer.topic_errors):
            if code not in (0, TopicAlreadyExistsError.errno):
                raise RuntimeError(f"cannot create {PROBE_TOPIC}: error {code} {message}")
    finally:
        await admin.close()
