"""OTLP JSON is read as every exporter writes it."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from stream_app.providers import otlp
from tests.providers.mutants import mutants

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def traces(*spans: dict[str, Any]) -> dict[str, Any]:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "agent"}}]}
    return {
        "resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "mine"}, "spans": list(spans)}]}]
    }


def only(**fields: Any) -> otlp.Span:
    (span,) = otlp.spans(traces({"name": "work", "traceId": TRACE, "spanId": SPAN, **fields}))
    return span


def test_a_span_has_its_resource_its_scope_and_its_place() -> None:
    first, second = otlp.spans(traces({"name": "a"}, {"name": "b"}))
    assert (first.number, second.number) == (0, 1)
    assert first.resource == {"service.name": "agent"}
    assert (first.scope, first.name) == ("mine", "a")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (TRACE.upper(), TRACE),
        (b64encode(bytes.fromhex(TRACE)).decode(), TRACE),
        ("0" * 32, None),
        ("t1", None),
        (TRACE[:-1], None),
        (7, None),
        (None, None),
    ],
)
def test_an_id_is_hex_or_none(written: Any, read: str | None) -> None:
    assert only(traceId=written).trace_id == read


@pytest.mark.parametrize("written", [1_790_000_000_123_456_789, "1790000000123456789"])
def test_nanoseconds_come_as_numbers_and_as_text(written: Any) -> None:
    span = only(startTimeUnixNano=written, endTimeUnixNano="1790000002623456789")
    assert (span.start_ms, span.end_ms, span.duration_ms) == (1_790_000_000_123, 1_790_000_002_623, 2_500)


@pytest.mark.parametrize("written", ["0", 0, -1, "soon", None, 1e308, "9" * 30])
def test_what_is_no_time_is_none(written: Any) -> None:
    span = only(startTimeUnixNano=written, endTimeUnixNano=written)
    assert (span.start_ns, span.end_ms, span.duration_ms) == (None, None, None)


def test_a_span_that_ends_before_it_begins_has_no_duration() -> None:
    assert only(startTimeUnixNano="1790000000000000001", endTimeUnixNano="1790000000000000000").duration_ms is None


@pytest.mark.parametrize(
    ("status", "read"),
    [
        ({"code": 2}, "error"),
        ({"code": "2"}, "error"),
        ({"code": "STATUS_CODE_ERROR"}, "error"),
        ("ERROR", "error"),
        ({"code": 1}, "ok"),
        ({"code": "STATUS_CODE_OK"}, "ok"),
        ({"code": 0}, "unset"),
        ({}, "unset"),
        ({"code": 77}, "unset"),
        (None, "unset"),
    ],
)
def test_a_status_is_a_number_or_a_name(status: Any, read: str) -> None:
    assert only(status=status).status == read


@pytest.mark.parametrize(("kind", "read"), [(3, "client"), ("SPAN_KIND_SERVER", "server"), (99, "unspecified")])
def test_a_kind_is_a_number_or_a_name(kind: Any, read: str) -> None:
    assert only(kind=kind).kind == read


def test_every_type_of_value_becomes_plain() -> None:
    values = {
        "text": {"stringValue": "x"},
        "yes": {"boolValue": False},
        "whole": {"intValue": "9007199254740993"},
        "broken": {"doubleValue": 0.0},
        "list": {"arrayValue": {"values": [{"intValue": 1}, {"stringValue": "2"}]}},
        "object": {"kvlistValue": {"values": [{"key": "a", "value": {"boolValue": True}}]}},
        "bytes": {"bytesValue": "AAE="},
        "nothing": {},
        "unreadable": {"doubleValue": "NaN"},
    }
    assert otlp.attributes([{"key": key, "value": value} for key, value in values.items()]) == {
        "text": "x", "yes": False, "whole": 9007199254740993, "broken": 0.0, "list": [1, "2"], "object": {"a": True},
        "bytes": "AAE=", "nothing": None, "unreadable": None,
    }  # fmt: skip


def test_snake_case_and_the_older_name_of_scopes_are_read() -> None:
    span = {"name": "a", "trace_id": TRACE, "parent_span_id": SPAN, "start_time_unix_nano": 1_790_000_000_000_000_000}
    document = {"resource_spans": [{"instrumentationLibrarySpans": [{"spans": [span]}]}]}
    (read,) = otlp.spans(document)
    assert (read.trace_id, read.parent_span_id, read.start_ms) == (TRACE, SPAN, 1_790_000_000_000)


def test_a_span_that_only_names_its_error_has_failed() -> None:
    named = only(attributes=[{"key": "error.type", "value": {"stringValue": "tool_error"}}], status={})
    assert otlp.has_failed(named)
    assert otlp.has_failed(only(status={"code": 2}))
    assert not otlp.has_failed(only(status={"code": 1}))


def test_spans_are_summed_up_by_name() -> None:
    start = 1_790_000_000_000_000_000
    spans = [
        only(
            startTimeUnixNano=start,
            endTimeUnixNano=start + length * 1_000_000,
            status={"code": 2 if length == 1 else 0},
        )
        for length in range(1, 101)
    ]
    summed = otlp.key_spans(("llm" if number else "stt", span) for number, span in enumerate(spans))
    assert [(one.name, one.count, one.p95_ms, one.errors) for one in summed] == [("llm", 99, 96, 0), ("stt", 1, 1, 1)]
    assert otlp.p95([]) is None


def test_a_log_record_has_its_event_and_its_body() -> None:
    record = {
        "observedTimeUnixNano": "1790000000000000000", "traceId": TRACE, "spanId": SPAN, "severityNumber": 9,
        "body": {"stringValue": "said"}, "attributes": [{"key": "event.name", "value": {"stringValue": "older"}}],
    }  # fmt: skip
    newer = {**record, "eventName": "newer", "timeUnixNano": "1790000001000000000"}
    older, read = otlp.log_records({"resourceLogs": [{"scopeLogs": [{"logRecords": [record, newer]}]}]})
    assert (older.event_name, older.time_ms, older.body, older.severity) == ("older", 1_790_000_000_000, "said", "9")
    assert (read.event_name, read.time_ms, read.number, read.trace_id) == ("newer", 1_790_000_001_000, 1, TRACE)


def test_other_documents_hold_nothing() -> None:
    odd: tuple[Any, ...] = ({}, [], None, "x", {"resourceSpans": {}}, {"resourceSpans": [1, {"scopeSpans": [None]}]})
    for document in odd:
        assert list(otlp.spans(document)) == []
        assert list(otlp.log_records(document)) == []
    assert otlp.holds({"resourceMetrics": []})
    assert not otlp.holds({"resourceSpans": None})


def test_whatever_stands_in_a_document_it_is_read() -> None:
    span = {
        "name": "a", "traceId": TRACE, "spanId": SPAN, "kind": 1, "startTimeUnixNano": "1790000000000000000",
        "endTimeUnixNano": "1790000001000000000", "status": {"code": 2, "message": "m"},
        "attributes": [{"key": "k", "value": {"arrayValue": {"values": [{"kvlistValue": {"values": []}}]}}}],
        "events": [{"name": "e", "timeUnixNano": "1", "attributes": []}],
    }  # fmt: skip
    document = traces(span) | {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"intValue": 1}}]}]}]}
    for mutant in mutants(document, 1_500):
        for read in otlp.spans(mutant):
            otlp.key_spans([(read.name or "x", read)])
        list(otlp.log_records(mutant))
