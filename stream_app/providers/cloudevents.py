"""The only place that knows how strangers put our events into CloudEvents: binary and structured mode, free-form data.

Sources: CloudEvents 1.0.2 and its Kafka binding; the envelope is read by `core.cloud_events`. A record is given as
`{"headers": …, "key": …, "value": …}`, a structured event also by itself. The end of its type tells what it reports:
`com.example.voice.call.ended.v1` is a call-ended. Data are our own event, or fields under their usual names.
`source` and `id` together name an event, and the same one in both modes gives the same events: so what may be in one
of them only (`traceparent`) is said in an event of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from stream_app.core import cloud_events
from stream_app.core.cloud_events import Headers, Parsed
from stream_app.core.events import Event, IdentityLinked
from stream_app.core.identities import PRECEDENCE, TRACE_SCHEME
from stream_app.core.wire import Json, WireError, write_json
from stream_app.providers import carriers, times
from stream_app.providers.adapter import Delivery, Normalised, Refused, event
from stream_app.providers.cloudevents_data import KINDS, Made
from stream_app.providers.cloudevents_types import kind_of, silent
from stream_app.providers.privacy import Screen
from stream_app.providers.reading import first, fold, identifier, items, mapping, take, text
from stream_app.providers.reading import parsed as read_text

MAX_HEADERS = 256
_STRUCTURED = "application/cloudevents+json"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_TWILIO_SID = re.compile(r"CA[0-9a-fA-F]{32}")
_ATTRIBUTES = {
    fold(name): name
    for name in (
        "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data",
        "data_base64", "partitionkey", "traceparent", "tracestate",
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Envelope:
    """A CloudEvent's data, and what stands around them."""

    data: dict[str, Any]
    attributes: dict[str, str]
    key: str | None

    @property
    def at_ms(self) -> int | None:
        """When it happened."""
        return times.iso(self.attributes.get("time"))


def normalize(delivery: Delivery) -> Normalised:
    """The event that is inside of a CloudEvent."""
    envelope = _opened(delivery.document)
    stated = envelope.attributes.get("type") or text(envelope.data, "type") or ""
    kind = kind_of(stated) or kind_of(text(envelope.data, "type") or "")
    if kind is None:
        if silent(stated):
            return _link(delivery, envelope, "a call that goes on")
        raise Refused("unknown_shape", "the type ends in none of our events' names")
    names, beside = _names(envelope), carriers.trace_id(envelope.attributes)
    id = _id(envelope)
    # The trace is what this event is about, or its only name.
    needed = kind.name == "trace-completed" or _known(names) < (2 if kind.name == "identity-linked" else 1)
    if needed and names["trace_id"] is None and beside is not None:
        names["trace_id"], id = beside, f"{id}:{beside}"
    if kind.name == "identity-linked" and _known(names) < 2:
        raise Refused("nothing_to_report", "one name links nothing")
    made = KINDS[kind.name](Made(delivery, envelope.data, kind, id, envelope.at_ms))
    found: list[Event] = [
        event(
            made.model,
            delivery,
            id=id,
            at_ms=made.at_ms,
            span_id=identifier(envelope.data, "span_id"),
            **made.fields,
            **names,
        )
    ]
    if beside is not None and names["trace_id"] is None:
        linked = {**names, "trace_id": beside}
        found.append(event(IdentityLinked, delivery, id=f"{id}:trace:{beside}", at_ms=made.at_ms, **linked))
    return Normalised(tuple(found), made.blobs)


def _id(envelope: Envelope) -> str:
    """`source` and `id` name a CloudEvent; an event of ours without an envelope names itself."""
    if envelope.attributes:
        return f"{envelope.attributes['source']}:{envelope.attributes['id']}"
    own = identifier(envelope.data, "event_id")
    if own is None:
        raise Refused("unknown_shape", "neither a CloudEvent nor an event of ours")
    return own


def _known(names: dict[str, Any]) -> int:
    return len(names["aliases"]) + sum(names[one] is not None for one in ("canonical_call_id", "trace_id"))


def _link(delivery: Delivery, envelope: Envelope, otherwise: str) -> Normalised:
    names = _names(envelope)
    names["trace_id"] = names["trace_id"] or carriers.trace_id(envelope.attributes)
    if _known(names) < 2:
        raise Refused("nothing_to_report", otherwise)
    # A stranger's retry may come with another `traceparent`: then it is another report.
    id = f"{_id(envelope)}:names:{names['trace_id']}"
    return Normalised((event(IdentityLinked, delivery, id=id, at_ms=envelope.at_ms, **names),))


