"""What a stage did becomes metrics and trace headers: counted from what is sent, carried on, with closed labels."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

import pytest
from msgspec.structs import replace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from stream_app.core.evidence import Position
from stream_app.core.identities import Park
from stream_app.core.orders import JoinAlert, SealRetry, Supersedes
from stream_app.pipeline import outputs
from stream_app.pipeline.ports import Effects, Headers, Incoming, Outgoing
from stream_app.runtime import instruments
from stream_app.settings import Settings
from stream_app.telemetry import Spans, Telemetry, start
from stream_app.telemetry.spans import OpenSpan
from stream_app.topics import EVIDENCE, IDENTITY, SEAL_ORDERS, SEAL_RETRY
from tests import evidence, remembered
from tests.examples import changed, contract_order
from tests.telemetry.scrapes import leaks, scrape

TRACEPARENT = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
SAMPLED: Headers = (("traceparent", TRACEPARENT.encode()),)
INPUT = Incoming("tool-call", 0, 5, 1_780_512_000_000, b"k", b"{}", SAMPLED)
BROKEN = outputs.dead_letter(INPUT, "intake", "not_json", "x")
ALERT = outputs.alert(
    JoinAlert(alert_id="a/stuck/1", kind="stuck", state="firing", raised_at=0, since=0, runbook_url="x"), "join", "a"
)
ORDER = contract_order()


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    started = start(Settings(metrics_port=0), "join")
    yield started
    started.shutdown()


def totals(telemetry: Telemetry, name: str) -> dict[tuple[str, ...], float]:
    """Label values -> value, zeros left out; and no label outside the closed sets, whatever was counted."""
    assert telemetry.metrics_url is not None
    samples = scrape(telemetry.metrics_url)
    assert list(leaks(samples)) == []
    return {tuple(one.labels.values()): one.value for one in samples if one.name == name and one.value}


def plain(_: Headers) -> AbstractContextManager[OpenSpan]:
    """A span that is not recorded, with the headers' own context to carry on."""
    return Spans(TracerProvider().get_tracer("test"), recording=False).join_fold(SAMPLED)


def test_what_is_sent_is_counted(telemetry: Telemetry) -> None:
    letters = (BROKEN, outputs.dead_letter(replace(INPUT, topic="call-ended"), "intake", "tombstone", "x"))
    order = remembered.order_record(ORDER)
    evidence_record = Outgoing(EVIDENCE.name, b"k", b"not read at all")
    two = Effects(sends=(*letters, BROKEN, ALERT, order)), Effects(sends=(order, evidence_record))
    instruments.count(telemetry.recorder, "join", (*two, Effects()))
    assert totals(telemetry, "stream_app_dead_letters_total") == {("not_json", "join"): 2, ("tombstone", "join"): 1}
    assert totals(telemetry, "stream_app_join_alerts_total") == {("stuck", "firing"): 1}
    assert totals(telemetry, "stream_app_seal_orders_total") == {("all_evidence",): 2}
    assert totals(telemetry, "stream_app_events_total") == {
        ("dead_letter", "tool-call"): 2,
        ("dead_letter", "call-ended"): 1,
    }


def test_a_value_outside_the_closed_sets_is_refused_and_not_shown(telemetry: Telemetry) -> None:
    strange = replace(BROKEN, value=(BROKEN.value or b"").replace(b'"not_json"', b'"+49 30 1234567"'))
    with pytest.raises(ValueError, match="outside the closed set") as raised:
        instruments.count(telemetry.recorder, "join", [Effects(sends=(strange,))])
    assert "1234567" not in str(raised.value)
    assert totals(telemetry, "stream_app_dead_letters_total") == {}


