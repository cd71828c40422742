"""The only place for a stage's rows in memory: `pipeline.ports.State` without a store, written as a lane writes one.

For folding a log anew (`refolding`), and for whoever wants to run a stage without Kafka: the tests and the bench.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Sequence

from stream_app.pipeline.ports import Effects, Incoming


class MemoryRows(dict[bytes, bytes]):
    """The rows by key. Set and delete single ones, or `write` them: other ways of a dict leave the scans behind."""

    def __init__(self) -> None:
        super().__init__()
        self._keys: list[bytes] = []
        """Sorted, for scans: a million rows must not be sorted anew at each tick of the clock."""

    def __setitem__(self, key: bytes, row: bytes) -> None:
        if key not in self:
            insort(self._keys, key)
        super().__setitem__(key, row)

    def __delitem__(self, key: bytes) -> None:
        super().__delitem__(key)
        del self._keys[bisect_left(self._keys, key)]

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The rows, in the order of `keys`."""
        return [self.get(key) for key in keys]

    def scan(self, first: bytes, last: bytes, limit: int | None = None) -> list[tuple[bytes, bytes]]:
        """Rows from `first` to before `last`, in the order of their keys; of more than `limit` the first ones."""
        begin, end = bisect_left(self._keys, first), bisect_left(self._keys, last)
        if limit is not None:
            end = min(end, begin + limit)
        return [(key, self[key]) for key in self._keys[begin:end]]

    def write(self, rows: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Write rows; None deletes."""
        for key, row in rows:
            if row is not None:
                self[key] = row
            elif key in self:
                del self[key]

    def folded(self, fold: Callable[[Sequence[Incoming]], list[Effects]], batch: Sequence[Incoming]) -> list[Effects]:
        """Fold a batch to its end, each part committed before the next."""
        found: list[Effects] = []
        while batch:
            effects = fold(batch)
            self.commit(effects)
            found += effects
            batch = batch[len(effects) - effects[-1].unfinished :]
        return found

    def commit(self, effects: Iterable[Effects]) -> None:
        """Write every kind of row of a batch."""
        for one in effects:
            self.write(one.rows)
            self.write(one.local)
