"""The only place where spans are opened: one typed method per row of the catalogue.

A stage handles far more records than anybody wants traced, so a span is recorded only where the producer's own trace
is sampled; without one nothing is built at all. A packet is rare and always worth its span.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Link, SpanKind, Status, StatusCode, Tracer

from stream_app.telemetry.catalogue import SPANS, Span
from stream_app.telemetry.propagation import Headers, extract, handed_on, inject, parse_traceparent

MAX_LINKS = 1024
"""Distinct trace contexts one packet's span links to; the SDK's own limit of 128 is less than a busy call has tools."""

_KINDS = {"consumer": SpanKind.CONSUMER, "internal": SpanKind.INTERNAL, "producer": SpanKind.PRODUCER}
_ROWS = {span.name: span for span in SPANS}


class OpenSpan:
    """A span while its work goes on: takes the catalogue's attributes, and hands its context on as headers."""

    def __init__(self, row: Span, span: trace.Span) -> None:
        self._row = row
        self._span = span

    def set(self, **values: str) -> None:
        """Set attributes by label name; ValueError for a name or value that the catalogue does not list."""
        allowed = {label.name: label for label in self._row.attributes}
        for name, value in values.items():
            if name not in allowed or not allowed[name].allows(value):
                raise ValueError(f"span {self._row.name}: {name!r} or its value is not in the catalogue")
            self._span.set_attribute(f"stream_app.{name}", value)

    def headers(self) -> Headers:
        """What to put on records that follow from this work: this span, or where it is not recorded its parent."""
        return inject(trace.set_span_in_context(self._span, Context()))


class UnrecordedSpan(OpenSpan, AbstractContextManager["UnrecordedSpan"]):
    """A span that nobody looks at: takes the same attributes, and hands on what the record itself carried."""

    def __init__(self, row: Span, carried: Headers) -> None:
        super().__init__(row, INVALID_SPAN)
        self._carried = carried

    def headers(self) -> Headers:
        """The record's own trace context, where it is valid."""
        return handed_on(self._carried)

    def __exit__(self, *_: object) -> None:
        return


class Spans:
    """Opens the catalogue's spans with one tracer; with `recording` off every span costs next to nothing."""

    def __init__(self, tracer: Tracer, *, recording: bool = True) -> None:
        self._tracer = tracer
        self._recording = recording

    def intake_accept(self, headers: Headers) -> AbstractContextManager[OpenSpan]:
        """Around the handling of one input record with these headers."""
        return self._child("intake.accept", headers)

    def identity_resolve(self, headers: Headers) -> AbstractContextManager[OpenSpan]:
        """Around one record of the identity topic."""
        return self._child("identity.resolve", headers)

    def join_fold(self, headers: Headers) -> AbstractContextManager[OpenSpan]:
        """Around the folding of one evidence record."""
        return self._child("join.fold", headers)

    def seal_packet(self, links: Sequence[str]) -> AbstractContextManager[OpenSpan]:
        """Around the sealing of one packet; `links` are the traceparents of its evidence."""
        if not self._recording:
            return UnrecordedSpan(_ROWS["seal.packet"], ())
        return packet_span(self._tracer, links)

    def _child(self, name: str, headers: Headers) -> AbstractContextManager[OpenSpan]:
        parent = extract(headers) if self._recording else None
        if parent is None or not _sampled(parent):
            return UnrecordedSpan(_ROWS[name], headers)
        return _recorded(self._tracer, _ROWS[name], parent, ())


def packet_span(tracer: Tracer, links: Sequence[str]) -> AbstractContextManager[OpenSpan]:
    """A trace of its own for one packet, linked once to each distinct valid traceparent in `links`."""
    remotes = [remote for remote in map(parse_traceparent, dict.fromkeys(links)) if remote is not None]
    return _recorded(tracer, _ROWS["seal.packet"], Context(), [Link(remote) for remote in remotes[:MAX_LINKS]])


def _sampled(context: Context) -> bool:
    return trace.get_current_span(context).get_span_context().trace_flags.sampled


@contextmanager
def _recorded(tracer: Tracer, row: Span, parent: Context, links: Sequence[Link]) -> Iterator[OpenSpan]:
    span = tracer.start_span(row.name, parent, _KINDS[row.kind], links=links)
    try:
        yield OpenSpan(row, span)
    except Exception as error:
        # The type only: messages quote what they failed on, and traces are read more widely than packets.
        span.set_status(Status(StatusCode.ERROR, type(error).__name__))
        raise
    finally:
        span.end()
