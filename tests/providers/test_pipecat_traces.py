"""Pipecat's spans become our events."""

from __future__ import annotations

import json

from stream_app.core.events import (
    CallEnded,
    ToolCall,
    TraceCompleted,
)
from tests.providers.samples import public
from tests.providers.trying import Trying

SID = "CA0123456789abcdef0123456789abcdef"
TRACE = "0af7651916cd43dd8448eb211c80319c"
TRYING = Trying("pipecat")
own, events, of = TRYING.own, TRYING.events, TRYING.of


def test_a_span_exported_twice_is_one_span() -> None:
    document = own("spans-with-tools")
    assert events({"resourceSpans": document["resourceSpans"] * 2}) == events(document)


def test_the_conversations_span_ends_the_call_and_its_trace() -> None:
    (ended,) = of(CallEnded, own("spans"))
    assert (ended.canonical_call_id, ended.trace_id) == ("call-9101", TRACE)
    assert ended.aliases == {"pipecatConversationId": "pc-77", "twilioCallSid": SID}
    assert (ended.started_at, ended.ended_at, ended.duration_ms) == (1_780_512_151_000, 1_780_512_231_000, 80_000)
    assert ended.agent_version == "2026.6.1"
    assert (ended.measures.interruptions, ended.measures.p95_response_ms) == (1, 1_200)
    (trace,) = of(TraceCompleted, own("spans"))
    assert {one.name: (one.count, one.p95_ms, one.errors) for one in trace.key_spans} == {
        "conversation": (1, 80_000, 0), "turn": (3, 30_000, 0), "stt": (1, 1_000, 0), "tts": (1, 1_000, 0),
        "llm": (2, 3_000, 1),
    }  # fmt: skip


def test_figures_of_the_whole_call_need_every_turn() -> None:
    (ended,) = of(CallEnded, own("spans-last-batch"))
    assert (ended.measures.interruptions, ended.measures.p95_response_ms) == (None, None)


def test_reports_of_one_fact_in_other_company_do_not_contradict() -> None:
    whole, last = (of(CallEnded, own(name))[0] for name in ("spans", "spans-last-batch"))
    assert whole.event_id != last.event_id


def test_spans_before_the_end_only_link_the_trace() -> None:
    (linked,) = events(own("spans-of-turns"))
    assert (linked.type, linked.trace_id, linked.aliases) == (
        "identity-linked", TRACE, {"pipecatConversationId": "pc-77"},
    )  # fmt: skip


def test_tools_of_realtime_services_come_from_their_spans() -> None:
    tools = {tool.tool_call_id: tool for tool in of(ToolCall, own("spans-with-tools"))}
    assert {name: tool.status for name, tool in tools.items()} == {
        "fc_1": "failed", "fc_2": "succeeded", "fc_4": "failed",
    }  # fmt: skip
    refund = tools["fc_1"]
    assert (refund.name, refund.arguments, refund.latency_ms) == ("refund", {"order_id": "W-17"}, 1_500)
    assert (tools["fc_2"].name, tools["fc_2"].result, tools["fc_2"].arguments) == ("notify", {"sent": True}, None)


def test_each_trace_of_a_document_is_a_call_of_its_own() -> None:
    document = own("spans")
    other = json.loads(json.dumps(document).replace(TRACE, "1" * 32).replace("call-9101", "call-9102"))
    both = {"resourceSpans": document["resourceSpans"] + other["resourceSpans"]}
    assert [event.canonical_call_id for event in of(CallEnded, both)] == ["call-9101", "call-9102"]


def test_the_public_spans_name_the_call_by_all_its_names() -> None:
    ended, trace = events(public("pipecat/02-otlp-conversation-and-turn-spans.json"))
    assert isinstance(ended, CallEnded)
    assert isinstance(trace, TraceCompleted)
    sid = "CAa1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4"
    assert ended.canonical_call_id == "call-000123"
    assert (ended.aliases["pipecatConversationId"], ended.aliases["twilioCallSid"]) == (sid, sid)
    assert (ended.measures.interruptions, ended.measures.p95_response_ms) == (1, 700)
    assert {one.name: one.count for one in trace.key_spans} == {"conversation": 1, "turn": 3}
