"""Pipecat's function call events and start messages become our events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream_app.core.events import (
    ToolCall,
)
from stream_app.providers.adapter import Normalised
from stream_app.providers.registry import Refusal
from tests.providers.mutants import mutants
from tests.providers.samples import PUBLIC, own_cases
from tests.providers.trying import Trying

SID = "CA0123456789abcdef0123456789abcdef"
TRACE = "0af7651916cd43dd8448eb211c80319c"
TRYING = Trying("pipecat")
made, own, events, of = TRYING.made, TRYING.own, TRYING.events, TRYING.of


@pytest.mark.parametrize("case", own_cases("pipecat"))
def test_every_document_gives_what_it_should(case: Any) -> None:
    result = made(case["document"])
    if "refused" in case:
        assert isinstance(result, Refusal)
        assert result.reason == case["refused"]
        return
    assert isinstance(result, Normalised), result
    assert [event.type for event in result.events] == case["gives"]
    assert result == made(case["document"]), "the same document again is the same events"
    for event in result.events:
        assert b"15550100" not in event.to_bytes()
        assert b"hidden" not in event.to_bytes()


@pytest.mark.parametrize(
    ("name", "status", "error", "latency"),
    [
        ("completed", "succeeded", None, 750),
        ("completed-with-an-error-inside", "failed", None, 750),
        ("failed", "failed", "RuntimeError: payment gateway 502", 2_250),
        ("timed-out", "timed_out", None, 10_000),
        ("cancelled", "failed", "cancelled", None),
    ],
)
def test_a_call_settles_in_one_of_four_ways(name: str, status: str, error: str | None, latency: int | None) -> None:
    (tool,) = of(ToolCall, own(name))
    assert (tool.status, tool.error, tool.latency_ms, tool.name) == (status, error, latency, "refund")


def test_the_call_is_named_by_whoever_sends_the_event() -> None:
    (ours,) = events(own("completed"))
    assert (ours.canonical_call_id, ours.aliases) == ("call-9101", {})
    (its,) = events(own("failed"))
    assert its.aliases == {"pipecatConversationId": SID, "twilioCallSid": SID}
    (carriers,) = events(own("timed-out"))
    assert carriers.aliases == {"twilioCallSid": SID}
    nameless = own("completed-of-no-call")
    assert events(nameless, canonicalCallId="call-1")[0].canonical_call_id == "call-1"
    assert events(nameless, callSid=SID)[0].aliases == {"twilioCallSid": SID}
    assert events({**nameless, "call_id": SID})[0].aliases == {"twilioCallSid": SID}
    assert events({**nameless, "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})[0].trace_id == TRACE


def test_events_sent_together_make_whole_reports() -> None:
    first, second = of(ToolCall, own("batch"))
    assert (first.tool_call_id, first.occurrence, first.arguments) == ("call_A1", 1, {"order_id": "W-17"})
    assert (first.latency_ms, first.status) == (500, "succeeded")
    assert (second.occurrence, second.arguments, second.status) == (2, {"order_id": "W-18"}, "failed")
    assert first.event_id != second.event_id
    assert {first.aliases["pipecatConversationId"], second.aliases["pipecatConversationId"]} == {"pc-77"}
    in_a_list = of(ToolCall, [{**one, "conversation_id": "pc-77"} for one in own("batch")["events"]])
    assert [tool.event_id for tool in in_a_list] == [first.event_id, second.event_id]


def test_a_moment_told_twice_is_one_call() -> None:
    batch = own("batch")
    twice = {**batch, "events": [one for one in batch["events"] for _ in range(2)]}
    assert events(twice) == events(batch)


def test_a_start_message_links_the_carriers_name_with_ours() -> None:
    for name in ("start-twilio", "call-data"):
        (linked,) = events(own(name))
        assert linked.canonical_call_id == "call-9101"
        assert linked.aliases == {"twilioCallSid": SID, "twilioStreamSid": "MZ0123456789abcdef0123456789abcdef"}


def test_public_events_give_a_tool_call_each_once_they_settle() -> None:
    path = PUBLIC / "pipecat" / "01-function-call-events.jsonl"
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert {made(line).reason for line in lines} == {"nothing_to_report", "identity_missing"}
    tools = [made(line, canonicalCallId="call-1") for line in lines]
    settled: list[Any] = [one.events[0] for one in tools if isinstance(one, Normalised)]
    assert [(tool.tool_call_id, tool.status, tool.latency_ms) for tool in settled] == [
        ("call_7Qd1", "succeeded", 755),
        ("call_7Qd2", "failed", 2_250),
    ]
    whole = of(ToolCall, {"call_id": "call-1", "events": lines})
    assert [tool.arguments["order_id"] for tool in whole] == ["W2378156", "W2378156"]


@pytest.mark.parametrize("case", own_cases("pipecat"))
def test_whatever_stands_in_a_document_it_is_events_or_a_refusal(case: Any) -> None:
    for mutant in mutants(case["document"], 120):
        assert isinstance(made(mutant), Normalised | Refusal)
