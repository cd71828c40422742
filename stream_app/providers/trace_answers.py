"""The only place that reads what a trace backend answers: a whole trace, as its key spans in summary.

Sources: Jaeger's query API (`/api/traces/{id}`: `data[].spans`, tags, microseconds) and Tempo's, which answers in
OTLP's JSON (`batches`, later `trace.resourceSpans`). Of a span its kind, times and status count; no value of an
attribute leaves.
"""

from __future__ import annotations

from typing import Any

from stream_app.core.events import KeySpan
from stream_app.core.wire import Json
from stream_app.providers import otlp
from stream_app.providers.otel import counted_spans
from stream_app.providers.otel_names import Names
from stream_app.providers.otlp import Span
from stream_app.providers.reading import first, integer, items, take, text

MAX_SPANS = 100_000


class NoTrace(Exception):
    """The answer holds no span of the trace that was asked for; the text says why, and quotes nothing."""


def key_spans_of(document: Json, trace_id: str) -> tuple[KeySpan, ...]:
    """The key spans of this trace (32 hex digits, lower case), sorted by name. Raises NoTrace.

    A trace without any span of speech, models or tools has none: it is there, and can be opened.
    """
    spans = [*_jaeger(document), *_otlp(document)]
    mine = [span for span in spans if span.trace_id == trace_id]
    if not mine:
        raise NoTrace("it tells of another trace" if spans else "it holds no span")
    if len(mine) > MAX_SPANS:
        raise NoTrace(f"it holds more than {MAX_SPANS} spans")
    return otlp.key_spans(counted_spans(mine, Names(trace_id, mine, [])))


def _otlp(document: Json) -> list[Span]:
    inner = take(document, "trace") if isinstance(take(document, "trace"), dict) else document
    batches = first(inner, "resourceSpans", "batches")
    return list(otlp.spans({"resourceSpans": batches})) if isinstance(batches, list) else []


def _jaeger(document: Json) -> list[Span]:
    found: list[Span] = []
    for trace in items(take(document, "data")):
        for one in items(take(trace, "spans")):
            if isinstance(one, dict):
                found.append(_span(one, len(found)))
    return found


def _span(one: dict[str, Any], number: int) -> Span:
    tags = {str(tag["key"]): tag.get("value") for tag in items(take(one, "tags")) if isinstance(take(tag, "key"), str)}
    start, took = integer(one, "startTime"), integer(one, "duration")
    start_ns = None if start is None else start * 1000
    failed = tags.get("error") in (True, "true") or str(tags.get("otel.status_code", "")).upper() == "ERROR"
    parents = [take(ref, "spanID") for ref in items(take(one, "references")) if take(ref, "refType") == "CHILD_OF"]
    return Span(
        number=number,
        resource={},
        scope=text(tags.get("otel.scope.name")) or text(tags.get("otel.library.name")),
        name=text(one, "operationName") or "",
        trace_id=otlp.hex_id(_padded(take(one, "traceID"), 32), 16),
        span_id=otlp.hex_id(_padded(take(one, "spanID"), 16), 8),
        parent_span_id=otlp.hex_id(_padded(parents[0], 16), 8) if parents else None,
        kind=str(tags.get("span.kind") or "unspecified"),
        start_ns=start_ns,
        end_ns=None if start_ns is None or took is None else start_ns + took * 1000,
        attributes=tags,
        status="error" if failed else "unset",
        status_message=None,
    )


def _padded(value: Json, length: int) -> Json:
    """Jaeger leaves leading zeros out."""
    return value.rjust(length, "0") if isinstance(value, str) and 0 < len(value) < length else value
