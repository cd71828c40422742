"""The only place for how far a lane has come in its input, as a row of the same transaction as what came of it.

Why: an acknowledgement follows its transaction by up to a second, and waits for every record before it. After a crash
the records behind it come again; this row says which of them are done.
"""

from __future__ import annotations

import json

PROGRESS = b"progress/"
"""What the rows of progress begin with, beside the rows of a stage in its changelog."""


def row_key(topic: str, partition: int) -> bytes:
    """The row of one input partition; `topic` without prefix."""
    return PROGRESS + f"{topic}/{partition}".encode()


class Progress:
    """Offsets that are done: every one below `upto`, and some beyond it."""

    def __init__(self, upto: int = 0, beyond: frozenset[int] | set[int] = frozenset()) -> None:
        self.upto = upto
        self.beyond = set(beyond)

    def __contains__(self, offset: int) -> bool:
        return offset < self.upto or offset in self.beyond

    def reach(self, offset: int) -> None:
        """Everything up to and with `offset` is done."""
        self.upto = max(self.upto, offset + 1)
        self.beyond = {one for one in self.beyond if one >= self.upto}

    def add(self, offset: int) -> None:
        """This one is done; those before it may not be."""
        if offset >= self.upto:
            self.beyond.add(offset)

    def to_bytes(self) -> bytes:
        """The row."""
        return json.dumps({"upto": self.upto, "beyond": sorted(self.beyond)}, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, row: bytes | None) -> Progress:
        """Of the row, or of none yet."""
        if row is None:
            return cls()
        document = json.loads(row)
        return cls(document["upto"], set(document["beyond"]))
