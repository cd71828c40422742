"""Spans: children of the producers' traces, links to all evidence, closed attributes, nothing where nobody looks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from stream_app.telemetry import Spans, disabled, packet_span
from stream_app.telemetry.catalogue import SPANS
from stream_app.telemetry.propagation import Headers
from stream_app.telemetry.spans import MAX_LINKS

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = PARENT[:-2] + "00"
SAMPLED_HEADERS: Headers = (("traceparent", PARENT.encode()),)


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> Spans:
    provider = TracerProvider(shutdown_on_exit=False, span_limits=SpanLimits(max_links=MAX_LINKS))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Spans(provider.get_tracer("test"))


def only(exporter: InMemorySpanExporter) -> ReadableSpan:
    (span,) = exporter.get_finished_spans()
    return span


CHILDREN: tuple[tuple[str, Callable[[Spans], object]], ...] = (
    ("intake.accept", lambda spans: spans.intake_accept),
    ("identity.resolve", lambda spans: spans.identity_resolve),
    ("join.fold", lambda spans: spans.join_fold),
)


@pytest.mark.parametrize(("name", "method"), CHILDREN)
def test_a_stage_continues_the_producers_trace(
    name: str, method: Callable[..., Callable[..., object]], spans: Spans, exporter: InMemorySpanExporter
) -> None:
    with method(spans)(SAMPLED_HEADERS) as opened:
        handed_on = opened.headers()
    span = only(exporter)
    assert span.name == name
    assert span.kind is SpanKind.CONSUMER
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"
    assert span.context is not None
    expected = f"00-0af7651916cd43dd8448eb211c80319c-{span.context.span_id:016x}-01"
    assert handed_on == (("traceparent", expected.encode()),)


def test_without_a_sampled_trace_nothing_is_built_and_the_context_still_travels(
    spans: Spans, exporter: InMemorySpanExporter
) -> None:
    with spans.join_fold(()) as opened:
        assert opened.headers() == ()
    with spans.join_fold((("traceparent", UNSAMPLED.encode()),)) as opened:
        opened.set(kind="tools", disposition="used")
        assert opened.headers() == (("traceparent", UNSAMPLED.encode()),)
    assert exporter.get_finished_spans() == ()


def test_a_packet_is_linked_to_every_piece_of_its_evidence(spans: Spans, exporter: InMemorySpanExporter) -> None:
    contexts = [f"00-{number:032x}-{number:016x}-01" for number in range(1, 300)]
    with spans.seal_packet([*contexts, contexts[0], "not a traceparent", ""]) as opened:
        opened.set(status="complete", reason="failed_tool_call", outcome="stored")
    span = only(exporter)
    assert span.parent is None
    linked = [link.context.trace_id for link in span.links]
    assert linked == list(range(1, 300)), "each distinct context once, in order"
    assert span.attributes == {
        "stream_app.status": "complete",
        "stream_app.reason": "failed_tool_call",
        "stream_app.outcome": "stored",
    }


def test_a_packet_has_its_span_also_without_any_trace(spans: Spans, exporter: InMemorySpanExporter) -> None:
    with spans.seal_packet([]):
        pass
    assert only(exporter).name == "seal.packet"


def test_switched_off_costs_nothing_and_hands_the_context_on() -> None:
    telemetry = disabled()
    with telemetry.spans.intake_accept(SAMPLED_HEADERS) as opened:
        assert opened.headers() == SAMPLED_HEADERS
    with telemetry.spans.seal_packet([PARENT]) as opened:
        assert opened.headers() == ()
    with packet_span(telemetry.tracer, [PARENT]) as opened:
        assert opened.headers() == ()


@pytest.mark.parametrize(
    "attributes",
    [{"canonical_call_id": "call_7f3b"}, {"status": "fine"}, {"status": "complete", "reason": "+49 30 1234567"}],
)
def test_attributes_outside_the_catalogue_are_refused(attributes: dict[str, str], spans: Spans) -> None:
    with pytest.raises(ValueError, match="is not in the catalogue") as refusal, spans.seal_packet([]) as opened:
        opened.set(**attributes)
    assert "1234567" not in str(refusal.value)


def test_a_failure_is_marked_by_its_type_and_never_by_its_message(spans: Spans, exporter: InMemorySpanExporter) -> None:
    with pytest.raises(LookupError), spans.join_fold(SAMPLED_HEADERS):
        raise LookupError("no call for +49 30 1234567")
    span = only(exporter)
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "LookupError"
    assert span.events == ()


def test_every_row_has_its_method() -> None:
    assert {row.name.replace(".", "_") for row in SPANS} == {name for name in vars(Spans) if not name.startswith("_")}
