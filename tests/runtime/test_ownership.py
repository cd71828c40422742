"""Taking a partition over on the real broker: fence first, wipe what cannot be trusted, leave nothing behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import ProducerFenced
from rocksdict import WriteBatch

from stream_app.dev.state import Endpoints
from stream_app.runtime import admin, ownership
from stream_app.runtime.ownership import DELETE_RETENTION_MS, MAX_STORE_AGE_MS
from stream_app.runtime.tables import WRITTEN_KEY, TablePartition
from stream_app.settings import Settings
from stream_app.topics import SEAL_ORDERS
from tests.deployments import Deployment
from tests.runtime.owners import Owner, changelog

WHY = "docs/engine.md section 4"


@pytest.fixture
def made(stack: Endpoints) -> Iterator[Deployment]:
    with changelog(stack) as one:
        yield one


def due(key: bytes, row: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Local rows: an index of the rows by their content."""
    return ((b"due/" + row, key),)


async def test_the_next_owner_has_every_committed_row_wherever_it_runs(made: Deployment, tmp_path: Path) -> None:
    one, two = Owner(made, tmp_path / "a"), Owner(made, tmp_path / "b")
    await one.take(0, 1)
    await one.keep({b"call-1": b"1", b"call-2": b"2"}, orders=3)
    await one.keep({b"call-3": b"3"}, partition=1)
    await one.keep({b"call-1": None})
    await two.take(0, 1)
    assert two.rows(0) == one.rows(0) == {b"call-2": b"2"}
    assert two.rows(1) == {b"call-3": b"3"}
    assert two.taken.tables[0].offset == one.taken.tables[0].offset
    await two.keep({b"call-4": b"4"})
    await two.leave()
    await one.leave()


async def test_a_zombie_can_commit_nothing_after_its_successor_s_fence_and_stores_nothing(
    made: Deployment, tmp_path: Path
) -> None:
    zombie, owner = Owner(made, tmp_path / "a"), Owner(made, tmp_path / "b")
    await zombie.take(0)
    await zombie.keep({b"call": b"before"}, orders=1)
    await owner.take(0)
    with pytest.raises(ProducerFenced):
        await zombie.keep({b"call": b"zombie"}, orders=1)
    assert zombie.rows() == {b"call": b"before"}, "the store is written after the commit"
    await owner.keep({b"call": b"after"})
    third = Owner(made, tmp_path / "c")
    await third.take(0)
    assert third.rows() == {b"call": b"after"}, WHY
    for one in (zombie, owner, third):
        await one.leave()


async def test_what_a_frozen_owner_left_open_is_aborted_by_the_fence(made: Deployment, tmp_path: Path) -> None:
    frozen, owner = Owner(made, tmp_path / "a"), Owner(made, tmp_path / "b")
    await frozen.take(0)
    producer = frozen.taken.fenced[0]._producer
    await producer.begin_transaction()
    await producer.send_and_wait(frozen.changelog, b"half", key=b"call", partition=0)
    await producer.send_and_wait(made.settings.topic(SEAL_ORDERS.name), b"order", key=b"call", partition=0)
    began = time.monotonic()
    await owner.take(0)
    assert time.monotonic() - began < 15, "not only when the broker's own time-out has passed"
    assert owner.rows() == {}, WHY
    with pytest.raises(ProducerFenced):
        await producer.commit_transaction()
    await owner.leave()
    await frozen.leave()


