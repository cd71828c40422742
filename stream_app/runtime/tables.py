"""The only place where a partition's rows are read from and written to the store of a Faust table: RocksDB.

Faust owns assignment, location and opening of the store; every write is ours, because Faust writes it before the
changelog is safe and only logs a failed send. Private name relied on: the store's `_db_for_partition`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rocksdict import WriteBatch

OFFSET_KEY = b"__faust\0offset__"
"""Faust's own: the changelog offset up to which the store has everything."""
WRITTEN_KEY = b"__stream_app\0written__"
"""When the store was last written, ms of this machine's clock."""
_OWN = (OFFSET_KEY, WRITTEN_KEY)
_BUFFERED = "rocksdb.cur-size-all-mem-tables"
WORTH_A_FILE_BYTES = 1 << 20
"""What lies in a store's buffers that is worth a file of its own when work has come to rest."""


Rows = Mapping[bytes, bytes | None]


class TablePartition:
    """One partition of a table, as stages read it (`pipeline.ports.State`) and as commits and the replay write it."""

    def __init__(self, table: Any, partition: int) -> None:
        self.partition = partition
        self._store: Any = table.data._db_for_partition(partition)

    def get(self, key: bytes) -> bytes | None:
        """The row, or None."""
        row: bytes | None = self._store.get(key)
        return row

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The rows, in the order of `keys`; one look-up for all."""
        rows: list[bytes | None] = self._store.get(list(keys)) if keys else []
        return rows

    def scan(self, first: bytes, last: bytes, limit: int | None = None) -> list[tuple[bytes, bytes]]:
        """Rows whose key lies from `first` (included) to `last` (left out), in the order of their bytes; of more than
        `limit` the first ones."""
        found: list[tuple[bytes, bytes]] = []
        at = first
        for at, row in self._store.items(from_key=first):
            if at >= last or len(found) == limit:
                return found
            if at not in _OWN:
                found.append((at, row))
        self._check_ended(at)
        return found

    def _check_ended(self, at: bytes) -> None:
        """RocksDB's iteration ends at a damaged block as it does at the last row: ask which it was, or raise."""
        rest = self._store.iter()
        rest.seek(at)
        if rest.valid():
            rest.next()
        rest.status()

    def write(self, rows: Rows, local: Rows, offset: int | None) -> None:
        """One atomic write: rows, local rows, and the changelog offset of the last row."""
        batch = WriteBatch(raw_mode=True)
        for part in (rows, local):
            for key, row in part.items():
                if row is None:
                    batch.delete(key)
                else:
                    batch.put(key, row)
        if offset is not None:
            batch.put(OFFSET_KEY, b"%d" % offset)
        batch.put(WRITTEN_KEY, b"%d" % (time.time_ns() // 1_000_000))
        self._store.write(batch)

    def settle(self) -> bool:
        """Write to its files what a burst has left in the store's buffers, and so free them. False: little was there.

        Blocks for some milliseconds a megabyte: call it at rest.
        """
        if (self._store.property_int_value(_BUFFERED) or 0) < WORTH_A_FILE_BYTES:
            return False
        self._store.flush()
        return True

    def load(self, rows: Iterable[tuple[bytes, bytes | None]], offset: int) -> None:
        """Write what a replay brings, in its order: the last row of a key stands."""
        self.write({}, dict(rows), offset)

    @property
    def offset(self) -> int | None:
        """Changelog offset up to which the store has everything; None for a new one."""
        stored = self._store.get(OFFSET_KEY)
        return None if stored is None else int(stored)

    @property
    def written_at(self) -> int | None:
        """When it was last written, ms."""
        stored = self._store.get(WRITTEN_KEY)
        return None if stored is None else int(stored)

    def release(self) -> None:
        """Drop the reference to the store, or the next owner in this process could not open it."""
        self._store = None
