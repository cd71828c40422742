"""What we rely on in Faust and its client, and what our consumer adds: a count of whole rounds, quick fetches."""

from __future__ import annotations

import asyncio
import inspect
import tomllib
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from faust.tables.recovery import Recovery
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message

from stream_app.runtime import faust_app, transport
from stream_app.runtime.transport import FETCH_WAIT_MS, QuickFetchThread, TrackingConsumer, TrackingTransport
from stream_app.settings import Settings

ROOT = Path(__file__).parents[2]
WHY = (
    "stream_app/runtime relies on private names of exact versions (docs/decisions/0003-explicit-acks.md, the pins in "
    "pyproject.toml): prove the line again before you change this"
)
PINNED = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0", "mode-streaming": "0.7.1"}


@pytest.mark.parametrize("name", PINNED)
def test_the_versions_are_pinned_and_installed(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"{name}=={PINNED[name]}" in project["dependencies"], WHY
    assert version(name) == PINNED[name], WHY


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (driver.Consumer, "getmany"),
        (driver.Consumer, "_new_consumer_thread"),
        (driver.Consumer, "highwater"),
        (driver.Consumer, "highwaters"),
        (driver.Consumer, "position"),
        (driver.Consumer, "assignment"),
        (driver.AIOKafkaConsumerThread, "_create_worker_consumer"),
        (driver.Transport, "Consumer"),
        (Recovery, "_build_offsets"),
        (Recovery, "_restart_recovery"),
    ],
)
def test_the_names_we_extend_or_call_exist(owner: type, name: str) -> None:
    assert hasattr(owner, name), WHY


def test_the_names_have_the_shape_we_override() -> None:
    assert inspect.isasyncgenfunction(driver.Consumer.getmany), WHY
    assert list(inspect.signature(driver.Consumer.getmany).parameters) == ["self", "timeout"], WHY
    created = inspect.signature(driver.AIOKafkaConsumerThread._create_worker_consumer)
    assert list(created.parameters) == ["self", "transport"], WHY
    assert "_new_consumer_thread" in inspect.getsource(driver.Consumer.__mro__[1]), f"{WHY}: who calls it"


def test_the_client_reads_the_fetch_wait_when_it_starts() -> None:
    """We set the private field between construction and start."""
    assert "self._fetch_max_wait_ms" in inspect.getsource(AIOKafkaConsumer.start), WHY


def test_streams_run_in_the_compiled_iterator() -> None:
    """The pure Python path acknowledges records of an old generation."""
    from faust.streams import _CStreamIterator

    assert _CStreamIterator is not None, WHY


def built(tmp_path: Path) -> Any:
    return faust_app.build(Settings(), "intake", ("tool-call",), None, tmp_path)[0]


async def test_an_app_has_our_transport_consumer_and_thread(tmp_path: Path) -> None:
    app = built(tmp_path)
    assert isinstance(app.transport, TrackingTransport)
    assert isinstance(app.consumer, TrackingConsumer)
    thread = app.consumer._new_consumer_thread()
    assert isinstance(thread, QuickFetchThread)
    client = thread._create_worker_consumer(app.transport)
    assert client._fetch_max_wait_ms == FETCH_WAIT_MS < 250, "below the clock's interval: idle partitions delay nothing"
    assert client._enable_auto_commit is False
    assert client._auto_offset_reset == "earliest"
    assert client._group_id == "stream-app-intake"


def message(offset: int, partition: int = 0) -> tuple[TP, Message]:
    tp = TP("tool-call", partition)
    return tp, Message("tool-call", partition, offset, 0.0, 0, None, None, b"{}", None, tp=tp)


class Rounds:
    """Stands in for Faust's own `getmany`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, records: list[tuple[TP, Message]]) -> None:
        self.pauses: list[float] = []

        async def getmany(_: Any, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
            assert timeout == 5.0
            for one in records:
                yield one

        async def sleep(seconds: float) -> None:
            self.pauses.append(seconds)

        monkeypatch.setattr(driver.Consumer, "getmany", getmany)
        monkeypatch.setattr(asyncio, "sleep", sleep)


async def test_a_round_counts_when_it_has_ended_and_what_it_handed_over_is_known_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Rounds(monkeypatch, [message(4), message(5), message(9, partition=1)])
    consumer = built(tmp_path).consumer
    seen = []
    async for tp, one in consumer.getmany(5.0):
        assert consumer.handed[tp] == one.offset, "before anybody else can see the record"
        assert consumer.rounds == 0
        seen.append(one.offset)
    assert seen == [4, 5, 9]
    assert consumer.rounds == 1
    assert consumer.handed == {TP("tool-call", 0): 5, TP("tool-call", 1): 9}


async def test_a_round_that_is_broken_off_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Rounds(monkeypatch, [message(4), message(5)])
    consumer = built(tmp_path).consumer
    records = consumer.getmany(5.0)
    await anext(records)
    await records.aclose()
    assert consumer.rounds == 0
    assert consumer.handed == {TP("tool-call", 0): 4}


@pytest.mark.parametrize(
    ("count", "lingers"), [(0, 0), (1, 1), (transport.FULL_ROUND - 1, 1), (transport.FULL_ROUND, 0)]
)
async def test_only_a_small_round_is_followed_by_a_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, lingers: int
) -> None:
    faked = Rounds(monkeypatch, [message(n) for n in range(count)])
    consumer = built(tmp_path).consumer
    assert len([one async for one in consumer.getmany(5.0)]) == count
    assert faked.pauses == [transport.LINGER_S] * lingers
