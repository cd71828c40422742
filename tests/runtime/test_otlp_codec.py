"""OTLP protobuf becomes the JSON that the adapter reads."""

from __future__ import annotations

import random
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue, KeyValueList
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from stream_app.core.events import EvaluationCompleted, ToolCall
from stream_app.core.wire import read_json, write_json
from stream_app.providers import otel, otlp
from stream_app.providers.adapter import Delivery, Refused
from stream_app.runtime.otlp_codec import Signal, document_of

TRACE, SPAN, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"
BEGAN_NS, ENDED_NS = 1_790_000_000_000_000_001, 1_790_000_000_590_000_001


def named(**values: Any) -> list[KeyValue]:
    return [KeyValue(key=name.replace("_", "."), value=value) for name, value in values.items()]


def a_span(**fields: Any) -> Span:
    return Span(
        trace_id=bytes.fromhex(TRACE),
        span_id=bytes.fromhex(SPAN),
        parent_span_id=bytes.fromhex(PARENT),
        name="execute_tool refund",
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=BEGAN_NS,
        end_time_unix_nano=ENDED_NS,
        attributes=[
            KeyValue(key="gen_ai.operation.name", value=AnyValue(string_value="execute_tool")),
            KeyValue(key="gen_ai.tool.name", value=AnyValue(string_value="refund")),
            KeyValue(key="gen_ai.tool.call.id", value=AnyValue(string_value="call_P1")),
            KeyValue(
                key="gen_ai.tool.call.arguments",
                value=AnyValue(kvlist_value=KeyValueList(values=named(amount=AnyValue(int_value=2**60)))),
            ),
        ],
        links=[Span.Link(trace_id=bytes.fromhex(TRACE), span_id=bytes.fromhex(PARENT))],
        status=Status(code=Status.STATUS_CODE_ERROR, message="502"),
        **fields,
    )


def traces(*spans: Span) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    part = request.resource_spans.add()
    part.resource.attributes.extend(named(service_name=AnyValue(string_value="agent")))
    part.scope_spans.add().spans.extend(spans)
    return request


def logs() -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.trace_id, record.span_id = bytes.fromhex(TRACE), bytes.fromhex(SPAN)
    record.time_unix_nano = BEGAN_NS
    record.event_name = "gen_ai.evaluation.result"
    record.body.string_value = "judged"
    record.attributes.append(KeyValue(key="gen_ai.evaluation.name", value=AnyValue(string_value="task_success")))
    record.attributes.append(KeyValue(key="gen_ai.evaluation.score.value", value=AnyValue(double_value=0.0)))
    return request


def metrics() -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    point = NumberDataPoint(as_int=1, time_unix_nano=BEGAN_NS)
    gauge = Metric(name="gen_ai.client.operation.duration", description="d", unit="s", gauge=Gauge(data_points=[point]))
    request.resource_metrics.add().scope_metrics.add().metrics.append(gauge)
    return request


def events(content: bytes) -> tuple[Any, ...]:
    return otel.normalize(Delivery(document_of(content), "otel", 1_790_000_000_000)).events


@pytest.mark.parametrize("signal", [None, "traces"])
def test_ids_are_hex_and_large_numbers_whole(signal: Signal | None) -> None:
    document = document_of(traces(a_span()).SerializeToString(), signal)
    (written,) = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert (written["traceId"], written["spanId"], written["parentSpanId"]) == (TRACE, SPAN, PARENT)
    assert written["links"] == [{"traceId": TRACE, "spanId": PARENT}]
    assert (written["kind"], written["status"]["code"]) == (1, 2)
    assert written["startTimeUnixNano"] == str(BEGAN_NS)
    (span,) = otlp.spans(document)
    assert (span.trace_id, span.span_id, span.parent_span_id) == (TRACE, SPAN, PARENT)
    assert (span.start_ns, span.duration_ms, span.status) == (BEGAN_NS, 590, "error")
    assert span.attributes["gen_ai.tool.call.arguments"] == {"amount": 2**60}
    assert span.resource == {"service.name": "agent"}
    assert read_json(write_json(document)) == document


def test_spans_and_records_become_events() -> None:
    tool = events(traces(a_span()).SerializeToString())[0]
    assert isinstance(tool, ToolCall)
    assert (tool.tool_call_id, tool.status, tool.latency_ms, tool.trace_id) == ("call_P1", "failed", 590, TRACE)
    (judged,) = events(logs().SerializeToString())
    assert isinstance(judged, EvaluationCompleted)
    assert (judged.rubric, judged.score, judged.trace_id, judged.span_id) == ("task_success", 0.0, TRACE, SPAN)


@pytest.mark.parametrize(
    ("request_of", "name"),
    [(traces(a_span()), "resourceSpans"), (logs(), "resourceLogs"), (metrics(), "resourceMetrics")],
)
def test_a_signal_is_known_by_its_records(request_of: Any, name: str) -> None:
    assert [key for key, value in document_of(request_of.SerializeToString()).items() if value] == [name]


def test_a_record_without_time_and_body_is_still_one() -> None:
    request = logs()
    record = request.resource_logs[0].scope_logs[0].log_records[0]
    record.ClearField("time_unix_nano")
    record.ClearField("body")
    assert "resourceLogs" in document_of(request.SerializeToString())


def test_one_span_without_an_id_does_not_hide_the_others() -> None:
    broken = a_span()
    broken.trace_id = b""
    document = document_of(traces(broken, a_span()).SerializeToString())
    assert [span.trace_id for span in otlp.spans(document)] == [None, TRACE]


def test_an_empty_batch_is_a_batch() -> None:
    assert document_of(b"") == {"resourceSpans": []}
    assert document_of(b"", "logs") == {"resourceLogs": []}
    with pytest.raises(Refused) as refused:
        events(b"")
    assert refused.value.reason == "nothing_to_report"


@pytest.mark.parametrize("content", [b"{}", b"\xff" * 9, b"resourceSpans", b"\x00", b'{"resourceSpans": []}'])
def test_what_is_no_protobuf_is_refused(content: bytes) -> None:
    with pytest.raises(Refused) as refused:
        document_of(content)
    assert refused.value.reason == "not_readable"


def test_a_number_that_is_none_can_be_written() -> None:
    request = logs()
    for value in request.resource_logs[0].scope_logs[0].log_records[0].attributes:
        if value.key == "gen_ai.evaluation.score.value":
            value.value.double_value = float("nan")
    (judged,) = events(request.SerializeToString())
    assert judged.score is None


def test_bytes_bent_out_of_shape_are_read_or_refused() -> None:
    rng = random.Random(7)
    whole = [request.SerializeToString() for request in (traces(a_span(), a_span()), logs(), metrics())]
    outcomes: set[str] = set()
    for _ in range(3_000):
        content = bytearray(rng.choice(whole))
        for _ in range(rng.randint(1, 4)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        del content[rng.randint(len(content) // 2, len(content)) :]
        try:
            outcomes.add(events(bytes(content))[0].type)
        except Refused as refused:
            outcomes.add(refused.reason)
    assert "not_readable" in outcomes
    assert outcomes & {"tool-call", "evaluation-completed"}
