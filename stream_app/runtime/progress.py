"""The only place for how far a lane has come in its input, as a row of the same transaction as what came of it.

Why: an acknowledgement follows its transaction by up to a second, and waits for every record before it. After a crash
the records behind it come again; this row says which of them are done.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

VERSION = 1
PROGRESS = b"progress/"
"""What the rows of progress begin with, beside the rows of a stage in its changelog."""


class ProgressError(ValueError):
    """A row of progress that this version cannot read: written by another version, or damaged."""


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
        return msgspec.json.encode(_Row(self.upto, sorted(self.beyond)))

    @classmethod
    def from_bytes(cls, row: bytes | None) -> Progress:
        """Of the row, or of none yet. Raises ProgressError: to begin anew would fold everything twice."""
        if row is None:
            return cls()
        try:
            read = _DECODER.decode(row)
        except msgspec.MsgspecError as error:
            raise ProgressError(f"a row of progress cannot be read: {error}") from None
        if read.v != VERSION:
            raise ProgressError(
                f"a row of progress has version {read.v}, this release reads {VERSION}: run the one that wrote it"
            )
        return cls(read.upto, set(read.beyond))


class _Row(msgspec.Struct, omit_defaults=True):
    upto: Annotated[int, msgspec.Meta(ge=0)]
    beyond: list[int]
    v: int = VERSION
    """Rows of release 0.1 do not say; theirs is the first."""


_DECODER = msgspec.json.Decoder(_Row)
