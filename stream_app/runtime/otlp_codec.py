"""The only place where OTLP protobuf becomes the JSON document that the adapter of OpenTelemetry reads.

Protobuf's own JSON is nearly OTLP's, but writes IDs in base64 where OTLP wants hex. A record of a topic does not say
which signal it holds: the messages of all signals begin alike, and a parser that is given the wrong one finds spans
without IDs. So it is tried, unless whoever reads the topic knows. Uses the models of `opentelemetry-proto`.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterator
from typing import Any, Literal

from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from stream_app.core.wire import Json
from stream_app.providers.adapter import Refused

Signal = Literal["traces", "logs", "metrics"]

# What exporters send (`Export…ServiceRequest`) has the same fields under the same numbers. In the order in which they
# can be told apart: a metric has a name where a log record has none, not the other way round.
_MODELS: dict[Signal, Any] = {"traces": TracesData, "metrics": MetricsData, "logs": LogsData}
_PATHS = {
    "traces": ("resource_spans", "scope_spans", "spans"),
    "metrics": ("resource_metrics", "scope_metrics", "metrics"),
    "logs": ("resource_logs", "scope_logs", "log_records"),
}
_NAMES: dict[Signal, str] = {"traces": "resourceSpans", "metrics": "resourceMetrics", "logs": "resourceLogs"}
_IDS = ("traceId", "spanId", "parentSpanId")


def document_of(content: bytes, signal: Signal | None = None) -> Json:
    """One batch of spans, log records or metrics as OTLP's JSON. Raises Refused (`not_readable`)."""
    for candidate in _MODELS if signal is None else (signal,):
        message = _parsed(content, candidate)
        if message is not None and (signal is not None or _fits(message, candidate)):
            document: dict[str, Any] = {_NAMES[candidate]: []}
            document |= MessageToDict(message, use_integers_for_enums=True)
            for holder in _holders(document):
                _in_hex(holder)
            return document
    raise Refused("not_readable", f"no OTLP protobuf of {signal or 'spans, log records or metrics'}")


def _parsed(content: bytes, signal: Signal) -> Message | None:
    try:
        return _MODELS[signal].FromString(content)
    except DecodeError:
        return None


def _fits(message: Message, signal: Signal) -> bool:
    """Whether it is of this signal: its records have what none can be without, or it has none and nothing else."""
    outer, middle, inner = _PATHS[signal]
    records = [
        record
        for part in getattr(message, outer)
        for scope in getattr(part, middle)
        for record in getattr(scope, inner)
    ]
    return any(map(_IS_RECORD[signal], records)) if records else not _has_unknown_fields(message)


def _has_unknown_fields(message: Message) -> bool:
    known = message.__class__()
    known.CopyFrom(message)
    known.DiscardUnknownFields()
    return bool(known.ByteSize() != message.ByteSize())


def _is_span(record: Any) -> bool:
    return len(record.trace_id) == 16 and len(record.span_id) == 8


def _is_metric(record: Any) -> bool:
    return bool(record.name) and record.WhichOneof("data") is not None


def _is_log_record(record: Any) -> bool:
    timed = record.time_unix_nano or record.observed_time_unix_nano
    return bool(timed or record.event_name or record.attributes or record.HasField("body"))


_IS_RECORD = {"traces": _is_span, "metrics": _is_metric, "logs": _is_log_record}


def _holders(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Everything in a document that holds IDs: spans with their links, log records."""
    for part in document.get("resourceSpans", ()):
        for scope in part.get("scopeSpans", ()):
            for span in scope.get("spans", ()):
                yield span
                yield from span.get("links", ())
    for part in document.get("resourceLogs", ()):
        for scope in part.get("scopeLogs", ()):
            yield from scope.get("logRecords", ())


def _in_hex(holder: dict[str, Any]) -> None:
    for name in _IDS:
        if name in holder:
            try:
                holder[name] = b64decode(holder[name], validate=True).hex()
            except (binascii.Error, ValueError):
                del holder[name]
