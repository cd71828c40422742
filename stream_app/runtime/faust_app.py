"""The only place where a stage becomes a Faust app: one consumer group, one agent, explicit acks, perhaps one table."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import faust
from yarl import URL

from stream_app.runtime import store_memory
from stream_app.runtime.recovery import Tables
from stream_app.runtime.transport import PARTITION_FETCH_BYTES, BatchSchema, BatchTransport
from stream_app.settings import Settings, StageName

QUIET_LOGGERS = ("aiokafka", "faust", "mode", "asyncio", "stream_app.runtime.transport")
"""Faust leaves these at DEBUG whatever its `-l` says; each record would build log records that nobody reads."""


def build(
    settings: Settings, stage: StageName, topics: tuple[str, ...], table: str | None, datadir: Path
) -> tuple[Any, Any, Any]:
    """(app, source topic, table or None). Settings that are wrong by default in Faust are set here, with the reason."""
    urls = [URL(f"kafka://{broker.strip()}") for broker in settings.kafka_bootstrap.split(",")]
    app = faust.App(
        settings.group(stage),
        broker=urls,
        store="rocksdb://",
        datadir=str(datadir),
        topic_partitions=settings.internal_partitions,
        topic_replication_factor=settings.replication_factor,
        topic_allow_declare=False,  # Topics are ours: created and checked before a worker starts.
        topic_disable_leader=True,  # No leader topic: nothing here is done by a leader.
        table_standby_replicas=0,  # The changelog is the copy; a standby doubles its traffic.
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=PARTITION_FETCH_BYTES,
        broker_commit_interval=1.0,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 4,
        broker_rebalance_timeout=30.0,
        broker_request_timeout=90.0,
        broker_max_poll_interval=1000.0,
        TableManager=Tables,
        stream_buffer_maxsize=4,  # Batches, not records: more would only lie in memory.
        stream_wait_empty=False,  # Acks are explicit; waiting for streams to run dry can hang for ever.
        stream_recovery_delay=0.0,
        web_enabled=False,  # Faust's web server shows table data to anybody, on all interfaces.
        worker_redirect_stdouts=False,
        processing_guarantee="at_least_once",
    )
    # Orders are few, and sealing one takes longer than the gathering would.
    app.transport = BatchTransport(urls, app, prefix=settings.topic_prefix, gathers=stage != "seal")
    app.producer_transport = app.transport
    source = app.topic(
        *(settings.topic(topic) for topic in topics),
        schema=BatchSchema(key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"),
    )
    rows = None
    if table is not None:
        rows = app.Table(
            table,
            partitions=settings.internal_partitions,
            key_type=bytes,
            value_type=bytes,
        )
        store_memory.bound(rows, settings.state_memory_mb)
    return app, source, rows


def quiet_loggers() -> None:
    """Set the library loggers to WARNING; must run after Faust has configured logging."""
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
