"""The settings of Faust that must not drift, each with the decision it belongs to; and loggers that keep quiet."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import faust
import pytest

from stream_app.runtime import faust_app
from stream_app.runtime.faust_app import QUIET_LOGGERS, build, quiet_loggers
from stream_app.runtime.recovery import NothingToRecover, Tables
from stream_app.runtime.store_memory import SharedMemory
from stream_app.runtime.transport import BatchConsumer, BatchSchema, BatchTransport, CommittedFetchThread
from stream_app.settings import Settings

DECISIONS = Path(__file__).parents[2] / "docs" / "decisions"
ACKS = "0003-explicit-acks.md"
TIME = "0001-time-is-an-event.md"
PROCESS = "0009-one-process-a-stage.md"
FENCED = "0018-one-fenced-transaction-a-commit.md"
BATCHES = "0019-batches-under-faust.md"
REPLAY = "0020-our-own-replay.md"

MUST_BE: tuple[tuple[str, Any, str, str], ...] = (
    ("processing_guarantee", faust.types.ProcessingGuarantee.AT_LEAST_ONCE, FENCED, "exactly_once loses and doubles"),
    ("stream_buffer_maxsize", 4, BATCHES, "an event is a batch: more of them would only lie in memory"),
    ("TableManager", Tables, REPLAY, "Faust's own recovery hangs on a changelog that ends in a control record"),
    ("stream_wait_empty", False, ACKS, "acks are explicit; waiting for them hangs a stop"),
    ("consumer_auto_offset_reset", "earliest", ACKS, "a new group begins at the beginning"),
    ("table_standby_replicas", 0, REPLAY, "the changelog is the copy"),
    ("topic_allow_declare", False, ACKS, "topics are ours: created and checked before a worker starts"),
    ("topic_disable_leader", True, TIME, "nothing is done by a leader"),
    ("web_enabled", False, PROCESS, "Faust's web server shows table data to anybody"),
    ("worker_redirect_stdouts", False, PROCESS, "`ready` lines are read by the supervisor"),
    ("stream_recovery_delay", 0.0, PROCESS, "a restart is a normal thing and must be quick"),
)


@pytest.fixture
def settings() -> Settings:
    return Settings(
        kafka_bootstrap="one:9092, two:9093",
        topic_prefix="dev-",
        internal_partitions=6,
        replication_factor=3,
        session_timeout_s=12.0,
    )


@pytest.mark.parametrize(("name", "wanted", "decision", "reason"), MUST_BE, ids=[row[0] for row in MUST_BE])
def test_settings_that_must_not_drift(
    settings: Settings, tmp_path: Path, name: str, wanted: Any, decision: str, reason: str
) -> None:
    app, _, _ = build(settings, "join", ("evidence",), "join", tmp_path)
    assert getattr(app.conf, name) == wanted, f"docs/decisions/{decision}: {reason}"


@pytest.mark.parametrize("decision", sorted({row[2] for row in MUST_BE}))
def test_the_decisions_they_belong_to_exist(decision: str) -> None:
    assert (DECISIONS / decision).is_file()


def test_the_app_is_the_stage_s_group_on_our_brokers(settings: Settings, tmp_path: Path) -> None:
    app, source, rows = build(settings, "join", ("evidence",), "join", tmp_path)
    assert app.conf.id == settings.group("join") == "dev-stream-app-join"
    assert [(url.host, url.port) for url in app.conf.broker] == [("one", 9092), ("two", 9093)]
    assert isinstance(app.transport, BatchTransport)
    assert app.producer_transport is app.transport
    assert source.topics == ("dev-evidence",)
    assert app.conf.datadir == tmp_path
    assert rows.changelog_topic_name == "dev-stream-app-join-join-changelog"


def test_numbers_come_from_the_settings(settings: Settings, tmp_path: Path) -> None:
    app, _, rows = build(settings, "join", ("evidence",), "join", tmp_path)
    assert (app.conf.topic_partitions, rows.partitions) == (6, 6), "the changelog has as many as the source"
    assert app.conf.topic_replication_factor == 3
    assert app.conf.broker_session_timeout == 12.0
    assert app.conf.broker_heartbeat_interval <= 12.0 / 3
    assert app.conf.broker_session_timeout <= app.conf.broker_request_timeout, "Faust refuses the other way round"


def test_a_table_has_bounded_memory_and_raw_bytes(settings: Settings, tmp_path: Path) -> None:
    _, _, rows = build(settings, "join", ("evidence",), "join", tmp_path)
    assert isinstance(rows.data.rocksdb_options, SharedMemory), "Faust's defaults would take gigabytes a partition"
    assert (rows.key_type, rows.value_type) == (bytes, bytes)
    assert type(rows.data).__module__ == "faust.stores.rocksdb"


def test_records_come_as_bytes_because_faust_acknowledges_what_it_cannot_decode(
    settings: Settings, tmp_path: Path
) -> None:
    _, source, rows = build(settings, "intake", ("tool-call", "call-ended"), None, tmp_path)
    assert rows is None
    assert source.topics == ("dev-tool-call", "dev-call-ended")
    assert (source.key_type, source.value_type) == (bytes, bytes)
    assert (source.key_serializer, source.value_serializer) == ("raw", "raw")
    assert isinstance(source.schema, BatchSchema), f"docs/decisions/{BATCHES}"


def test_faust_s_recovery_is_ours_and_made_once(settings: Settings, tmp_path: Path) -> None:
    app, _, _ = build(settings, "join", ("evidence",), "join", tmp_path)
    assert isinstance(app.tables, Tables)
    assert isinstance(app.tables.recovery, NothingToRecover), f"docs/decisions/{REPLAY}"
    assert app.tables.recovery is app.tables.recovery


def test_library_loggers_are_quiet_whatever_faust_configured() -> None:
    loggers = [logging.getLogger(name) for name in QUIET_LOGGERS]
    before = [one.level for one in loggers]
    try:
        for one in loggers:
            one.setLevel(logging.DEBUG)
        quiet_loggers()
        assert {one.level for one in loggers} == {logging.WARNING}
        busy = (BatchConsumer.logger, CommittedFetchThread.logger, BatchTransport.Producer.logger)
        assert not any(one.isEnabledFor(logging.INFO) for one in busy), "these would log every record"
        assert logging.getLogger("stream_app.runtime.host").getEffectiveLevel() <= logging.WARNING
    finally:
        for one, level in zip(loggers, before, strict=True):
            one.setLevel(level)


def test_quiet_names_are_names_of_rooms_that_exist() -> None:
    for name in QUIET_LOGGERS:
        assert __import__(name), name
    assert faust_app.__name__ not in QUIET_LOGGERS
