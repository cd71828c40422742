"""ElevenLabs' conversations as spans become the same events."""

from __future__ import annotations

from stream_app.core.events import (
    CallEnded,
    EvaluationCompleted,
    ToolCall,
    TraceCompleted,
)
from stream_app.core.transcripts import examine
from tests.providers.trying import Trying

SID = "CA0123456789abcdef0123456789abcdef"
TRYING = Trying("elevenlabs")
made, own, events, of = TRYING.made, TRYING.own, TRYING.events, TRYING.of


def test_spans_say_the_same_as_a_conversation_object() -> None:
    result = made(own("otel"))
    (ended,) = [event for event in result.events if isinstance(event, CallEnded)]
    assert (ended.canonical_call_id, ended.trace_id) == ("call-9003", "4bf92f3577b34da6a3ce929d0e0e4736")
    assert (ended.started_at, ended.duration_ms, ended.agent_version) == (1_780_512_151_000, 80_000, "ver_19")
    assert ended.aliases["twilioCallSid"] == SID
    (tool,) = [event for event in result.events if isinstance(event, ToolCall)]
    assert (tool.name, tool.status, tool.latency_ms, tool.arguments) == (
        "refund",
        "failed",
        1_480,
        {"order_id": "W-17"},
    )
    judged = {event.rubric: event for event in result.events if isinstance(event, EvaluationCompleted)}
    assert (judged["polite"].label, judged["polite"].score, judged["solved"].label) == ("failure", 0.25, "success")
    (trace,) = [event for event in result.events if isinstance(event, TraceCompleted)]
    assert {one.name: (one.count, one.errors) for one in trace.key_spans} == {
        "agent_response": (2, 0), "conversation": (1, 0), "tool": (1, 1), "user_transcript": (1, 0),
    }  # fmt: skip
    assert examine(result.blobs[0].content).turns == 3


def test_a_trace_beside_a_conversation_object_is_only_added() -> None:
    alone, both = events(own("conversation-object")), events(own("otel-conversation-object"))
    assert [event.type for event in both] == [*(event.type for event in alone), "trace-completed"]
    assert {event.trace_id for event in both} == {"4bf92f3577b34da6a3ce929d0e0e4736"}


def test_a_tool_without_an_id_goes_by_its_span() -> None:
    (tool,) = of(ToolCall, own("otel"))
    assert tool.tool_call_id == "00f067aa0ba902bb"


def test_spans_of_live_monitoring_are_parts() -> None:
    assert made(own("otel-monitoring")).reason == "nothing_to_report"
