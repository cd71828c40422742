"""A partition of a real store: one write with the changelog's offset, reads in byte order, nothing left open."""

from __future__ import annotations

import gc
import time
from pathlib import Path
from typing import Any

import faust
import pytest
from faust.types import TP

from stream_app.runtime.store_memory import bound
from stream_app.runtime.tables import OFFSET_KEY, WRITTEN_KEY, TablePartition

WHY = "docs/engine.md section 3: the store is written after the commit, in one write with the changelog's offset"
CHANGELOG = "app-join-join-changelog"


@pytest.fixture
def table(tmp_path: Path) -> Any:
    """A real Faust table on a real RocksDB, without a broker."""
    app = faust.App("tables-test", store="rocksdb://", datadir=str(tmp_path), topic_partitions=4)
    made = app.Table("join", partitions=4, key_type=bytes, value_type=bytes)
    bound(made, 8)
    return made


@pytest.fixture
def rows(table: Any) -> TablePartition:
    return TablePartition(table, 2)


async def test_rows_local_rows_and_offset_are_one_write(rows: TablePartition, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Any] = []
    real = rows._store

    class Watched:
        def write(self, batch: Any) -> None:
            written.append(batch)
            real.write(batch)

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    monkeypatch.setattr(rows, "_store", Watched())
    rows.write({b"a": b"1", b"b": b"2"}, {b"due/a": b""}, 41)
    assert len(written) == 1, WHY
    assert (rows.get(b"a"), rows.get(b"b"), rows.get(b"due/a"), rows.offset) == (b"1", b"2", b"", 41)


async def test_what_a_burst_left_in_the_buffers_goes_to_a_file_and_is_there(rows: TablePartition) -> None:
    assert rows.settle() is False, "nothing is worth no file"
    rows.write({b"%d" % number: bytes(4000) for number in range(500)}, {}, 1)
    before = rows._store.property_int_value("rocksdb.cur-size-all-mem-tables")
    assert rows.settle()
    assert rows._store.property_int_value("rocksdb.cur-size-all-mem-tables") < before / 10
    assert rows.settle() is False
    assert (rows.get(b"499"), rows.offset) == (bytes(4000), 1)


async def test_a_new_store_has_no_offset_and_was_never_written(rows: TablePartition) -> None:
    assert (rows.offset, rows.written_at) == (None, None)
    assert rows.scan(b"", b"\xff") == []
    assert rows.get(b"a") is None


async def test_the_offset_lies_where_faust_looks_for_it(table: Any, rows: TablePartition) -> None:
    rows.write({b"a": b"1"}, {}, 42)
    assert table.data.persisted_offset(TP(CHANGELOG, 2)) == 42
    assert table.data.persisted_offset(TP(CHANGELOG, 0)) is None, "another partition is another database"


async def test_a_write_of_local_rows_alone_leaves_the_offset(rows: TablePartition) -> None:
    rows.write({b"a": b"1"}, {}, 42)
    rows.write({}, {b"due/a": b""}, None)
    assert rows.offset == 42


async def test_every_write_says_when(rows: TablePartition) -> None:
    before = time.time_ns() // 1_000_000
    rows.write({}, {}, 1)
    assert rows.written_at is not None
    assert before <= rows.written_at <= time.time_ns() // 1_000_000


async def test_none_is_a_deletion_also_of_what_is_not_there(rows: TablePartition) -> None:
    rows.write({b"a": b"1", b"b": b"2"}, {b"due/a": b""}, 1)
    rows.write({b"a": None, b"never": None}, {b"due/a": None}, 2)
    assert rows.get_many([b"a", b"b", b"never", b"due/a"]) == [None, b"2", None, None]
    rows.write({b"empty": b""}, {}, 3)
    assert rows.get(b"empty") == b"", "an empty row is no deletion"


async def test_many_rows_come_in_the_order_of_the_keys(rows: TablePartition) -> None:
    rows.write({b"%d" % n: b"row %d" % n for n in range(100)}, {}, 1)
    assert rows.get_many([b"7", b"none", b"3", b"7"]) == [b"row 7", None, b"row 3", b"row 7"]
    assert rows.get_many([]) == []


async def test_a_scan_is_half_open_in_byte_order_and_without_what_is_ours(rows: TablePartition) -> None:
    rows.write({b"b": b"2", b"a": b"1", b"a\xff": b"1f", b"c": b"3", b"\xfe": b"last"}, {}, 9)
    assert rows.scan(b"a", b"c") == [(b"a", b"1"), (b"a\xff", b"1f"), (b"b", b"2")]
    assert [key for key, _ in rows.scan(b"", b"\xff")] == [b"a", b"a\xff", b"b", b"c", b"\xfe"]
    assert [key for key, _ in rows.scan(b"c", b"d")] == [b"c"], "the end of the store is not the end of the scan"
    assert rows.scan(b"d", b"e") == []
    assert rows.scan(b"\xff", b"\xff\xff") == [], "behind the last row"
    assert OFFSET_KEY < WRITTEN_KEY < b"a", "both lie in the range that was scanned"


async def test_a_replay_s_last_row_of_a_key_stands(rows: TablePartition) -> None:
    rows.load([(b"a", b"1"), (b"b", b"1"), (b"a", None), (b"b", b"2"), (b"c", None), (b"c", b"3")], 17)
    assert rows.get_many([b"a", b"b", b"c"]) == [None, b"2", b"3"]
    assert rows.offset == 17


async def test_the_store_is_let_go_of_and_another_owner_in_this_process_can_open_it(
    table: Any, rows: TablePartition
) -> None:
    rows.write({b"a": b"1"}, {}, 1)
    rows.release()
    with pytest.raises(AttributeError):
        rows.get(b"a")
    table.data._dbs.clear()
    gc.collect()
    assert TablePartition(table, 2).get(b"a") == b"1", "would fail on the lock if anything still held it"