async def test_the_fence_stands_before_the_end_of_the_log_is_asked_for(
    made: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked the other way round, a zombie could commit between the two, and its rows would be missed."""
    zombie, owner = Owner(made, tmp_path / "a"), Owner(made, tmp_path / "b")
    await zombie.take(0)
    real, attempts = ownership.ends_of, []

    async def ends_of(reader: Any, name: str, partitions: list[int]) -> dict[int, int]:
        with pytest.raises(ProducerFenced) as refused:
            await zombie.keep({b"call": b"between"})
        attempts.append(refused.type)
        return await real(reader, name, partitions)

    monkeypatch.setattr(ownership, "ends_of", ends_of)
    await owner.take(0)
    assert attempts == [ProducerFenced], WHY
    assert owner.rows() == {}
    await owner.leave()
    await zombie.leave()


async def test_a_store_that_is_behind_is_brought_up_and_not_wiped(
    made: Deployment, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = Owner(made, tmp_path / "a"), Owner(made, tmp_path / "b")
    await one.take(0)
    await one.keep({b"call-1": b"1"})
    await one.leave()
    await two.take(0)
    await two.keep({b"call-1": b"2", b"call-2": b"2"})
    await two.leave()
    TablePartition(one.table, 0).write({}, {b"local": b"only here"}, None)
    await one.take(0)
    assert one.rows() == {b"call-1": b"2", b"call-2": b"2", b"local": b"only here"}
    assert "wiped" not in caplog.text
    await one.leave()


async def test_a_store_that_is_ahead_of_its_log_is_wiped(
    made: Deployment, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log was lost or made anew: the store's rows were never in this one."""
    owner = Owner(made, tmp_path / "a")
    await owner.take(0, 1)
    await owner.keep({b"call": b"true"})
    end = owner.taken.tables[0].offset
    await owner.leave()
    TablePartition(owner.table, 0).write({b"ghost": b"1", b"call": b"false"}, {}, (end or 0) + 2)
    owner.table.data._dbs.clear()
    await owner.take(0, 1, derive=due)
    assert owner.rows() == {b"call": b"true", b"due/true": b"call"}, "the same rows, and local ones made anew"
    assert "join-0" not in caplog.text
    assert "partition 0: the local store is wiped: it is at offset 2 of a changelog that ends at 2" in caplog.text
    await owner.keep({b"call": b"goes on"})
    await owner.leave()


@pytest.mark.parametrize(("age_ms", "wiped"), [(MAX_STORE_AGE_MS + 60_000, True), (MAX_STORE_AGE_MS - 60_000, False)])
async def test_a_store_that_is_older_than_the_log_keeps_tombstones_is_wiped(
    made: Deployment, tmp_path: Path, caplog: pytest.LogCaptureFixture, age_ms: int, wiped: bool
) -> None:
    owner = Owner(made, tmp_path / "a")
    await owner.take(0)
    await owner.keep({b"call": b"1"})
    await owner.leave()
    store = TablePartition(owner.table, 0)
    store.write({b"dead": b"its tombstone was compacted away"}, {}, None)
    aged = WriteBatch(raw_mode=True)
    aged.put(WRITTEN_KEY, b"%d" % (time.time_ns() // 1_000_000 - age_ms))
    store._store.write(aged)
    store.release()
    owner.table.data._dbs.clear()
    await owner.take(0, derive=due)
    assert (b"dead" in owner.rows()) is not wiped, WHY
    assert ("dropped tombstones" in caplog.text) is wiped
    if wiped:
        assert owner.rows() == {b"call": b"1", b"due/1": b"call"}
    await owner.leave()


def test_the_changelogs_keep_tombstones_as_long_as_the_rule_says() -> None:
    wanted = [one for one in admin.wanted_topics(Settings()) if one.config["cleanup.policy"] == "compact"]
    changelogs = [one for one in wanted if one.name.endswith("-changelog")]
    assert len(changelogs) == len(admin.TABLES)
    assert {int(one.config["delete.retention.ms"]) for one in changelogs} == {DELETE_RETENTION_MS}, WHY
    assert DELETE_RETENTION_MS / 2 >= MAX_STORE_AGE_MS


async def test_a_commit_after_the_partition_was_given_up_is_refused(made: Deployment, tmp_path: Path) -> None:
    owner = Owner(made, tmp_path / "a")
    await owner.take(0)
    fenced = owner.taken.fenced[0]
    await owner.leave()
    with pytest.raises(RuntimeError, match="given up"):
        await fenced.commit([], {b"call": b"late"}, {})


def client_tasks() -> set[str]:
    """What the client library has running: senders, coordinators, metadata."""
    return {
        str(task.get_coro())
        for task in asyncio.all_tasks()
        if "aiokafka" in str(getattr(task.get_coro(), "cr_code", ""))
    }


@pytest.mark.parametrize("step", ["fence", "ends", "replay"])
async def test_a_take_over_that_is_let_go_of_half_way_leaves_no_producer_and_no_open_store(
    made: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    owner = Owner(made, tmp_path / "a")
    await owner.take(0, 1)
    await owner.keep({b"call": b"1"})
    await owner.leave()
    await asyncio.sleep(0.1)
    before = client_tasks()
    there, never = asyncio.Event(), asyncio.Event()

    def held(real: Any) -> Any:
        async def wait(*words: Any) -> Any:
            result = await real(*words)
            there.set()
            await never.wait()
            return result

        return wait

    if step == "fence":
        monkeypatch.setattr(ownership.Fenced, "fence", held(ownership.Fenced.fence))
    else:
        name = {"ends": "ends_of", "replay": "replay"}[step]
        monkeypatch.setattr(ownership, name, held(getattr(ownership, name)))
    owned = owner.owned()
    taking = asyncio.create_task(owned.take([0, 1], due))
    await asyncio.wait_for(there.wait(), 20)
    producers = [one._producer for one in owned.fenced.values()]
    stores = list(owned.tables.values())
    assert len(producers) == 2
    assert len(stores) == (2 if step == "replay" else 0)
    await owned.let_go()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert all(producer._closed for producer in producers)
    assert all(store._store is None for store in stores)
    assert (owned.fenced, owned.tables) == ({}, {})
    await asyncio.sleep(0.1)
    assert client_tasks() <= before, "no sender goes on"
    monkeypatch.undo()
    await owner.take(0, 1)
    assert owner.rows() == {b"call": b"1"}, "the store could be opened again"
    await owner.leave()


async def test_letting_go_twice_and_of_nothing_is_fine(made: Deployment, tmp_path: Path) -> None:
    owner = Owner(made, tmp_path / "a")
    await owner.taken.let_go()
    await owner.take(0)
    await owner.taken.let_go()
    await owner.taken.let_go()
    assert owner.taken.fenced == {}