def _names(envelope: Envelope) -> dict[str, Any]:
    """Who the call is: what the data say, then `partitionkey` and `subject`, which are there for it, then the key."""
    data, attributes = envelope.data, envelope.attributes
    aliases: dict[str, str] = {}
    for scheme in PRECEDENCE:
        if scheme != TRACE_SCHEME and (name := identifier(data, scheme)) is not None:
            aliases[scheme] = name
    if (sid := identifier(data, "call_sid")) is not None and _TWILIO_SID.fullmatch(sid):
        aliases["twilioCallSid"] = sid
    stated = list(mapping(take(data, "aliases")).items())
    stated += [(take(pair, "scheme"), take(pair, "value")) for pair in items(take(data, "aliases"))]
    trace = carriers.trace_id(data)
    for scheme, value in stated[:48]:
        name = identifier(value)
        if name is None or not isinstance(scheme, str) or not _SCHEME.fullmatch(scheme):
            continue
        if scheme == TRACE_SCHEME:
            trace = trace or name
        else:
            aliases.setdefault(scheme, name)
    around = (attributes.get("partitionkey"), attributes.get("subject"), take(data, "call_id"), envelope.key)
    return {
        "canonical_call_id": carriers.call_id(data, attributes)
        or next((found for one in around if (found := identifier(one)) is not None), None),
        "aliases": aliases,
        "trace_id": trace,
    }


def _opened(document: Json) -> Envelope:
    if isinstance(document, list):
        raise Refused("not_readable", "a batch; one record is one event")
    if not isinstance(document, dict):
        raise Refused("not_readable", "not a JSON object")
    key = None
    if take(document, "specversion") is not None:
        parsed = _parse((("content-type", _STRUCTURED.encode()),), _bytes(_structured(document)))
    elif take(document, "headers") is not None or take(document, "value") is not None:
        headers = _headers(take(document, "headers"))
        key = identifier(document, "key")
        value = first(document, "value", "body", "data")
        parsed = _parse(headers, None if value is None else _bytes(value))
    else:
        parsed = Parsed("plain", document, b"")
    inner = read_text(parsed.document)
    if not isinstance(inner, dict):
        raise Refused("not_readable", "data that are no JSON object")
    if parsed.mode == "plain" and take(inner, "specversion") is not None:
        # A structured event whose sender forgot the media type.
        return _opened(inner)
    return Envelope(inner, parsed.attributes, key)


def _parse(headers: Headers, value: bytes | None) -> Parsed:
    try:
        return cloud_events.parse(headers, value)
    except WireError as error:
        detail = Screen().text(error.detail)[:200]
        raise Refused("nothing_to_report" if error.reason == "tombstone" else "not_readable", detail) from None


def _structured(document: dict[str, Any]) -> dict[str, Any]:
    """Names of attributes are lower case by the specification, not by every sender."""
    found: dict[str, Any] = {}
    for name, value in document.items():
        usual = _ATTRIBUTES.get(fold(name), name)
        if name == usual or found.get(usual) is None:
            found[usual] = value
    return found


def _headers(value: Json) -> Headers:
    """Names in lower case, and with the `_` of Kafka where it was HTTP's `-`."""
    pairs: list[tuple[Any, Any]] = list(value.items()) if isinstance(value, dict) else []
    for one in items(value):
        pairs.append(
            (one[0], one[1]) if isinstance(one, list) and len(one) == 2 else (take(one, "key"), take(one, "value"))
        )
    found: list[tuple[str, bytes]] = []
    for name, content in pairs[:MAX_HEADERS]:
        if not isinstance(name, str) or content is None:
            continue
        if isinstance(content, dict | list):
            raise Refused("not_readable", "a header that is no text")
        name = name.strip().lower()
        if name.startswith("ce-"):
            name = f"ce_{name[3:]}"
        written = str(content).lower() if isinstance(content, bool) else str(content)
        found.append((name, _bytes(written)))
    return tuple(found)


def _bytes(value: Json) -> bytes:
    try:
        return value.encode() if isinstance(value, str) else write_json(value)
    except (ValueError, RecursionError):
        raise Refused("not_readable", "a value that no JSON text stands for") from None