def test_trace_context_is_carried_on_but_not_over_another() -> None:
    own = (("x", b"1"), ("traceparent", b"00-" + b"11" * 16 + b"-" + b"22" * 8 + b"-01"))
    bare, traced = Outgoing("evidence", b"k", b"v", (("x", b"1"),)), Outgoing("evidence", b"k", b"v", own)
    effects = Effects(sends=(bare, traced), rows=((b"a", b"b"),), expects=("e",), receipts=("r",))
    done = instruments.carried(effects, SAMPLED)
    assert [send.headers for send in done.sends] == [(("x", b"1"), *SAMPLED), own]
    assert replace(done, sends=effects.sends) == effects, "nothing else is touched"
    assert instruments.carried(effects, ()) is effects
    assert instruments.carried(Effects(), SAMPLED) == Effects()


def test_a_handler_is_wrapped_in_a_span_whose_context_goes_on(telemetry: Telemetry) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    spans = Spans(provider.get_tracer("test"))
    out = Outgoing("evidence", b"k", b"v")
    fold = instruments.instrumented(
        "intake", telemetry, spans.intake_accept, lambda batch: [Effects(sends=(out, BROKEN)) for _ in batch]
    )
    first, without = fold([INPUT, replace(INPUT, headers=())])
    sent = first.sends[0]
    (span,) = exporter.get_finished_spans()
    assert span.name == "intake.accept"
    assert span.context is not None
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == "cd" * 8
    assert sent.headers == (("traceparent", f"00-{'ab' * 16}-{span.context.span_id:016x}-01".encode()),)
    assert totals(telemetry, "stream_app_dead_letters_total") == {("not_json", "intake"): 2}
    assert without.sends[0].headers == ()
    assert len(exporter.get_finished_spans()) == 1, "no producer's trace, no span"


def test_an_error_of_the_handler_is_not_swallowed(telemetry: Telemetry) -> None:
    def fail(_: Sequence[Incoming]) -> list[Effects]:
        raise RuntimeError("bug")

    for headers in (SAMPLED, ()):
        with pytest.raises(RuntimeError, match="bug"):
            instruments.instrumented("join", telemetry, plain, fail)([replace(INPUT, headers=headers)])


def test_a_batch_keeps_its_order_and_each_record_its_own_trace(telemetry: Telemetry) -> None:
    other = "00-" + "12" * 16 + "-" + "34" * 8 + "-00"
    batch = [
        replace(INPUT, headers=headers, offset=number)
        for number, headers in enumerate(((), SAMPLED, (("traceparent", other.encode()),), (("x", b"y"),)))
    ]
    spans = Spans(TracerProvider().get_tracer("test"), recording=False)

    def fold(records: Sequence[Incoming]) -> list[Effects]:
        return [Effects(sends=(Outgoing("evidence", b"%d" % record.offset, b"v"),)) for record in records]

    done = instruments.instrumented("intake", telemetry, spans.intake_accept, fold)(batch)
    assert [one.sends[0].key for one in done] == [b"0", b"1", b"2", b"3"]
    assert [one.sends[0].headers for one in done] == [(), SAMPLED, (("traceparent", other.encode()),), ()]


def test_parked_is_counted_by_type_and_moving_on_is_not(telemetry: Telemetry) -> None:
    event = remembered.accepted(evidence.artifact("recording"))
    park = Incoming(IDENTITY.name, 0, 1, 0, b"k", Park(alias="livekitRoom:r", event=event).to_bytes())
    clock = replace(park, value=remembered.clock(("call-ended",), 1))
    onward = Effects(sends=(Outgoing(EVIDENCE.name, b"k", b"v"),))
    assert instruments.ending_of(park, Effects()) == "parked"
    assert instruments.ending_of(park, onward) is None
    assert instruments.ending_of(clock, Effects()) is None
    assert instruments.ending_of(replace(park, topic=EVIDENCE.name), Effects()) is None
    assert instruments.ending_of(park, Effects(sends=(BROKEN,))) == "dead_letter"
    assert instruments.ending_of(replace(park, value=None), Effects()) is None
    fold = instruments.instrumented("identity", telemetry, plain, lambda _: [Effects(), onward, Effects()])
    fold([park, park, clock])
    assert totals(telemetry, "stream_app_events_total") == {("parked", "artifact-ready"): 1}


