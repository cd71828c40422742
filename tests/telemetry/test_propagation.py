"""W3C trace context in Kafka headers: what is valid travels, what is not is ignored, nothing fails a record."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.context import Context

from stream_app.telemetry import extract, inject
from stream_app.telemetry.propagation import Headers, carries_trace, handed_on, parse_traceparent, traceparent_of

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def span_in(context: Context | None) -> trace.SpanContext:
    assert context is not None
    return trace.get_current_span(context).get_span_context()


def test_what_the_producer_sent_is_read() -> None:
    headers: Headers = (
        ("ce_id", b"evt-1"),
        ("traceparent", PARENT.encode()),
        ("tracestate", b"congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"),
    )
    span = span_in(extract(headers))
    assert f"{span.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert f"{span.span_id:016x}" == "b7ad6b7169203331"
    assert span.is_remote
    assert span.trace_flags.sampled
    assert span.trace_state["rojo"] == "00f067aa0ba902b7"
    assert traceparent_of(headers) == PARENT


def test_what_is_written_is_what_was_read() -> None:
    headers: Headers = (("traceparent", PARENT.encode()), ("tracestate", b"congo=t61rcWkgMzE"))
    assert inject(extract(headers)) == headers


def test_an_unsampled_trace_stays_unsampled() -> None:
    headers: Headers = (("traceparent", (PARENT[:-2] + "00").encode()),)
    assert inject(extract(headers)) == headers


def test_a_later_version_with_more_fields_is_read_as_far_as_it_is_known() -> None:
    span = parse_traceparent("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-what-comes")
    assert span is not None
    assert span.trace_flags == 1


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"00",
        b"hello",
        b"\xff\xfe\x00",
        PARENT.upper().encode(),
        (PARENT + "-more").encode(),
        ("ff" + PARENT[2:]).encode(),
        b"00-00000000000000000000000000000000-b7ad6b7169203331-01",
        b"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        PARENT.encode() + b"\n",
        "٠٠".encode() + PARENT[2:].encode(),
        b"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-" + b"x" * 10_000,
    ],
)
def test_a_bad_traceparent_counts_as_none(value: bytes) -> None:
    headers: Headers = (("traceparent", value),)
    assert traceparent_of(headers) is None
    assert extract(headers) is None


def test_the_cloudevents_extension_is_read_where_the_plain_header_is_absent() -> None:
    other = PARENT.replace("b7ad6b7169203331", "00f067aa0ba902b7")
    assert traceparent_of((("ce_traceparent", PARENT.encode()),)) == PARENT
    assert traceparent_of((("ce_traceparent", PARENT.encode()), ("traceparent", other.encode()))) == other
    assert inject(extract((("ce_traceparent", PARENT.encode()), ("ce_tracestate", b"a=b")))) == (
        ("traceparent", PARENT.encode()),
        ("tracestate", b"a=b"),
    )


def test_two_traceparents_contradict_each_other() -> None:
    assert extract((("traceparent", PARENT.encode()), ("traceparent", PARENT.encode()))) is None


def test_no_header_is_no_context() -> None:
    assert extract(()) is None
    assert inject(Context()) == ()


@pytest.mark.parametrize("state", [b"", b"no equals sign", b"\xff\xfe", b"a=" + b"b" * 600])
def test_a_bad_tracestate_is_dropped_and_the_parent_stays(state: bytes) -> None:
    read = extract((("traceparent", PARENT.encode()), ("tracestate", state)))
    assert inject(read) == (("traceparent", PARENT.encode()),)


@given(st.lists(st.tuples(st.sampled_from(["traceparent", "tracestate", "Traceparent", "x"]), st.binary(max_size=80))))
def test_no_bytes_fail_a_record(headers: list[tuple[str, bytes]]) -> None:
    extract(tuple(headers))


NAMES = st.sampled_from(["traceparent", "Traceparent", "ce_traceparent", "tracestate", "ce_tracestate", "ce_id", "x"])
VALUES = st.sampled_from(
    [PARENT.encode(), PARENT[:-2].encode() + b"00", PARENT[:-2].encode() + b"03", b" " + PARENT.encode(),
     b"01" + PARENT[2:].encode(),
     b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01", b"00-0af7651916cd43dd8448eb211c80319c-" + b"0" * 16 + b"-01",
     PARENT.upper().encode(), b"a=b", b"", b"\xff"]
)  # fmt: skip


@given(st.lists(st.tuples(NAMES, VALUES), max_size=4).map(tuple))
def test_the_short_way_hands_on_what_the_long_way_does(headers: Headers) -> None:
    context = extract(headers)
    assert handed_on(headers) == (() if context is None else inject(context))
    assert carries_trace(headers) or context is None
