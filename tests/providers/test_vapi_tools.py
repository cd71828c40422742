"""Vapi's tool calls: requests, results wherever they stand, and what became of those without one."""

from __future__ import annotations

from stream_app.core.events import ToolCall
from tests.providers.samples import public
from tests.providers.trying import Trying

VAPI = Trying("vapi")
BEGAN_MS = 1_788_000_000_000


def test_tools_are_told_with_their_outcome() -> None:
    tools = VAPI.of(ToolCall, VAPI.own("end-of-call-report"))
    assert [(tool.tool_call_id, tool.occurrence, tool.sequence, tool.name, tool.status) for tool in tools] == [
        ("call_a", 1, 0, "find_order", "succeeded"),
        ("call_b", 1, 1, "find_customer", "failed"),
        ("call_a", 2, 2, "refund", "failed"),
        ("call_c", 1, 3, "endCall", "succeeded"),
    ]
    assert [tool.latency_ms for tool in tools] == [850, 20_000, 400, None]
    assert tools[0].arguments == {"orderId": "A-1"}
    assert tools[1].arguments == {}
    assert tools[0].result == {"status": "open"}
    assert (tools[0].started_at, tools[0].occurred_at) == (BEGAN_MS + 7_000, BEGAN_MS + 7_850)


def test_a_tool_without_a_result_has_an_unknown_outcome_unless_it_ended_the_call() -> None:
    document = VAPI.own("end-of-call-report")
    document["message"]["endedReason"] = "customer-ended-call"
    tool = VAPI.of(ToolCall, document)[-1]
    assert (tool.name, tool.status) == ("endCall", "timed_out")


def test_a_further_result_replaces_the_first() -> None:
    document = VAPI.own("end-of-call-report")
    messages = document["message"]["artifact"]["messages"]
    messages.insert(5, {"role": "tool_call_result", "toolCallId": "call_a", "result": "Error: too late"})
    tools = VAPI.of(ToolCall, document)
    assert len(tools) == 4
    assert tools[0].status == "failed"


def test_results_without_an_id_find_their_tool_by_name() -> None:
    messages = [
        {"role": "tool_calls", "toolCalls": [{"function": {"name": "find"}}, {"function": {"name": "book"}}]},
        {"role": "tool_call_result", "name": "book", "result": "done"},
        {"role": "tool_call_result", "name": "find", "result": "Error: none"},
        {"role": "tool_call_result", "name": "notify", "result": "sent"},
    ]
    document = VAPI.own("end-of-call-report")
    document["message"]["artifact"]["messages"] = messages
    tools = VAPI.of(ToolCall, document)
    assert [(tool.name, tool.status) for tool in tools] == [
        ("find", "failed"), ("book", "succeeded"), ("notify", "succeeded"),
    ]  # fmt: skip


def test_a_public_tool_request_tells_what_came_of_the_tool_before() -> None:
    (tool,) = VAPI.events(public("vapi/01-tool-calls-captured.json"))
    assert (tool.tool_call_id, tool.status, tool.latency_ms) == ("call_Q9OmH6CEgazy0kvNJk3xhvfh", "failed", 433)
    assert tool.arguments == {}
    assert tool.aliases["twilioCallSid"] == "CAe519bb3b2aa4c6177f0bb5d8054422a3"
