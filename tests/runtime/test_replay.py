"""Our replay on the real broker: it ends where the log does, control records or not, and takes committed rows only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Outgoing
from stream_app.runtime import replay as replay_module
from stream_app.runtime.client import KafkaUnavailable, Publisher
from stream_app.runtime.replay import Reader, Replayed, ReplayStalled, ends_of, replay
from stream_app.runtime.tables import TablePartition
from stream_app.settings import Settings
from tests.deployments import AWAY, Deployment
from tests.runtime.owners import CHANGELOG, Owner, changelog

WHY = "docs/engine.md section 4"


def nothing(_key: bytes, _row: bytes) -> tuple[tuple[bytes, bytes], ...]:
    return ()


@pytest.fixture
def made(stack: Endpoints) -> Iterator[Deployment]:
    with changelog(stack) as one:
        yield one


async def replayed(
    made: Deployment, owner: Owner, tables: dict[int, TablePartition], derive: Any = nothing
) -> Replayed:
    """Replay as an owner does: to the ends as they are now."""
    async with Reader(made.settings) as reader:
        ends = await ends_of(reader, owner.changelog, list(tables))
        return await replay(reader, owner.changelog, tables, ends, derive)


async def ends(made: Deployment, owner: Owner, *partitions: int) -> dict[int, int]:
    async with Reader(made.settings) as reader:
        return await ends_of(reader, owner.changelog, list(partitions))


def empty(owner: Owner, *partitions: int) -> dict[int, TablePartition]:
    return {partition: TablePartition(owner.table, partition) for partition in partitions}


async def test_a_changelog_that_ends_in_control_records_is_at_its_end_at_once(made: Deployment, tmp_path: Path) -> None:
    writer, reader = Owner(made, tmp_path / "a"), Owner(made, tmp_path / "b")
    await writer.take(0, 1)
    for n in range(5):
        await writer.keep({b"call-%d" % n: b"row %d" % n, b"call-0": b"row %d" % n})
    assert await ends(made, writer, 0, 1) == {0: 14, 1: 0}, (
        "5 x (row, row or only one, control record); nothing was written to the other"
    )
    tables = empty(reader, 0, 1)
    began = time.monotonic()
    done = await replayed(made, reader, tables)
    assert time.monotonic() - began < 10, f"{WHY}: Faust's own waits for ever for the offset of the control record"
    assert done.records == 9
    assert dict(tables[0].scan(b"", b"\xff")) == {b"call-%d" % n: b"row %d" % (n or 4) for n in range(5)}
    assert (tables[0].offset, tables[1].offset) == (12, None)
    again = await replayed(made, reader, tables)
    assert again.records == 0, "only control records are left between the store and the end"
    await writer.leave()


async def test_aborted_rows_never_reach_the_store(made: Deployment, tmp_path: Path) -> None:
    writer, reader = Owner(made, tmp_path / "a"), Owner(made, tmp_path / "b")
    await writer.take(0)
    await writer.keep({b"kept": b"1"})
    producer = writer.taken.fenced[0]._producer
    await producer.begin_transaction()
    await producer.send_and_wait(writer.changelog, b"2", key=b"kept", partition=0)
    await producer.send_and_wait(writer.changelog, b"1", key=b"aborted", partition=0)
    await producer.abort_transaction()
    tables = empty(reader, 0)
    done = await replayed(made, reader, tables)
    assert done.records == 1
    assert dict(tables[0].scan(b"", b"\xff")) == {b"kept": b"1"}, WHY
    await writer.keep({b"after": b"3"})
    await replayed(made, reader, tables)
    assert dict(tables[0].scan(b"", b"\xff")) == {b"kept": b"1", b"after": b"3"}
    await writer.leave()


async def test_a_store_that_is_behind_is_brought_up_from_where_it_stands(made: Deployment, tmp_path: Path) -> None:
    writer, reader = Owner(made, tmp_path / "a"), Owner(made, tmp_path / "b")
    await writer.take(0)
    await writer.keep({b"a": b"1", b"gone": b"1"})
    tables = empty(reader, 0)
    assert (await replayed(made, reader, tables)).records == 2
    await writer.keep({b"a": b"2", b"gone": None, b"b": b"1"})
    done = await replayed(made, reader, tables)
    assert done.records == 3, "what it has is not read again"
    assert dict(tables[0].scan(b"", b"\xff")) == {b"a": b"2", b"b": b"1"}, "a tombstone takes its row away"
    await writer.leave()


async def test_local_rows_are_made_anew_of_the_rows_that_stand(made: Deployment, tmp_path: Path) -> None:
    def derive(key: bytes, row: bytes) -> tuple[tuple[bytes, bytes], ...]:
        assert row, "a tombstone has nothing to make rows of"
        return ((b"due/" + row + b"/" + key, b""),) if key.startswith(b"call") else ()

    writer, reader = Owner(made, tmp_path / "a"), Owner(made, tmp_path / "b")
    await writer.take(0)
    await writer.keep({b"call-1": b"5", b"call-2": b"20", b"clock": b"5"})
    await writer.keep({b"call-1": b"10", b"call-2": None})
    tables = empty(reader, 0)
    await replayed(made, reader, tables, derive)
    assert set(dict(tables[0].scan(b"", b"\xff"))) == {b"call-1", b"clock", b"due/10/call-1"}
    assert (await ends(made, reader, 0))[0] == 7, "and they are not in the log"
    await writer.leave()


async def test_many_rows_in_several_partitions(made: Deployment, tmp_path: Path) -> None:
    reader = Owner(made, tmp_path)
    async with Publisher(made.settings) as publisher:
        await publisher.send_batches(
            [
                Outgoing(CHANGELOG, b"call-%d" % n, b"%d" % turn * 50, partition=n % 2)
                for turn in range(3)
                for n in range(4_000)
            ]
        )
    tables = empty(reader, 0, 1)
    done = await replayed(made, reader, tables)
    assert done.records == 12_000
    for partition, table in tables.items():
        rows = table.scan(b"", b"\xff")
        assert len(rows) == 2_000
        assert {row for _, row in rows} == {b"2" * 50}, f"partition {partition}: the last row of each key stands"


async def test_no_broker_is_said_with_its_address() -> None:
    settings = Settings(kafka_bootstrap=AWAY, request_timeout_s=1)
    with pytest.raises(KafkaUnavailable, match=AWAY):
        async with Reader(settings):
            pytest.fail("there is none")


class Standing:
    """A consumer that is given `fetches`, one each time, and then nothing: the end is never reached."""

    def __init__(self, fetches: list[list[Any]]) -> None:
        self.fetches = fetches
        self.at = self.began = 0
        self.places: list[TopicPartition] = []
        self.paused: list[TopicPartition] = []

    def assign(self, places: list[TopicPartition]) -> None:
        self.places = places

    async def beginning_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, 3)

    def seek(self, place: TopicPartition, offset: int) -> None:
        self.at = self.began = offset

    def pause(self, place: TopicPartition) -> None:
        self.paused.append(place)

    async def getmany(self, *places: TopicPartition, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        fetched = self.fetches.pop(0) if self.fetches else []
        if fetched:
            self.at = fetched[-1].offset + 1
        return dict.fromkeys(places, fetched) if fetched else {}

    async def position(self, place: TopicPartition) -> int:
        return self.at


def standing(monkeypatch: pytest.MonkeyPatch, offsets: list[int]) -> Standing:
    fetches = [[SimpleNamespace(key=b"k", value=b"%d" % offset, offset=offset)] for offset in offsets]
    consumer = Standing(fetches)
    monkeypatch.setattr(replay_module, "STALL_S", 0.2)
    return consumer


class Loaded:
    """A store as far as a replay writes it."""

    def __init__(self, offset: int | None) -> None:
        self.offset = offset
        self.rows: list[Any] = []

    def load(self, rows: Any, offset: int) -> None:
        self.rows += rows
        self.offset = offset


async def test_an_end_that_does_not_come_nearer_is_an_error_and_no_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = standing(monkeypatch, [3, 4])
    table = Loaded(None)
    with pytest.raises(ReplayStalled, match=r"no record of changelog for 0\.2 s, 1 partitions to go"):
        await replay(reader, "changelog", {0: table}, {0: 10}, nothing)  # type: ignore[dict-item]
    assert table.offset == 4, "what came is kept: the next start goes on there"


async def test_a_compacted_changelog_is_read_from_where_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = standing(monkeypatch, [7, 9])
    table = Loaded(None)
    done = await replay(consumer, "changelog", {0: table}, {0: 10}, nothing)  # type: ignore[dict-item]
    assert done.records == 2
    assert consumer.paused == [TopicPartition("changelog", 0)], "a partition at its end is not fetched again"
    assert consumer.began == 3, "not from 0, which the log has no longer"


async def test_a_partition_that_is_at_its_end_is_not_read_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = standing(monkeypatch, [9])
    tables = {0: Loaded(8), 1: Loaded(9), 2: Loaded(None)}
    done = await replay(consumer, "changelog", tables, {0: 10, 1: 10, 2: 0}, nothing)  # type: ignore[arg-type]
    assert (done.records, consumer.places) == (1, [TopicPartition("changelog", 0)])
    nobody = standing(monkeypatch, [])
    done = await replay(nobody, "changelog", {1: tables[1]}, {1: 10}, nothing)  # type: ignore[dict-item]
    assert (done.records, nobody.places) == (0, []), "and without a partition to read, no fetch is begun"
