"""Our events come out of CloudEvents, in whatever mode they came."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream_app.core.events import (
    CallEnded,
    TraceCompleted,
)
from stream_app.providers.adapter import Normalised
from stream_app.providers.registry import Refusal
from tests.providers.mutants import mutants
from tests.providers.samples import own_cases, public
from tests.providers.trying import Trying

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRYING = Trying("cloudevents")
made, own, events, only = TRYING.made, TRYING.own, TRYING.events, TRYING.only


@pytest.mark.parametrize("case", own_cases("cloudevents"))
def test_every_record_gives_what_it_should(case: Any) -> None:
    result = made(case["document"])
    if "refused" in case:
        assert isinstance(result, Refusal), result
        assert result.reason == case["refused"]
        return
    assert isinstance(result, Normalised), result
    assert [event.type for event in result.events] == case["gives"]
    assert result == made(case["document"]), "the same record again is the same events"
    for event in result.events:
        assert b"15550100" not in event.to_bytes()
        assert b"hidden" not in event.to_bytes()


def test_one_event_in_both_modes_is_one_event() -> None:
    binary, link = events(own("binary-call-ended"))
    assert binary == only(own("structured-call-ended"))
    assert (link.type, link.canonical_call_id, link.trace_id) == ("identity-linked", "call-9201", TRACE)


@pytest.mark.parametrize(
    ("attributes", "data", "call"),
    [
        ({"ce_subject": "s", "ce_partitionkey": "p"}, {"canonicalCallId": "d"}, "d"),
        ({"ce_subject": "s", "ce_partitionkey": "p"}, {"call_id": "c"}, "p"),
        ({"ce_subject": "s"}, {}, "s"),
        ({}, {"call_id": "c"}, "c"),
        ({}, {}, "call-9201"),
    ],
)
def test_the_call_is_named_in_the_data_or_around_them(attributes: dict[str, str], data: Any, call: str) -> None:
    record = own("binary-call-ended")
    headers = {name: value for name, value in record["headers"].items() if name not in ("ce_subject", "ce_traceparent")}
    written = json.dumps({"ended_at": "2026-06-03T18:42:31Z", **data})
    assert only({"headers": headers | attributes, "key": "call-9201", "value": written}).canonical_call_id == call


def test_our_own_event_keeps_its_fields_under_the_envelopes_name() -> None:
    inside, plain = only(own("own-event-inside")), only(own("own-event-plain"))
    assert inside.event_id == "cloudevents:/voice/eu-1:ev-1"
    assert plain.event_id == "cloudevents:own-1"
    for event in (inside, plain):
        assert isinstance(event, CallEnded)
        assert (event.aliases, event.trace_id) == ({"vapiCallId": "v-1"}, TRACE)
        assert (event.occurred_at, event.duration_ms) == (1_780_512_151_120, 80_000)
        assert (event.tools_final, event.expected_tool_calls, event.measures.interruptions) == (True, 2, 3)
        assert event.measures.call_quality is not None
        assert event.measures.call_quality.mos == 4.1
        assert event.recording is not None
        assert event.recording.uri == "s3://bucket/r.wav"


def test_a_trace_takes_its_name_from_the_envelope() -> None:
    trace = only(own("trace-completed"))
    assert isinstance(trace, TraceCompleted)
    assert trace.trace_id == TRACE
    assert [(one.name, one.count, one.p95_ms, one.errors) for one in trace.key_spans] == [("llm", 3, 900, 1)]


def test_the_public_samples_are_one_event_in_two_modes() -> None:
    binary, link = events(public("cloudevents/01-kafka-binary-mode.json"))
    structured = only(public("cloudevents/02-kafka-structured-mode.json"))
    assert binary == structured
    assert isinstance(binary, CallEnded)
    assert (binary.canonical_call_id, binary.disconnect_reason) == ("call-7f3c2a10", "caller_hangup")
    assert binary.ended_at == 1_790_000_171_000
    assert link.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize("case", own_cases("cloudevents"))
def test_whatever_stands_in_a_record_it_is_events_or_a_refusal(case: Any) -> None:
    for mutant in mutants(case["document"], 80):
        assert isinstance(made(mutant), Normalised | Refusal)
    if isinstance(case["document"], dict) and isinstance(case["document"].get("value"), str):
        for mutant in mutants(json.loads(case["document"]["value"]), 120):
            assert isinstance(made({**case["document"], "value": mutant}), Normalised | Refusal)
