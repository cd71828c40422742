"""A table's partition: the changelog is confirmed before the store is written, and the offset goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from faust.stores.rocksdb import Store
from faust.types import TP

from stream_app.pipeline.ports import Outgoing
from stream_app.runtime import tables
from stream_app.runtime.client import Written
from stream_app.runtime.tables import STORE_OPTIONS, TablePartition

WHY = "docs/decisions/0003-explicit-acks.md: the changelog first, then the store with its offset"
OFFSET = b"__faust\0offset__"
CHANGELOG = "app-join-join-changelog"


class Database(dict[bytes, bytes]):
    """A RocksDB of one partition as far as it is used; writes down what happens to it."""

    def __init__(self, steps: list[str]) -> None:
        super().__init__()
        self.steps = steps

    def put(self, key: bytes, value: bytes) -> None:
        self.steps.append(f"put {key!r}")
        self[key] = value

    def delete(self, key: bytes) -> None:
        self.steps.append(f"delete {key!r}")
        self.pop(key, None)


class World:
    """Partition 2 of a table over fakes; the broker's next offset is 40."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.sent: list[Outgoing] = []
        self.away = False
        self.databases = {2: Database(self.steps)}
        table = SimpleNamespace(data=SimpleNamespace(_db_for_partition=self.databases.__getitem__))
        self.rows = TablePartition(table, CHANGELOG, 2, self.send)

    @property
    def database(self) -> Database:
        return self.databases[2]

    async def send(self, records: Sequence[Outgoing]) -> list[Written]:
        self.steps.append(f"send {len(records)}")
        if self.away:
            raise RuntimeError("not confirmed")
        self.sent += records
        self.steps.append("confirmed")
        return [Written(one.topic, one.partition or 0, 40 + n, 0) for n, one in enumerate(records)]


async def test_the_changelog_is_confirmed_before_the_store_is_written_and_the_offset_comes_last() -> None:
    world = World()
    world.rows.stage([(b"a", b"1"), (b"b", b"2")])
    assert world.steps == []
    await world.rows.commit()
    assert world.steps == ["send 2", "confirmed", "put b'a'", "put b'b'", f"put {OFFSET!r}"], WHY
    assert world.sent == [Outgoing(CHANGELOG, b"a", b"1", (), 2), Outgoing(CHANGELOG, b"b", b"2", (), 2)]
    assert world.database[OFFSET] == b"41", "the offset of the last record, in Faust's form"


async def test_what_the_changelog_refused_is_not_stored() -> None:
    world = World()
    world.away = True
    world.rows.stage([(b"a", b"1")])
    with pytest.raises(RuntimeError, match="not confirmed"):
        await world.rows.commit()
    assert world.database == {}, WHY
    world.away = False
    await world.rows.commit()
    assert world.database == {b"a": b"1", OFFSET: b"40"}, "and not forgotten either"


async def test_reads_see_staged_rows_and_tombstones() -> None:
    world = World()
    world.database[b"a"] = b"old"
    world.database[b"gone"] = b"old"
    world.rows.stage([(b"a", b"new"), (b"gone", None)])
    assert (world.rows.get(b"a"), world.rows.get(b"gone"), world.rows.get(b"never")) == (b"new", None, None)
    assert dict(world.database) == {b"a": b"old", b"gone": b"old"}
    await world.rows.commit()
    assert (world.rows.get(b"a"), world.rows.get(b"gone")) == (b"new", None)


async def test_a_deletion_is_a_tombstone_in_the_changelog() -> None:
    world = World()
    world.database[b"a"] = b"1"
    world.rows.stage([(b"a", None)])
    await world.rows.commit()
    assert world.sent == [Outgoing(CHANGELOG, b"a", None, (), 2)]
    assert world.database == {OFFSET: b"40"}


async def test_the_last_write_of_a_key_wins_and_is_the_only_one_sent() -> None:
    world = World()
    world.rows.stage([(b"a", b"1")])
    world.rows.stage([(b"a", None)])
    world.rows.stage([(b"a", b"3")])
    await world.rows.commit()
    assert [one.value for one in world.sent] == [b"3"]
    assert world.rows.get(b"a") == b"3"


async def test_nothing_staged_is_nothing_sent() -> None:
    world = World()
    await world.rows.commit()
    world.rows.stage([(b"a", b"1")])
    await world.rows.commit()
    await world.rows.commit()
    assert world.steps.count("confirmed") == 1


async def test_all_rows_leave_out_the_offset() -> None:
    world = World()
    world.rows.stage([(b"a", b"1"), (b"b", b"2")])
    await world.rows.commit()
    assert sorted(world.rows.all()) == [(b"a", b"1"), (b"b", b"2")]


async def test_the_store_is_let_go_of() -> None:
    world = World()
    world.rows.release()
    with pytest.raises(AttributeError):
        world.rows.get(b"a")


@pytest.fixture
def table(tmp_path: Path) -> Any:
    """A real Faust table on a real RocksDB, without a broker."""
    app = faust.App("tables-test", store="rocksdb://", datadir=str(tmp_path), topic_partitions=4)
    return app.Table("join", partitions=4, key_type=bytes, value_type=bytes, options=STORE_OPTIONS)


async def test_a_real_store_holds_rows_and_offset_where_faust_looks_for_them(table: Any) -> None:
    world = World()
    rows = TablePartition(table, CHANGELOG, 1, world.send)
    rows.stage([(b"a", b"1"), (b"b", b"2"), (b"c", b"3"), (b"c", None)])
    await rows.commit()
    tp = TP(CHANGELOG, 1)
    assert table.data.persisted_offset(tp) == 42, f"{WHY}: what recovery need not read again"
    assert table.data.persisted_offset(TP(CHANGELOG, 0)) is None, "another partition is another database"
    assert sorted(rows.all()) == [(b"a", b"1"), (b"b", b"2")]
    assert rows.get(b"c") is None
    rows.release()
    again = TablePartition(table, CHANGELOG, 1, world.send)
    assert again.get(b"a") == b"1"


def test_the_private_names_are_as_we_rely_on_them() -> None:
    assert Store.offset_key == tables._OFFSET_KEY == OFFSET, WHY
    assert callable(Store._db_for_partition), WHY


def test_the_store_s_options_are_taken(table: Any) -> None:
    options = table.data.rocksdb_options
    for name, value in STORE_OPTIONS.items():
        assert getattr(options, name) == value, f"{name}: Faust's default would take gigabytes"
