"""The only place where the ledger stage turns packets into entries: one instance a partition of `packets`.

Steps: 1 each record becomes a leaf, kept as a row of its own; 2 an entry is closed when a record of a later hour comes,
when it is full, or when its hour is over and no record comes (`tick`); 3 the entry, the end of its rows and the new
head go out in one commit, so an entry is there once, whatever happens in between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import ValidationError

from stream_app.core.attestation import Sign
from stream_app.core.canonical import canonical_bytes
from stream_app.core.instants import format_instant
from stream_app.core.ledger import HOUR_MS, MAX_PACKETS, LedgerEntry, SealedPacket, entry_of
from stream_app.core.wire import WireError, read_json, write_json
from stream_app.pipeline import outputs
from stream_app.pipeline.ports import NOTHING, Effects, Incoming, Outgoing, State
from stream_app.topics import LEDGER

GRACE_MS = 60_000
"""How long after its end an hour stays open for records that are on their way."""
_HEAD, _LEAF = b"head", b"leaf:"
_NO_HOUR = -1

Row = tuple[bytes, bytes | None]


class LedgerPartition:
    """One partition's chain: how far it has come, and the packets that no entry covers yet."""

    def __init__(self, partition: int, rows: State, sign: Sign | None, now: Callable[[], int]) -> None:
        """`now` is the worker's clock, ms: a record whose time lies ahead of it counts as of now."""
        self._partition = partition
        self._rows = rows
        self._sign = sign
        self._now = now
        self._suffix = f"/{partition}".encode()
        self._number = 0
        self._previous_root: str | None = None
        self._hour = _NO_HOUR
        """First millisecond of the open entry's hour."""
        self._open: list[SealedPacket] = []

    def recover(self) -> None:
        """Read the chain's head and the open packets from the partition's rows."""
        head = self._rows.get(_HEAD + self._suffix)
        if head is not None:
            document = read_json(head)
            self._number, self._previous_root = document["number"], document["previousRoot"]
            self._hour = document["hour"]
        prefix = _LEAF + self._suffix
        self._open = [
            SealedPacket.from_dict(read_json(row)) for _, row in self._rows.scan(prefix + b"/", prefix + b"0")
        ]

    @property
    def uncovered(self) -> int:
        """Packets that no entry covers yet."""
        return len(self._open)

    def fold(self, batch: Sequence[Incoming]) -> list[Effects]:
        """Fold records of `packets`, in their order: one Effects each."""
        return [self._fold_one(incoming) for incoming in batch]

    def tick(self) -> Effects:
        """Close an hour that is over, where no record comes to do it."""
        if not self._open or self._now() < self._hour + HOUR_MS + GRACE_MS:
            return NOTHING
        sends, rows = self._closed()
        return Effects(sends=tuple(sends), rows=tuple(rows))

    def _fold_one(self, incoming: Incoming) -> Effects:
        # 1. A leaf.
        try:
            document: Any = read_json(incoming.value or b"")
            packet = SealedPacket(
                offset=incoming.offset, packet_id=document["packetId"], manifest_hash=document["manifestHash"]
            )
        except (WireError, KeyError, TypeError, ValidationError):
            letter = outputs.dead_letter(incoming, "ledger", "invalid_internal", "not a packet: no entry covers it")
            return Effects(sends=(letter,))
        at = min(incoming.timestamp_ms, self._now())
        hour = max(at - at % HOUR_MS, self._hour)
        sends: list[Outgoing] = []
        rows: list[Row] = []
        # 2. Close what it does not belong to.
        if self._open and (hour > self._hour or len(self._open) >= MAX_PACKETS):
            sends, rows = self._closed()
        if not self._open:
            self._hour = hour
            rows = [*(row for row in rows if row[0] != _HEAD + self._suffix), self._head()]
        self._open.append(packet)
        rows.append((self._leaf_key(packet), write_json(packet.to_dict())))
        return Effects(sends=tuple(sends), rows=tuple(rows))

    def _closed(self) -> tuple[list[Outgoing], list[Row]]:
        # 3. The entry, the end of its rows, the new head.
        entry = entry_of(self._partition, self._number, self._hour, self._open, self._previous_root, self._sign)
        rows: list[Row] = [(self._leaf_key(one), None) for one in self._open]
        self._number, self._previous_root, self._open = entry.number + 1, entry.root, []
        return [_record(entry)], [*rows, self._head()]

    def _head(self) -> Row:
        document = {"number": self._number, "previousRoot": self._previous_root, "hour": self._hour}
        return _HEAD + self._suffix, write_json(document)

    def _leaf_key(self, packet: SealedPacket) -> bytes:
        return _LEAF + self._suffix + f"/{packet.offset:020d}".encode()


def _record(entry: LedgerEntry) -> Outgoing:
    name = f"{entry.partition}/{entry.number}"
    sent = outputs.public(
        LEDGER.name,
        "ledger",
        key=str(entry.partition).encode(),
        value=canonical_bytes(entry.to_dict()),
        event_id=name,
        subject=f"{entry.topic}/{entry.partition} of {format_instant(entry.hour)}",
        time_ms=entry.hour,
    )
    return Outgoing(sent.topic, sent.key, sent.value, sent.headers, entry.partition)
