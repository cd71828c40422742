"""The only place for what the identity stage holds while it folds a batch: aliases, and what records come to."""

from __future__ import annotations

from stream_app.core.alias_rows import Due, due_of, read_row
from stream_app.core.identity import Alias
from stream_app.pipeline.ports import Effects, Outgoing

Row = tuple[bytes, bytes | None]


class Held:
    """An alias while a batch is folded: its state, when it is due, and what its row said before."""

    __slots__ = ("changed_by", "due", "key", "state", "stored")

    def __init__(self, key: bytes, row: bytes | None) -> None:
        self.key = key
        self.stored: Due | None = None if row is None else due_of(row)
        self.due: Due | None = self.stored
        """None: there is no row, or none any more."""
        self.state = Alias(key.decode()) if row is None else read_row(row)
        self.changed_by = -1
        """Index in the batch of the last record that changed it; -1: none did."""


class Done:
    """What one record of a batch comes to, while the batch is folded."""

    __slots__ = ("expects", "in_turn", "local", "receipts", "rows", "sends", "then")

    def __init__(self, sends: list[Outgoing] | None = None) -> None:
        self.sends: list[Outgoing] = [] if sends is None else sends
        self.rows: list[Row] = []
        self.local: list[Row] = []
        self.expects: tuple[str, ...] = ()
        self.receipts: tuple[str, ...] = ()
        self.then: tuple[Outgoing, ...] = ()
        self.in_turn: tuple[Outgoing, ...] = ()

    def effects(self) -> Effects:
        """What was gathered, as the lane takes it."""
        return Effects(
            sends=tuple(self.sends),
            rows=tuple(self.rows),
            local=tuple(self.local),
            expects=self.expects,
            receipts=self.receipts,
            then=self.then,
            in_turn=self.in_turn,
        )