def test_what_came_of_an_order_is_told_from_what_was_sent() -> None:
    retry = Outgoing(SEAL_RETRY.name, b"k", b"{}")
    conflict = remembered.dead_letter(Position(topic="seal-orders", partition=0, offset=0), "order_conflict", "seal")
    late = remembered.dead_letter(Position(topic="seal-orders", partition=0, offset=0), "late", "seal")
    packet = remembered.packet_record(remembered.packet("call-1/1"))
    assert instruments.seal_outcome(Effects(sends=(retry,))) == "retried"
    assert instruments.seal_outcome(Effects(sends=(conflict, ALERT))) == "conflict"
    assert instruments.seal_outcome(Effects(sends=(late,))) == "failed"
    assert instruments.seal_outcome(Effects(sends=(packet,))) == "stored"


def test_events_are_counted_as_the_join_took_them(telemetry: Telemetry) -> None:
    observe = instruments.join_observer(telemetry.recorder)
    observe({("tool-call", "used"): 2, ("tool-call", "duplicate"): 1}, ())
    observe({("tool-call", "conflict"): 1}, ())
    observe({}, ())
    assert totals(telemetry, "stream_app_events_total") == {
        ("used", "tool-call"): 2,
        ("duplicate", "tool-call"): 1,
        ("conflict", "tool-call"): 1,
    }


def test_only_a_deadline_that_fired_is_measured_against_the_present(telemetry: Telemetry) -> None:
    observe = instruments.join_observer(telemetry.recorder)
    now = int(time.time() * 1000)
    due = changed(ORDER, completed_by="deadline", decided_at=now - 3000)
    observe({}, (due,))
    observe({}, (changed(due, completed_by="all_evidence"),))
    # A later version leaves when it has settled; it is dated by its evidence, which was due at no time.
    again = changed(due, version=2, supersedes=Supersedes(version=1, reason="late_evidence"), decided_at=0)
    observe({}, (again,))
    assert totals(telemetry, "stream_app_deadline_overshoot_seconds_count") == {(): 1}
    assert 3 <= totals(telemetry, "stream_app_deadline_overshoot_seconds_sum")[()] < 60


def test_a_packet_is_counted_with_what_it_lacks_and_the_time_since_its_last_evidence(telemetry: Telemetry) -> None:
    observe = instruments.packet_observer(telemetry.recorder)
    now = int(time.time() * 1000)
    items = tuple(item.model_copy(update={"received_at": now - 5000 + at}) for at, item in enumerate(ORDER.items))
    gaps = [{"kind": "trace", "reason": "never_seen"}, {"kind": "recording", "reason": "declared_never"}]
    packet = remembered.packet("call-1/1", status="incomplete", missing=gaps)
    observe(packet, changed(ORDER, items=items))
    assert totals(telemetry, "stream_app_packets_total") == {("failed_tool_call", "incomplete"): 1}
    assert totals(telemetry, "stream_app_missing_total") == {
        ("trace", "never_seen"): 1,
        ("recording", "declared_never"): 1,
    }
    assert 4.5 < totals(telemetry, "stream_app_evidence_to_packet_seconds_sum")[("incomplete",)] < 60


def test_a_packet_links_to_all_its_evidence_in_an_order_or_a_retry() -> None:
    order = changed(
        ORDER,
        items=tuple(
            item.model_copy(update={"traceparent": TRACEPARENT if number % 2 else None})
            for number, item in enumerate(ORDER.items)
        ),
    )
    retry = SealRetry(attempt=1, first_failed_at=0, not_before=0, failure="x", order=order)
    expected = [TRACEPARENT] * (len(ORDER.items) // 2)
    for value in (order.to_bytes(), retry.to_bytes()):
        assert instruments.traceparents(replace(INPUT, topic=SEAL_ORDERS.name, value=value)) == expected
    for value in (None, b"", b"{", b"[]", b'{"items": 1}', b'{"order": 1}', b'{"items": [1]}'):
        assert instruments.traceparents(replace(INPUT, value=value)) == []
