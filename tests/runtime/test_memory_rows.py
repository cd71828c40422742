"""Rows in memory answer as a real store does, scans in portions included."""

from __future__ import annotations

from pathlib import Path

import faust

from stream_app.pipeline.ports import Effects, State
from stream_app.runtime.memory_rows import MemoryRows
from stream_app.runtime.store_memory import bound
from stream_app.runtime.tables import TablePartition

LAST = b"\xff"


def filled() -> MemoryRows:
    rows = MemoryRows()
    rows.write([(b"b", b"2"), (b"a", b"1"), (b"d", b"4"), (b"c", b"3")])
    rows.write([(b"c", None), (b"x", None), (b"a", b"one")])
    return rows


def test_rows_are_scanned_in_the_order_of_their_keys() -> None:
    rows = filled()
    assert rows.scan(b"a", b"d") == [(b"a", b"one"), (b"b", b"2")]
    assert rows.get_many([b"c", b"d"]) == [None, b"4"]
    assert rows.get(b"a") == b"one"
    rows[b"aa"] = b"set"
    del rows[b"d"]
    assert rows.scan(b"", LAST) == [(b"a", b"one"), (b"aa", b"set"), (b"b", b"2")]


async def test_portions_are_those_of_a_real_store(tmp_path: Path) -> None:
    memory = filled()
    app = faust.App("rows-test", store="rocksdb://", datadir=str(tmp_path), topic_partitions=1)
    table = app.Table("join", partitions=1)
    bound(table, 8)
    store = TablePartition(table, 0)
    store.write(dict(memory), {}, 7)
    states: list[State] = [memory, store]
    for limit in (None, 0, 1, 2, 3, 9):
        found = [one.scan(b"a", b"d", limit) for one in states]
        assert found[0] == found[1] == [(b"a", b"one"), (b"b", b"2")][:limit]


def test_every_kind_of_row_of_a_batch_is_written() -> None:
    rows = filled()
    rows.commit(
        [
            Effects(rows=((b"a", b"row"),), local=((b"l", b"local"),)),
            Effects(rows=((b"b", None), (b"t", b"too"))),
        ]
    )
    assert rows == {b"a": b"row", b"d": b"4", b"l": b"local", b"t": b"too"}
