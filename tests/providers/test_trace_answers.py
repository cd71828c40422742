"""What trace backends answer comes to the same key spans, and nothing else of it leaves."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.events import KeySpan
from stream_app.providers.trace_answers import NoTrace, key_spans_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
NS = 1_780_512_000_000_000_000
SPANS: tuple[tuple[str, str, int, bool, dict[str, str]], ...] = (
    ("00f067aa0ba90201", "stt", 120, False, {"transcript": "my card is 4000"}),
    ("00f067aa0ba90202", "llm", 800, False, {"gen_ai.operation.name": "chat"}),
    ("00f067aa0ba90203", "llm", 400, True, {"gen_ai.operation.name": "chat"}),
    ("00f067aa0ba90204", "tts", 90, False, {}),
    ("00f067aa0ba90205", "execute_tool refund", 300, False,
     {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "refund", "gen_ai.tool.call.id": "call_1"}),
    ("00f067aa0ba90206", "GET /health", 3, False, {}),
)  # fmt: skip
EXPECTED = (
    KeySpan(name="asr", count=1, p95_ms=120),
    KeySpan(name="execute_tool", count=1, p95_ms=300),
    KeySpan(name="llm", count=2, p95_ms=800, errors=1),
    KeySpan(name="tts", count=1, p95_ms=90),
)


def jaeger(trace: str = TRACE) -> dict[str, Any]:
    def span(span_id: str, name: str, took: int, failed: bool, attributes: dict[str, str]) -> dict[str, Any]:
        tags = [{"key": key, "type": "string", "value": value} for key, value in attributes.items()]
        tags += [{"key": "error", "type": "bool", "value": True}] if failed else []
        return {
            "traceID": trace.lstrip("0"), "spanID": span_id.lstrip("0"), "operationName": name, "references": [],
            "startTime": NS // 1000, "duration": took * 1000, "tags": tags, "processID": "p1",
        }  # fmt: skip

    return {"data": [{"traceID": trace, "spans": [span(*one) for one in SPANS], "processes": {"p1": {}}}]}


def otlp(outer: str, trace: str = TRACE) -> dict[str, Any]:
    def span(span_id: str, name: str, took: int, failed: bool, attributes: dict[str, str]) -> dict[str, Any]:
        return {
            "traceId": trace, "spanId": span_id, "name": name, "startTimeUnixNano": str(NS),
            "endTimeUnixNano": str(NS + took * 1_000_000), "status": {"code": 2 if failed else 0},
            "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()],
        }  # fmt: skip

    batches = [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": [span(*one) for one in SPANS]}]}]
    return {"trace": {"resourceSpans": batches}} if outer == "trace" else {outer: batches}


@pytest.mark.parametrize("document", [jaeger(), otlp("batches"), otlp("resourceSpans"), otlp("trace")])
def test_every_backends_answer_comes_to_the_same(document: dict[str, Any]) -> None:
    assert key_spans_of(document, TRACE) == EXPECTED


def test_leading_zeros_that_a_backend_leaves_out_are_no_other_trace() -> None:
    short = "00000000000000000bf92f3577b34da6"
    assert key_spans_of(jaeger(short), short) == EXPECTED


def test_an_answer_about_another_trace_is_none() -> None:
    for document in (jaeger("f" * 32), otlp("batches", "f" * 32)):
        with pytest.raises(NoTrace, match="another trace"):
            key_spans_of(document, TRACE)


@pytest.mark.parametrize("document", [{}, [], None, {"data": []}, {"data": None}, {"batches": [{}]}, {"errors": ["x"]}])
def test_an_empty_answer_is_none(document: Any) -> None:
    with pytest.raises(NoTrace, match="no span"):
        key_spans_of(document, TRACE)


def test_a_trace_without_key_spans_can_be_opened_all_the_same() -> None:
    document = jaeger()
    document["data"][0]["spans"] = document["data"][0]["spans"][-1:]
    assert key_spans_of(document, TRACE) == ()


def test_nothing_that_was_said_leaves() -> None:
    assert "4000" not in repr(key_spans_of(jaeger(), TRACE))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from([TRACE, "spans", "error"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["data", "spans", "tags", "key", "value", "traceID", "references", "batches", "trace",
                         "resourceSpans", "scopeSpans", "startTime", "duration", "operationName"]), inner, max_size=5,
    ),
    max_leaves=30,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(_JSON)
def test_whatever_comes_gives_key_spans_or_a_reason(document: Any) -> None:
    try:
        key_spans_of(document, TRACE)
    except NoTrace:
        pass
