"""The only place for rows that are folded and not committed yet: they lie over the store, for the folds that follow.

What a stage says only to itself need not be durable at once: its input is not acknowledged before, and comes again
after a fault. So rows wait for the next record that leaves, or a second, and a line whose calls are seldom ordered
makes few transactions. Until then they are read here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stream_app.pipeline.ports import State


class PendingRows:
    """`pipeline.ports.State` over another: what is held hides what is stored. None stands for a row that is deleted."""

    def __init__(self, stored: State) -> None:
        self._stored = stored
        self._held: dict[bytes, bytes | None] = {}

    def hold(self, rows: Mapping[bytes, bytes | None]) -> None:
        """Rows that are not committed yet."""
        self._held.update(rows)

    def settle(self) -> None:
        """All that was held is stored now."""
        self._held.clear()

    def let_go(self) -> None:
        """Forget what the store has by now: for lanes that share a partition, of which none knows all commits."""
        if self._held:
            stored = self._stored.get_many(list(self._held))
            self._held = {key: row for (key, row), was in zip(self._held.items(), stored, strict=True) if row != was}

    def get(self, key: bytes) -> bytes | None:
        """The row, or None."""
        return self._held[key] if key in self._held else self._stored.get(key)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The rows, in the order of `keys`; the store is asked once, for those that are not held."""
        held = self._held
        if not held:
            return self._stored.get_many(keys)
        asked = [key for key in keys if key not in held]
        found = iter(self._stored.get_many(asked) if asked else ())
        return [held[key] if key in held else next(found) for key in keys]

    def scan(self, first: bytes, last: bytes, limit: int | None = None) -> list[tuple[bytes, bytes]]:
        """Rows from `first` to before `last`, in the order of their keys; of more than `limit` the first ones."""
        held = {key: row for key, row in self._held.items() if first <= key < last}
        if not held:
            return self._stored.scan(first, last, limit)
        # Each held key may hide one that is stored: with so many more there are enough left.
        stored = self._stored.scan(first, last, None if limit is None else limit + len(held))
        found = {key: row for key, row in stored if key not in held}
        found.update((key, row) for key, row in held.items() if row is not None)
        return sorted(found.items())[:limit]
