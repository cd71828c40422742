"""What all local stores of a worker take of memory is bounded, however many there are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import faust
import pytest

from stream_app.runtime.store_memory import SharedMemory, bound
from stream_app.runtime.tables import TablePartition

GROWTH = """
import sys
import time
import faust
from faust.stores.rocksdb import RocksDBOptions
from stream_app.runtime.allocator import give_back
from stream_app.runtime.store_memory import SharedMemory
from stream_app.runtime.tables import TablePartition

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

app = faust.App("memory-test", store="rocksdb://", datadir=sys.argv[1], topic_partitions=8)
table = app.Table("join", partitions=8)
table.data.rocksdb_options = SharedMemory(8) if sys.argv[2] == "shared" else RocksDBOptions()
stores = [TablePartition(table, number) for number in range(8)]
row = bytes(range(256)) * 4
before = resident()
for round in range(60):
    for store in stores:
        store.write({b"%04d-%06d" % (round, n): row for n in range(200)}, {}, round)
looks = []
for _ in range(20):  # On a busy machine files are written later than asked.
    time.sleep(0.1)
    give_back()
    looks.append(resident() - before)
print(min(looks))
"""


def grown(tmp_path: Path, options: str) -> int:
    """Resident bytes that eight stores and 100 MB of rows add to a process."""
    command = [sys.executable, "-c", GROWTH, str(tmp_path), options]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    return int(done.stdout.splitlines()[-1])


def test_eight_stores_take_no_more_than_one_worker_may(tmp_path: Path) -> None:
    assert grown(tmp_path / "shared", "shared") < 45e6, "8 MB, and what RocksDB needs of its own for eight stores"


def test_with_faust_s_options_it_would_be_seen(tmp_path: Path) -> None:
    assert grown(tmp_path / "own", "faust") > 80e6, "the test above could not fail"


def test_every_store_of_a_table_is_given_the_same_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = faust.App("memory-test", store="rocksdb://", datadir=str(tmp_path), topic_partitions=2)
    table = app.Table("join", partitions=2)
    bound(table, 8)
    asked: list[SharedMemory] = []
    really = SharedMemory.as_options

    def as_options(options: SharedMemory) -> Any:
        asked.append(options)
        return really(options)

    monkeypatch.setattr(SharedMemory, "as_options", as_options)
    for number in range(2):
        TablePartition(table, number).write({b"a": b"%d" % number}, {}, 1)
    assert len(set(map(id, asked))) == 1
    assert len(asked) >= 2
