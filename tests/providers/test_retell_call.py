"""Retell's call object: its names, times, turns and tool calls."""

from __future__ import annotations

import json
from typing import Any

from stream_app.core import transcripts
from stream_app.core.events import CallEnded, ToolCall
from tests.providers.samples import public
from tests.providers.trying import Trying

RETELL = Trying("retell")
BEGAN_MS = 1_788_000_000_000


def test_call_ended_ends_the_call() -> None:
    (ended,) = RETELL.of(CallEnded, RETELL.own("call-ended"))
    assert ended.canonical_call_id == "call_demo_9"
    assert ended.aliases == {
        "retellCallId": "call_r1", "twilioCallSid": "CA00000000000000000000000000000c01", "testRunId": "run-4",
    }  # fmt: skip
    assert (ended.started_at, ended.ended_at, ended.occurred_at) == (BEGAN_MS, BEGAN_MS + 60_000, BEGAN_MS + 60_000)
    assert ended.duration_ms == 60_000
    assert (ended.agent_id, ended.agent_version, ended.disconnect_reason) == ("agent_r", "3", "agent_hangup")
    assert (ended.tools_final, ended.expected_tool_calls, ended.channels) == (True, 4, 2)
    assert ended.measures.p95_response_ms == 1500


def test_tools_are_told_with_their_outcome() -> None:
    tools = RETELL.of(ToolCall, RETELL.own("call-ended"))
    assert [(tool.tool_call_id, tool.occurrence, tool.sequence, tool.status) for tool in tools] == [
        ("tool_1", 1, 0, "succeeded"), ("tool_2", 1, 1, "timed_out"), ("tool_1", 2, 2, "failed"),
        ("tool_3", 1, 3, "succeeded"),
    ]  # fmt: skip
    assert [tool.latency_ms for tool in tools] == [750, 120_000, None, None]
    assert (tools[0].started_at, tools[0].occurred_at) == (BEGAN_MS + 5_000, BEGAN_MS + 5_750)
    assert (tools[0].arguments, tools[0].result) == ({"order": "A-1"}, {"status": "open"})
    assert tools[2].occurred_at == BEGAN_MS + 60_000


def test_a_tool_that_was_never_answered_has_an_unknown_outcome() -> None:
    document = RETELL.own("call-ended")
    document["call"]["disconnection_reason"] = "user_hangup"
    assert RETELL.of(ToolCall, document)[-1].status == "timed_out"


def test_a_result_that_does_not_say_whether_it_was_successful_was() -> None:
    (tool,) = RETELL.of(ToolCall, public("retell/03-get-call-with-tools.json"))
    assert (tool.status, tool.arguments, tool.result) == ("succeeded", {"location": "main"}, {"hours": "9-5"})


def test_the_transcript_holds_what_was_spoken() -> None:
    (blob,) = [blob for blob in RETELL.made(RETELL.own("call-ended")).blobs if blob.content is not None]
    assert json.loads(blob.content or b"")["turns"] == [
        {"speaker": "agent", "startMs": 500, "text": "Hello, how can I help?"},
        {"speaker": "user", "startMs": 3250, "text": "Refund me, I am Jane Doe."},
        {"speaker": "transfer_target", "text": "Second line here."},
    ]
    assert transcripts.examine(blob.content or b"").problems == ()


def test_a_transcript_that_is_only_text_is_read_line_by_line() -> None:
    normalised = RETELL.made(RETELL.own("call-ended-text-only"))
    assert json.loads(normalised.blobs[0].content or b"")["turns"] == [
        {"speaker": "agent", "text": "Thank you for calling."}, {"speaker": "user", "text": "Book me\nfor nine."},
    ]  # fmt: skip
    (ended,) = [event for event in normalised.events if isinstance(event, CallEnded)]
    assert (ended.tools_final, ended.expected_tool_calls) == (False, None)
    assert ended.canonical_call_id == "call_demo_10"


def test_scrubbed_arguments_do_not_contradict_the_backend() -> None:
    (tool,) = RETELL.of(ToolCall, RETELL.own("call-ended-scrubbed-only"))
    assert (tool.name, tool.status, tool.arguments) == ("find_order", "succeeded", None)


def test_keys_in_another_case_say_the_same() -> None:
    def camel(value: Any) -> Any:
        if isinstance(value, dict):
            return {key.title().replace("_", ""): camel(one) for key, one in value.items()}
        return [camel(one) for one in value] if isinstance(value, list) else value

    document = RETELL.own("call-analyzed")
    assert RETELL.events(camel(document)) == RETELL.events(document)


def test_the_query_may_name_the_call() -> None:
    assert {event.canonical_call_id for event in RETELL.events(RETELL.own("get-call"), canonical_call_id="call_q")} == {
        "call_q"
    }
