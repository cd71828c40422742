"""The only place that counts the calls that wait for evidence: how many, and since when the oldest does.

Exact, and no key per call: calls are counted by the ten seconds in which they ended. The counts are a row of the table,
written with the calls that changed them, so they are exact after a restart too.
"""

from __future__ import annotations

import msgspec

SLOT_MS = 10_000
_VERSION = 1


class OpenCalls:
    """Counts by slot; as many slots as a deadline is long."""

    def __init__(self) -> None:
        self._slots: dict[int, int] = {}

    def __len__(self) -> int:
        return sum(self._slots.values())

    def move(self, before: int | None, after: int | None) -> bool:
        """A call was open since `before` and is since `after`, ms (None: not open). Says whether counts changed."""
        left = None if before is None else before // SLOT_MS
        entered = None if after is None else after // SLOT_MS
        if left == entered:
            return False
        if left is not None:
            count = self._slots.get(left, 0) - 1
            if count > 0:
                self._slots[left] = count
            else:
                self._slots.pop(left, None)
        if entered is not None:
            self._slots[entered] = self._slots.get(entered, 0) + 1
        return True

    def oldest(self) -> int | None:
        """Begin of the oldest call's slot, ms: at most SLOT_MS before that call's end. None when none is open."""
        first = min(self._slots, default=None)
        return None if first is None else first * SLOT_MS

    def to_bytes(self) -> bytes:
        """The row."""
        return bytes([_VERSION]) + msgspec.msgpack.encode(self._slots)

    @classmethod
    def from_bytes(cls, row: bytes) -> OpenCalls:
        """The counts of a row. Raises ValueError for one that this version cannot read."""
        if row[:1] != bytes([_VERSION]):
            raise ValueError(f"the row of open calls has version {row[:1].hex()}, this release reads {_VERSION:02x}")
        counts = cls()
        counts._slots = msgspec.msgpack.decode(row[1:], type=dict[int, int])
        return counts
