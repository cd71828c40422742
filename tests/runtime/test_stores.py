"""A store that RocksDB cannot read is thrown away before Faust meets it; the changelog has everything."""

from __future__ import annotations

import gc
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faust
import pytest

from stream_app.runtime.store_memory import bound
from stream_app.runtime.stores import DOUBTED, distrust, guard
from stream_app.runtime.tables import TablePartition


def made(datadir: Path) -> Any:
    """A real Faust table on a real RocksDB, without a broker."""
    app = faust.App("stores-test", store="rocksdb://", datadir=str(datadir), topic_partitions=4)
    made = app.Table("join", partitions=4, key_type=bytes, value_type=bytes)
    bound(made, 8)
    return made


def filled(datadir: Path, *partitions: int) -> Any:
    """The same with 2,000 rows in each of these partitions, written to disk and closed."""
    table = made(datadir)
    for partition in partitions:
        rows = TablePartition(table, partition)
        rows.write({b"call-%04d" % n: os.urandom(100) for n in range(2_000)}, {}, 1_999)
        rows.release()
    closed(table)
    return made(datadir)


def closed(table: Any) -> None:
    table.data._dbs.clear()
    gc.collect()


def spoil_current(path: Path) -> None:
    (path / "CURRENT").write_bytes(b"\0" * 16)


def spoil_manifest(path: Path) -> None:
    for one in path.glob("MANIFEST-*"):
        one.write_bytes(b"\xff" * one.stat().st_size)


def spoil_footer(path: Path) -> None:
    for one in path.glob("*.sst"):
        one.write_bytes(b"\xff" * one.stat().st_size)


def lose_current(path: Path) -> None:
    (path / "CURRENT").unlink()


def lose_rows(path: Path) -> None:
    for one in path.glob("*.sst"):
        one.unlink()


SPOILS = (spoil_current, spoil_manifest, spoil_footer, lose_current, lose_rows)


def spoil_a_block(path: Path) -> None:
    """The store opens; only who reads the rows in the middle sees it."""
    table_file = max(path.glob("*.sst"), key=lambda one: one.stat().st_size)
    content = bytearray(table_file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20] = b"\xff" * 20
    table_file.write_bytes(content)


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda one: one.__name__)
async def test_a_store_that_cannot_be_opened_is_removed_and_its_neighbour_stays(
    tmp_path: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    table = filled(tmp_path, 1, 2)
    spoil(table.data.partition_path(1))
    shutil.copytree(table.data.partition_path(1), table.data.partition_path(3))
    with pytest.raises(Exception, match=r"Corruption|No such file"):  # What Faust would meet.
        table.data._db_for_partition(3)
    shutil.rmtree(table.data.partition_path(3))
    guard(table)
    assert TablePartition(table, 1).offset is None, "a new store: the replay begins at the beginning"
    assert TablePartition(table, 2).offset == 1_999
    assert caplog.text.count("the local store is removed and will be replayed") == 1
    assert "join partition 1: the local store is removed and will be replayed" in caplog.text
    closed(table)


async def test_sound_stores_stay_and_none_is_opened_beforehand(tmp_path: Path) -> None:
    table = filled(tmp_path, 0, 3)
    guard(table)
    assert table.data._dbs == {}, "nothing is tried out beforehand"
    for partition in (0, 3):
        assert TablePartition(table, partition).get(b"call-0000") is not None
    assert not table.data.partition_path(1).exists(), "looking makes no store"
    closed(table)


async def test_a_file_in_the_way_of_a_store_is_removed(tmp_path: Path) -> None:
    table = made(tmp_path)
    path = table.data.partition_path(2)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("not a store")
    guard(table)
    assert TablePartition(table, 2).offset is None
    assert path.is_dir()
    closed(table)


async def test_what_may_pass_by_itself_removes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = filled(tmp_path, 1)

    def full(*_: Any, **__: Any) -> None:
        raise Exception("IO error: No space left on device: While appending to file: .../000012.log")

    monkeypatch.setattr(table.data.rocksdb_options, "open", full)
    guard(table)
    with pytest.raises(Exception, match="No space left on device"):
        TablePartition(table, 1)
    monkeypatch.undo()
    assert TablePartition(table, 1).offset == 1_999
    closed(table)


async def test_damage_inside_a_store_is_met_by_every_kind_of_read(tmp_path: Path) -> None:
    """RocksDB's own iteration just ends at a damaged block: half of the calls would be forgotten in silence."""
    table = filled(tmp_path, 1)
    spoil_a_block(table.data.partition_path(1))
    rows = TablePartition(table, 1)
    assert 0 < len(list(table.data._db_for_partition(1).items())) < 2_000, "as it does here"
    with pytest.raises(Exception, match="Corruption"):
        rows.scan(b"", b"\xff")
    with pytest.raises(Exception, match="Corruption"):
        rows.get_many([b"call-%04d" % n for n in range(2_000)])
    with pytest.raises(Exception, match="Corruption"):
        [rows.get(b"call-%04d" % n) for n in range(2_000)]
    rows.release()
    closed(table)


async def test_damage_that_ends_a_process_is_removed_by_the_next_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = filled(tmp_path, 1, 2)
    spoil_a_block(table.data.partition_path(1))
    rows = TablePartition(table, 1)
    with pytest.raises(Exception, match="Corruption") as met:
        rows.scan(b"", b"\xff")
    wrapped = RuntimeError(f"the Faust app ended by itself: {met.value!r}")
    rows.release()
    del met  # Its traceback holds the store open.
    closed(table)
    other = made(tmp_path)
    guard(other)
    assert TablePartition(other, 1).offset == 1_999, "it opens: nobody knows yet"
    closed(other)
    assert distrust(table.app, wrapped)
    again = made(tmp_path)
    with caplog.at_level(logging.WARNING):
        guard(again)
    assert not any(again.data.partition_path(one).exists() for one in (1, 2)), "which it was is not known: both go"
    assert caplog.text.count("the process before met damage in one of its stores") == 2
    assert not (tmp_path / DOUBTED).exists(), "once"
    assert TablePartition(again, 1).offset is None
    closed(again)


async def test_any_other_end_of_a_process_leaves_the_stores_alone(tmp_path: Path) -> None:
    table = filled(tmp_path, 1)
    away = RuntimeError("the broker is away")
    away.__cause__ = ValueError("the cause")
    assert not distrust(table.app, away)
    guard(table)
    assert TablePartition(table, 1).offset == 1_999
    closed(table)
    caused = RuntimeError("the lane failed")
    caused.__cause__ = Exception("Corruption: block checksum mismatch")
    assert distrust(table.app, caused), "also behind another error"
