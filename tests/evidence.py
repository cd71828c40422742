"""Reduced evidence, as intake makes it, from a few words: for tests of everything that looks at evidence."""

from __future__ import annotations

from typing import Any

from stream_app.core.calls import BITS, Piece
from stream_app.core.events import EVENT_TYPES
from stream_app.core.evidence import Position, event_digest, kind_of, reduce_event
from stream_app.core.instants import format_instant
from stream_app.core.orders import Item
from stream_app.core.wire import write_json

START_MS = 1_780_512_000_000
"""2026-06-03T18:40:00Z."""

_TYPES = {event.TYPE: event for event in EVENT_TYPES}


def item(type_: str, event_id: str, *, at: int = 0, **fields: Any) -> Item:
    """An accepted event of this type, `at` ms after START_MS; `fields` are the event's own, camelCase."""
    document = {
        "schemaVersion": 1,
        "eventId": event_id,
        "type": type_,
        "source": "test",
        "occurredAt": format_instant(START_MS + at),
        "canonicalCallId": "call-1",
        **fields,
    }
    return item_of_document(document)


def item_of_document(document: dict[str, Any], offset: int = 0) -> Item:
    """An accepted event from its public JSON."""
    event = _TYPES[document["type"]].from_dict(document)
    reduced = reduce_event(event)
    return Item(
        kind=kind_of(reduced),
        event_id=event.event_id,
        position=Position(topic=event.TYPE, partition=0, offset=offset),
        received_at=event.occurred_at,
        occurred_at=event.occurred_at,
        digest=event_digest(event),
        event=reduced,
    )


def piece(one: Item) -> Piece:
    """The item as the join remembers it."""
    place = one.position
    return Piece(
        one.kind, one.event_id, place.topic, place.partition, place.offset, one.received_at, one.occurred_at,
        one.skewed, one.digest, write_json(one.event), BITS[one.kind], one.traceparent,
    )  # fmt: skip


def pieces(*items: Item) -> tuple[Piece, ...]:
    """Several."""
    return tuple(piece(one) for one in items)


def call(event_id: str = "call", *, at: int = 0, **fields: Any) -> Item:
    """A call-ended with nothing remarkable in it."""
    return item("call-ended", event_id, at=at, **{"endedAt": format_instant(START_MS), **fields})


def tool(event_id: str, *, key: str = "", at: int = 0, **fields: Any) -> Item:
    """A successful tool call; its tool-call ID is the event ID unless `key` says otherwise."""
    stated = {"toolCallId": key or event_id, "name": "lookup", "status": "succeeded", **fields}
    return item("tool-call", event_id, at=at, **stated)


def evaluation(event_id: str = "eval", *, at: int = 0, **fields: Any) -> Item:
    """An evaluation that found nothing; its evaluation ID is the event ID unless stated."""
    return item("evaluation-completed", event_id, at=at, **{"evaluationId": event_id, "label": "passed", **fields})


def report(event_id: str = "report", *, at: int = 0, **fields: Any) -> Item:
    """A customer's report."""
    return item("call-reported", event_id, at=at, **fields)


def request(trigger: str, event_id: str = "", *, at: int = 0) -> Item:
    """A review request."""
    return item("selection-requested", event_id or f"request-{trigger}", at=at, trigger=trigger)


def artifact(kind: str, event_id: str = "", *, at: int = 0, never: bool = False, uri: str = "") -> Item:
    """An artifact that is ready (at `uri`), or never will be."""
    stated: dict[str, Any] = {"artifact": kind, "availability": "never" if never else "ready"}
    if not never:
        stated["reference"] = {"uri": uri or f"s3://provider-drop/{kind}"}
    return item("artifact-ready", event_id or f"{kind}-{stated['availability']}", at=at, **stated)
