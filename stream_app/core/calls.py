"""The only place for what the join remembers of one call: its evidence, what was ordered, which timers are due."""

from __future__ import annotations

from stream_app.core.evidence import KIND_ORDER, EventRecord, Position, kind_of
from stream_app.core.instants import parse_instant
from stream_app.core.model import Identifier, Model, Sha256
from stream_app.core.orders import Conflict, Item, SelectionReason

MAX_KEPT_REPEATS = 1000
"""Positions of duplicates kept for the accounting; beyond it they are only counted."""


class CallState(Model):
    """Everything the join knows of one call; small, because items are reduced events and references."""

    call_id: Identifier
    items: tuple[Item, ...] = ()
    duplicates: tuple[Position, ...] = ()
    duplicate_count: int = 0
    conflicts: tuple[Conflict, ...] = ()
    alternates: tuple[Item, ...] = ()
    """Other contents of conflicting events: none is believed, but a reason that any of them gives counts."""
    first_seen: int | None = None
    """Join time when the first evidence came, ms; None until the join has a time at all."""
    policy: Sha256 | None = None
    """The policy in force when call-ended came; a call is bound to it."""
    reason_since: int | None = None
    """Join time, ms, when the first reason to review the call appeared."""
    deadline_passed: bool = False
    orphan_passed: bool = False
    soft_passed: int = 0
    """How many soft thresholds have passed."""
    firing: tuple[str, ...] = ()
    """IDs of alerts that were raised and not yet resolved."""
    version: int = 0
    """Last version ordered; 0 means none."""
    ordered_reason: SelectionReason | None = None
    changed_at: int | None = None
    """Join time, ms, of the first new evidence after the last version; None when nothing changed."""
    changed_by_conflict: bool = False

    def knows(self, position: Position) -> bool:
        """Whether the record at this source position is already accounted for here."""
        return (
            any(item.position == position for item in self.items)
            or position in self.duplicates
            or any(position in conflict.positions for conflict in self.conflicts)
        )


def item_of(record: EventRecord, skew_ahead: int) -> Item:
    """The record as evidence; a time further in the future than `skew_ahead` ms is clamped to the broker's, flagged."""
    occurred = parse_instant(record.event["occurredAt"])
    skewed = occurred > record.received_at + skew_ahead
    return Item(
        kind=kind_of(record.event),
        event_id=record.event["eventId"],
        position=record.position,
        received_at=record.received_at,
        occurred_at=record.received_at if skewed else occurred,
        skewed=skewed or _ends_in_future(record, skew_ahead),
        digest=record.digest,
        event=record.event,
        traceparent=record.traceparent,
    )


def _ends_in_future(record: EventRecord, skew_ahead: int) -> bool:
    ended = record.event.get("endedAt")
    return ended is not None and parse_instant(ended) > record.received_at + skew_ahead


def end_of(call: Item, skew_ahead: int, skew_behind: int) -> int:
    """When the call ended, ms: the anchor of its deadlines, clamped to the broker's time where it lies far off.

    Too far ahead is a broken clock. Too far behind is a producer that delivered late: its call deserves its full
    deadline, counted from when we could first know of it.
    """
    ended = parse_instant(call.event["endedAt"])
    if ended > call.received_at + skew_ahead or ended < call.received_at - skew_behind:
        return call.received_at
    return ended


def stated_end(call: Item, skew_ahead: int) -> int:
    """When the source says the call ended, ms, a time in the future replaced by the broker's: it dates the packet."""
    ended = parse_instant(call.event["endedAt"])
    return call.received_at if ended > call.received_at + skew_ahead else ended


def _rank(item: Item) -> tuple[int, int, str, int, str]:
    event = item.event
    return (
        KIND_ORDER.index(item.kind),
        event.get("sequence", 0) if item.kind == "tools" else 0,
        event.get("toolCallId", "") if item.kind == "tools" else "",
        event.get("occurrence", 0) if item.kind == "tools" else 0,
        item.event_id,
    )


def packet_order(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Items in the order in which a packet lists them, whatever order they came in."""
    return tuple(sorted(items, key=_rank))


def aliases_of_items(items: tuple[Item, ...]) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """(scheme -> shown value, scheme -> its further values) over all evidence; the smallest value is shown."""
    found: dict[str, set[str]] = {}
    for item in items:
        for scheme, value in item.event.get("aliases", {}).items():
            found.setdefault(scheme, set()).add(value)
        if "traceId" in item.event:
            found.setdefault("traceId", set()).add(item.event["traceId"])
    shown = {scheme: min(values) for scheme, values in sorted(found.items())}
    further = {
        scheme: tuple(sorted(values - {shown[scheme]})) for scheme, values in sorted(found.items()) if len(values) > 1
    }
    return shown, further
