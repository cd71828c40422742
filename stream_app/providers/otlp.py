"""The only place that reads OTLP JSON: attributes to plain values, nanoseconds, hex IDs, statuses, spans, log records.

Source: opentelemetry-proto 1.x, its JSON encoding. What exporters do differently is taken as well: names in snake case,
enumerations as numbers or names, 64-bit integers as text or numbers, IDs as protobuf's own JSON writes them (base64).
Nothing here fails: what cannot be read is None, or not there.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from stream_app.core.events import KeySpan
from stream_app.core.wire import Json
from stream_app.providers import times
from stream_app.providers.reading import boolean, first, identifier, integer, items, number, take, text

Status = Literal["unset", "ok", "error"]
_STATUSES: dict[str, Status] = {"0": "unset", "1": "ok", "2": "error", "unset": "unset", "ok": "ok", "error": "error"}
_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_MAX_NS = 2**63
_MOST_KEY_SPANS = 256
"""As many as `trace-completed` takes."""


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """Something that happened in a span."""

    name: str
    time_ms: int | None
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """One span. IDs are lower-case hex, or None where they are none; a time of 0 means that there is none."""

    number: int
    """Its place in the document, from 0: what is left to tell it by where it has no ID."""
    resource: dict[str, Any]
    scope: str | None
    name: str
    trace_id: str | None
    span_id: str | None
    parent_span_id: str | None
    kind: str
    start_ns: int | None
    end_ns: int | None
    attributes: dict[str, Any]
    status: Status
    status_message: str | None
    """What the status says besides its code; often an exception's text."""
    events: tuple[SpanEvent, ...] = field(default=())
    scope_attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def start_ms(self) -> int | None:
        """When it began."""
        return times.nanos(self.start_ns)

    @property
    def end_ms(self) -> int | None:
        """When it ended."""
        return times.nanos(self.end_ns)

    @property
    def duration_ms(self) -> int | None:
        """How long it took; None where that cannot be said."""
        if self.start_ns is None or self.end_ns is None or self.end_ns < self.start_ns:
            return None
        return round((self.end_ns - self.start_ns) / 1_000_000)


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One log record; `event_name` also where an older exporter put it among the attributes."""

    number: int
    resource: dict[str, Any]
    scope: str | None
    event_name: str | None
    trace_id: str | None
    span_id: str | None
    time_ms: int | None
    """When it happened, else when it was observed."""
    severity: str | None
    body: Any
    attributes: dict[str, Any]
    scope_attributes: dict[str, Any] = field(default_factory=dict)


def holds(document: Json) -> bool:
    """Whether this is an OTLP document at all: of traces, logs or metrics."""
    return any(isinstance(take(document, name), list) for name in ("resourceSpans", "resourceLogs", "resourceMetrics"))


def spans(document: Json) -> Iterator[Span]:
    """Every span of a document, in the order it is written in."""
    parts = _records(document, "resourceSpans", ("scopeSpans", "instrumentationLibrarySpans"), "spans")
    for place, (resource, scope, record) in enumerate(parts):
        status = take(record, "status")
        yield Span(
            number=place,
            resource=resource,
            scope=text(scope, "name"),
            name=text(record, "name") or "",
            trace_id=hex_id(take(record, "traceId"), 16),
            span_id=hex_id(take(record, "spanId"), 8),
            parent_span_id=hex_id(take(record, "parentSpanId"), 8),
            kind=_kind(take(record, "kind")),
            start_ns=_nanoseconds(take(record, "startTimeUnixNano")),
            end_ns=_nanoseconds(take(record, "endTimeUnixNano")),
            attributes=attributes(take(record, "attributes")),
            status=_status(status if isinstance(status, str | int) else take(status, "code")),
            status_message=text(status, "message"),
            events=tuple(_events(take(record, "events"))),
            scope_attributes=attributes(take(scope, "attributes")),
        )


def log_records(document: Json) -> Iterator[LogRecord]:
    """Every log record of a document, in the order it is written in."""
    parts = _records(document, "resourceLogs", ("scopeLogs", "instrumentationLibraryLogs"), "logRecords")
    for place, (resource, scope, record) in enumerate(parts):
        named = attributes(take(record, "attributes"))
        yield LogRecord(
            number=place,
            resource=resource,
            scope=text(scope, "name"),
            event_name=text(record, "eventName") or text(named.get("event.name")),
            trace_id=hex_id(take(record, "traceId"), 16),
            span_id=hex_id(take(record, "spanId"), 8),
            time_ms=times.nanos(take(record, "timeUnixNano")) or times.nanos(take(record, "observedTimeUnixNano")),
            severity=text(first(record, "severityText", "severityNumber"), limit=64),
            body=any_value(take(record, "body")),
            attributes=named,
            scope_attributes=attributes(take(scope, "attributes")),
        )


def has_failed(span: Span) -> bool:
    """Whether a span says that what it stands for failed; many that failed leave their status unset."""
    return span.status == "error" or text(span.attributes.get("error.type")) is not None


def key_spans(named: Iterable[tuple[str, Span]]) -> tuple[KeySpan, ...]:
    """Spans in summary, by the name under which each is to be counted."""
    groups: dict[str, list[Span]] = {}
    for name, span in named:
        groups.setdefault(name, []).append(span)
    return tuple(
        KeySpan(
            name=name,
            count=len(group),
            p95_ms=p95([span.duration_ms for span in group if span.duration_ms is not None]),
            errors=sum(map(has_failed, group)),
        )
        for name, group in sorted(groups.items())[:_MOST_KEY_SPANS]
    )


def p95(values: list[int]) -> int | None:
    """The smallest value that 95 % of all do not exceed; None where there are none."""
    return sorted(values)[(95 * len(values) + 99) // 100 - 1] if values else None


def _records(
    document: Json, outer: str, scopes: tuple[str, ...], inner: str
) -> Iterator[tuple[dict[str, Any], Json, dict[str, Any]]]:
    for resource_part in items(take(document, outer)):
        resource = attributes(take(resource_part, "resource", "attributes"))
        for scope_part in items(first(resource_part, *scopes)):
            scope = first(scope_part, "scope", "instrumentationLibrary")
            for record in items(take(scope_part, inner)):
                if isinstance(record, dict):
                    yield resource, scope, record


def attributes(value: Json) -> dict[str, Any]:
    """A list of keys and values as an object of plain values; of several values of one key the first."""
    if isinstance(value, dict):
        return {name: any_value(one) for name, one in value.items()}
    found: dict[str, Any] = {}
    for pair in items(value):
        name = take(pair, "key")
        if isinstance(name, str) and name:
            found.setdefault(name, any_value(take(pair, "value")))
    return found


def any_value(value: Json) -> Any:
    """The plain value of an `AnyValue`; what already is one stays, and bytes stay the base64 they were written in."""
    if not isinstance(value, dict):
        return value
    if isinstance(found := take(value, "stringValue"), str):
        return found
    if (found := take(value, "boolValue")) is not None:
        return boolean(found)
    if (found := take(value, "intValue")) is not None:
        whole = number(found)
        return None if whole is None else int(whole)
    if (found := take(value, "doubleValue")) is not None:
        return number(found)
    if (found := take(value, "arrayValue")) is not None:
        return [any_value(one) for one in items(take(found, "values"))]
    if (found := take(value, "kvlistValue")) is not None:
        return attributes(take(found, "values"))
    found = take(value, "bytesValue")
    return found if isinstance(found, str) else None


def _events(value: Json) -> Iterator[SpanEvent]:
    for one in items(value):
        if isinstance(one, dict):
            yield SpanEvent(
                text(one, "name") or "", times.nanos(take(one, "timeUnixNano")), attributes(take(one, "attributes"))
            )


def hex_id(value: Json, length: int) -> str | None:
    """A trace or span ID of `length` bytes as lower-case hex; None for any other text and for the ID that is all zeros.

    Base64 is no OTLP JSON, but protobuf's JSON writes it, and its length leaves no doubt which of the two it is.
    """
    found = identifier(value)
    if found is None:
        return None
    if re.fullmatch(rf"[0-9a-fA-F]{{{2 * length}}}", found):
        found = found.lower()
    else:
        try:
            decoded = b64decode(found, validate=True)
        except (binascii.Error, ValueError):
            return None
        if len(decoded) != length:
            return None
        found = decoded.hex()
    return None if found == "00" * length else found


def _nanoseconds(value: Json) -> int | None:
    found = number(value)
    return int(found) if found is not None and 0 < found < _MAX_NS else None


def _kind(value: Json) -> str:
    place = integer(value)
    if place is not None:
        return _KINDS[place] if place < len(_KINDS) else _KINDS[0]
    name = (text(value, limit=64) or "").lower().removeprefix("span_kind_")
    return name if name in _KINDS else _KINDS[0]


def _status(value: Json) -> Status:
    code = (text(value, limit=64) or "").lower().removeprefix("status_code_")
    return _STATUSES.get(code, "unset")
