"""The only place where rows are read from and written to a Faust table: RocksDB, with the changelog always first.

Faust owns assignment and recovery of the table; the writes are ours, because Faust writes the store before the
changelog is safe and only logs a failed send. Private name relied on: the RocksDB store's `_db_for_partition`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from stream_app.pipeline.ports import Outgoing

STORE_OPTIONS = {"block_cache_size": 64 << 20, "write_buffer_size": 16 << 20, "max_open_files": 256}
"""Faust's defaults would take 2 GiB of cache and 192 MiB of write buffers a partition."""

_OFFSET_KEY = b"__faust\0offset__"
_ABSENT = object()

Send = Callable[[Sequence[Outgoing]], Awaitable[Sequence[Any]]]


class TablePartition:
    """One partition of a table: `pipeline.ports.State` for reading, `lane.Rows` for writing."""

    def __init__(self, table: Any, changelog: str, partition: int, send: Send) -> None:
        self._table = table
        self._changelog = changelog
        self._partition = partition
        self._send = send
        self._store: Any = table.data._db_for_partition(partition)
        self._staged: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """The row as the lane sees it: staged, else stored."""
        staged = self._staged.get(key, _ABSENT)
        if staged is not _ABSENT:
            return staged  # type: ignore[return-value]
        value: bytes | None = self._store.get(key)
        return value

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The rows, in the order of `keys`."""
        return [self.get(key) for key in keys]

    def scan(self, first: bytes, last: bytes) -> list[tuple[bytes, bytes]]:
        """Rows from `first` to before `last`."""
        seen = dict(self.all()) | self._staged
        return sorted((key, row) for key, row in seen.items() if row is not None and first <= key < last)

    def all(self) -> list[tuple[bytes, bytes]]:
        """Every stored row of the partition."""
        return [(bytes(key), bytes(value)) for key, value in self._store.items() if bytes(key) != _OFFSET_KEY]

    def stage(self, rows: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Let later reads see these rows; the last write of a key wins."""
        self._staged.update(rows)

    async def commit(self) -> None:
        """Write the staged rows to the changelog, and when that is confirmed to the store, with the offset."""
        if not self._staged:
            return
        staged = self._staged  # Nothing is staged meanwhile: a lane folds only between commits.
        written = await self._send(
            [Outgoing(self._changelog, key, value, partition=self._partition) for key, value in staged.items()]
        )
        for key, value in staged.items():
            if value is None:
                self._store.delete(key)
            else:
                self._store.put(key, value)
        self._store.put(_OFFSET_KEY, str(max(one.offset for one in written)).encode())
        self._staged = {}

    def release(self) -> None:
        """Drop the reference to the store, or the next owner in this process could not open it."""
        self._store = None
