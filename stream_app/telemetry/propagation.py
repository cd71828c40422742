"""The only place where W3C trace context is read from and written to Kafka headers.

Headers come from strangers: whatever is not a valid `traceparent` counts as none, and never fails a record.
"""

from __future__ import annotations

import re

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from opentelemetry.trace.span import TraceState

Headers = tuple[tuple[str, bytes], ...]
"""Kafka headers, as pipeline/ports.py has them."""

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"
EXTENSION = "ce_"
"""CloudEvents' own distributed tracing extension: read where the plain headers are not there."""
MAX_TRACESTATE_BYTES = 512
"""What the W3C asks everybody to carry; a longer one is dropped, the traceparent stays."""

_TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?!0{32})(?P<trace>[0-9a-f]{32})-(?!0{16})(?P<span>[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<rest>-.*)?"
)

_PLAIN = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]")


def parse_traceparent(text: str) -> SpanContext | None:
    """The remote span that a `traceparent` names, or None where it is not valid."""
    match = _valid(text)
    if match is None:
        return None
    return SpanContext(
        int(match["trace"], 16), int(match["span"], 16), is_remote=True,
        trace_flags=TraceFlags(int(match["flags"], 16) & TraceFlags.SAMPLED),
    )  # fmt: skip


def _valid(text: str) -> re.Match[str] | None:
    match = _TRACEPARENT.fullmatch(text)
    if match is None or match["version"] == "ff" or (match["version"] == "00" and match["rest"]):
        return None
    return match


def traceparent_of(headers: Headers) -> str | None:
    """The valid `traceparent` of a record, as it goes into the evidence record; None for none, several or a bad one."""
    values = _named(headers, TRACEPARENT)
    if len(values) != 1:
        return None
    text = values[0].decode("latin-1").strip(" \t")
    return text if len(text) <= 128 and _valid(text) else None


def carries_trace(headers: Headers) -> bool:
    """Whether any header may hold trace context; cheap, for the many records that have none."""
    return any("traceparent" in name.lower() for name, _ in headers)


def handed_on(headers: Headers) -> Headers:
    """What `inject(extract(headers))` gives, without building anything where one plain traceparent stands."""
    named = [header for header in headers if "trace" in header[0].lower()]
    if len(named) == 1 and named[0][0] == TRACEPARENT and _PLAIN.fullmatch(named[0][1] or b""):
        return (named[0],)
    context = extract(headers)
    return () if context is None else inject(context)


def _named(headers: Headers, name: str) -> list[bytes]:
    """The values of a header, or of the CloudEvents extension of that name."""
    size = len(name)
    plain = [value for found, value in headers if len(found) == size and found.lower() == name and value is not None]
    if plain:
        return plain
    return [value for found, value in headers if found.lower() == EXTENSION + name and value is not None]


def extract(headers: Headers) -> Context | None:
    """The producer's trace context, to be the parent of a span; None where the headers carry no valid one."""
    text = traceparent_of(headers)
    remote = parse_traceparent(text) if text is not None else None
    if remote is None:
        return None
    entries = _named(headers, TRACESTATE)
    if 0 < sum(map(len, entries)) <= MAX_TRACESTATE_BYTES:
        state = TraceState.from_header([entry.decode("latin-1") for entry in entries])
        remote = SpanContext(remote.trace_id, remote.span_id, True, remote.trace_flags, state)
    return trace.set_span_in_context(NonRecordingSpan(remote), Context())


def inject(context: Context | None = None) -> Headers:
    """The headers that hand on this context (None: the current one); empty where there is no span in it."""
    span = trace.get_current_span(context).get_span_context()
    if not span.is_valid:
        return ()
    parent = f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags & TraceFlags.SAMPLED:02x}"
    headers: Headers = ((TRACEPARENT, parent.encode()),)
    if span.trace_state:
        headers += ((TRACESTATE, span.trace_state.to_header().encode()),)
    return headers
