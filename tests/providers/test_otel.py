"""OpenTelemetry's spans and log records become our events, each with the names of its own call only."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from stream_app.core.events import CallEnded, EvaluationCompleted, IdentityLinked, ToolCall, TraceCompleted
from stream_app.providers.adapter import Normalised
from stream_app.providers.registry import Refusal
from tests.providers.mutants import mutants
from tests.providers.samples import own_cases, public, public_cases
from tests.providers.trying import RECEIVED_MS, Trying

TRYING = Trying("otel")
made, own, events, of, only = TRYING.made, TRYING.own, TRYING.events, TRYING.of, TRYING.only
T1, T2, T3 = "1f" * 16, "2e" * 16, "3d" * 16
BASE_MS = 1_790_100_000_000
SECRETS = (b"15550100", b"hidden", b"alice@example.com")


@pytest.mark.parametrize("case", own_cases("otel"))
def test_every_document_gives_what_it_should(case: Any) -> None:
    result = made(case["document"])
    if "refused" in case:
        assert isinstance(result, Refusal)
        assert result.reason == case["refused"]
        return
    assert isinstance(result, Normalised), result
    assert [event.type for event in result.events] == case["gives"]
    assert result == made(copy.deepcopy(case["document"])), "the same document again is the same events"
    assert len({event.event_id for event in result.events}) == len(result.events)
    for event in result.events:
        assert not any(secret in event.to_bytes() for secret in SECRETS)


def test_a_tool_call_has_its_arguments_its_result_and_its_time() -> None:
    tool = only(own("tool"))
    assert isinstance(tool, ToolCall)
    assert (tool.tool_call_id, tool.occurrence, tool.name, tool.status, tool.error) == (
        "call_A", 1, "refund", "succeeded", None,
    )  # fmt: skip
    assert tool.arguments == {"order": "W-17", "phone": "[phone]"}
    assert tool.result == {"status": "done", "amount": 18.5}
    assert (tool.started_at, tool.occurred_at, tool.latency_ms) == (BASE_MS, BASE_MS + 640, 640)
    assert (tool.trace_id, tool.span_id, tool.aliases) == (T1, "a1" * 8, {"genAiConversationId": "conv-1"})


def test_any_sign_of_failure_counts_whatever_the_status_says() -> None:
    tools = of(ToolCall, own("tool-failed-while-status-is-unset"))
    assert [(tool.tool_call_id, tool.status, tool.error) for tool in tools] == [
        ("call_A", "failed", "HTTPError"),
        ("call_B", "timed_out", "TimeoutError"),
        ("call_C", "failed", None),
        ("call_D", "failed", None),
        ("call_E", "failed", "card declined"),
        ("call_F", "failed", "KeyError: 'order'"),
        ("call_G", "succeeded", None),
    ]
    assert {tool.canonical_call_id for tool in tools} == {"call-77"}


def test_a_call_without_an_id_has_the_name_of_its_span() -> None:
    tool = only(own("tool-without-an-id"))
    assert (tool.tool_call_id, tool.name, tool.trace_id) == ("a1" * 8, "refund", T1)


def test_ids_that_repeat_within_a_call_are_counted_in_the_order_of_time() -> None:
    tools = of(ToolCall, own("tool-ids-repeat"))
    counted = {(tool.aliases["genAiConversationId"], tool.name, tool.trace_id): tool.occurrence for tool in tools}
    assert counted == {
        ("conv-1", "look_up", T1): 1,
        ("conv-1", "refund", T1): 2,
        ("conv-1", "look_up", T2): 3,
        ("conv-2", "look_up", T3): 1,
    }


def test_the_transport_of_a_call_and_its_server_are_not_further_calls() -> None:
    first, second = of(ToolCall, own("tool-of-mcp"))
    assert (first.tool_call_id, first.name, first.latency_ms) == ("call_A", "get-order", 700)
    assert (second.tool_call_id, second.status, second.error) == ("a3" * 8, "failed", "tool_error")


def test_an_agent_that_is_a_tool_may_number_its_own_calls_alike() -> None:
    document = own("tool-of-mcp")
    inner = document["resourceSpans"][0]["scopeSpans"][0]["spans"][1]
    inner["attributes"] = [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "execute_tool"}},
        {"key": "gen_ai.tool.call.id", "value": {"stringValue": "call_A"}},
        {"key": "gen_ai.tool.name", "value": {"stringValue": "get-price"}},
    ]
    tools = {tool.name: (tool.tool_call_id, tool.occurrence) for tool in of(ToolCall, document)}
    assert tools == {"get-order": ("call_A", 1), "get-price": ("call_A", 2), "refund": ("a3" * 8, 1)}
    inner["attributes"][2]["value"]["stringValue"] = "get-order"
    assert len(of(ToolCall, document)) == 2


def test_other_frameworks_keep_arguments_elsewhere() -> None:
    adk, pydantic, vercel, strands = of(ToolCall, own("tool-of-other-frameworks"))
    assert (adk.tool_call_id, adk.arguments, adk.result) == ("a1" * 8, {"order": "W-17"}, {"result": "ok"})
    assert (pydantic.tool_call_id, pydantic.name, pydantic.result) == ("call_B", "refund", "done")
    assert (vercel.tool_call_id, vercel.arguments, vercel.status) == ("call_C", {"order": "W-18"}, "failed")
    assert (strands.tool_call_id, strands.status) == ("call_D", "failed")


def test_livekits_tools() -> None:
    sent, failed = of(ToolCall, own("livekit-function-tools"))
    assert (sent.tool_call_id, sent.status, sent.result) == ("call_A", "succeeded", {"status": "sent"})
    assert (failed.status, failed.error, failed.result) == ("failed", "tool_error", "An internal error occurred")
    # The process was started for another room.
    assert sent.aliases == {
        "livekitRoomSid": "RM_f1xtureRoom", "genAiConversationId": "RM_f1xtureRoom", "livekitJob": "AJ_f1xtureJob",
    }  # fmt: skip
    older = only(own("livekit-older-function-tool"))
    assert (older.name, older.arguments, older.result) == ("refund", {"order": "W-17"}, "done")
    assert older.aliases == {"livekitRoom": "room-of-call-1", "livekitJob": "AJ_f1xtureJob"}


def test_a_livekit_job_from_end_to_end() -> None:
    tool, judged, trace = events(own("livekit-whole-job"))
    assert tool.canonical_call_id == judged.canonical_call_id == trace.canonical_call_id == "call-77"
    aliases = dict(tool.aliases)
    assert aliases.pop("livekitRoom").startswith("masked-"), "a room's name may hold the caller's number"
    assert aliases == {
        "livekitRoomSid": "RM_f1xtureRoom", "livekitJob": "AJ_f1xtureJob", "sipCallId": "SCL_f1xture",
        "twilioCallSid": "CA" + "ab" * 16,
    }  # fmt: skip
    assert tool.status == "failed"
    assert (judged.rubric, judged.label, judged.failure_label, judged.evaluator) == (
        "accuracy", "fail", "accuracy", "livekit/judge",
    )  # fmt: skip
    assert isinstance(trace, TraceCompleted)
    assert {span.name: (span.count, span.p95_ms, span.errors) for span in trace.key_spans} == {
        "agent_session": (1, 58_900, 0), "agent_turn": (1, 2_000, 0), "execute_tool": (1, 40, 1),
        "judge_evaluation": (1, 800, 0), "llm": (1, 800, 0), "tts": (1, 600, 0),
    }  # fmt: skip


def test_the_judge_of_livekits_tests_is_no_tool() -> None:
    judged = only(own("livekit-judge-of-tests"))
    assert isinstance(judged, EvaluationCompleted)
    assert (judged.rubric, judged.label, judged.score) == ("judge_evaluation", "fail", None)


def test_livekits_tagger_tells_verdicts_and_the_outcome() -> None:
    judge, outcome = of(EvaluationCompleted, own("livekit-tagger"))
    assert (judge.rubric, judge.label, judge.trace_id) == ("accuracy", "pass", None)
    assert (outcome.rubric, outcome.label) == ("session_outcome", "fail")
    assert judge.aliases == {
        "livekitRoomSid": "RM_f1xtureRoom", "livekitRoom": "room-of-call-1", "livekitJob": "AJ_f1xtureJob",
    }  # fmt: skip


def test_a_score_of_zero_is_a_score() -> None:
    judged = only(own("evaluation-record"))
    assert (judged.score, judged.label, judged.rubric) == (0.0, "fail", "task_success")
    assert (judged.evaluator, judged.evaluator_version, judged.test_run_id) == ("judge-a", "2026-05", "run-5")
    assert (judged.trace_id, judged.span_id, judged.occurred_at) == (T1, "a1" * 8, BASE_MS)


def test_events_may_be_named_by_an_attribute_or_by_the_body() -> None:
    first, second = of(EvaluationCompleted, own("evaluation-record-named-by-attribute"))
    assert (first.rubric, first.score, first.aliases) == ("relevance", 4.0, {"genAiConversationId": "conv-1"})
    assert (second.rubric, second.score, second.evaluator) == ("relevance", 3.5, "foundry")
    assert second.aliases == {"genAiConversationId": "conv-2"}


def test_an_evaluation_that_failed_has_no_verdict() -> None:
    judged = only(own("evaluation-that-failed"))
    assert (judged.score, judged.label, judged.failure_label) == (None, "error: RateLimitError", None)


def test_one_judgement_told_twice_is_one_and_another_judgement_is_another() -> None:
    first, second = of(EvaluationCompleted, own("evaluation-in-span-and-record"))
    assert [(one.score, one.label) for one in (first, second)] == [(0.0, "fail"), (1.0, "pass")]
    assert first.evaluation_id != second.evaluation_id


def test_a_trace_of_several_calls_names_none_of_them() -> None:
    first, second = of(EvaluationCompleted, own("evaluations-of-several-calls-in-one-trace"))
    assert [one.aliases["genAiConversationId"] for one in (first, second)] == ["conv-1", "conv-2"]
    assert first.trace_id is None
    assert second.trace_id is None
    assert first.evaluation_id != second.evaluation_id


def test_a_trace_is_summed_up_where_its_root_is_there() -> None:
    tool, trace = events(own("whole-trace"))
    assert isinstance(trace, TraceCompleted)
    assert (trace.trace_id, trace.span_id, trace.occurred_at) == (T1, "1f" + "01" * 7, BASE_MS + 60_000)
    assert {span.name: (span.count, span.p95_ms, span.errors) for span in trace.key_spans} == {
        "asr": (1, 210, 0), "execute_tool": (1, 100, 0), "invoke_agent": (1, 60_000, 0), "llm": (1, 900, 0),
        "tts": (1, 180, 1), "turn": (1, 1_500, 0),
    }  # fmt: skip
    # What the agent calls may have a conversation of its own: the outermost one is the call.
    assert tool.aliases == trace.aliases == {"genAiConversationId": "conv-1"}
    assert of(CallEnded, own("whole-trace")) == [], "one trace may be one turn"
    (partial,) = events(own("trace-without-its-root"))
    assert partial.aliases == {"genAiConversationId": "part-of-conv-1"}
    assert partial.trace_id == T1
    assert partial.event_id != tool.event_id, "the same span in other company is told otherwise"


def test_a_batch_of_two_calls_mixes_nothing() -> None:
    found = {(event.type, event.trace_id): event.aliases for event in events(own("two-calls-in-one-batch"))}
    assert found == {
        ("tool-call", T1): {"genAiConversationId": "conv-1"},
        ("trace-completed", T1): {"genAiConversationId": "conv-1"},
        ("tool-call", T2): {"genAiConversationId": "conv-2"},
        ("trace-completed", T2): {"genAiConversationId": "conv-2"},
    }


def test_lines_of_a_file_are_one_batch_in_which_each_span_counts_once() -> None:
    tool, judged, trace = events(own("lines-of-a-file"))
    assert (tool.occurrence, judged.aliases) == (1, {"genAiConversationId": "conv-1"})
    assert {span.name: span.count for span in trace.key_spans}["execute_tool"] == 1


def test_older_spellings_are_read() -> None:
    tool = only(own("snake-case-and-names-of-enums"))
    assert (tool.trace_id, tool.span_id, tool.tool_call_id) == ("1d1f" + "1f" * 14, "a1" * 8, "call_A")
    assert (tool.status, tool.latency_ms, tool.started_at) == ("failed", 640, BASE_MS)


def test_spans_that_only_name_a_call_link_its_names() -> None:
    link = only(own("conversation-of-a-turn"))
    assert isinstance(link, IdentityLinked)
    assert (link.trace_id, link.aliases) == (T1, {"genAiConversationId": "part-of-conv-1"})


def test_an_id_that_is_none_names_nothing() -> None:
    tool = only(own("ids-that-are-none-but-a-conversation"))
    assert (tool.trace_id, tool.span_id, tool.aliases) == (None, None, {"genAiConversationId": "conv-1"})


def test_pipecats_spans_are_read_as_pipecats() -> None:
    look_up, refund, ended, trace = events(own("pipecat"))
    assert (look_up.tool_call_id, refund.tool_call_id, refund.status) == ("call_B", "call_A", "succeeded")
    assert refund.arguments == {"order": "W-17"}
    assert (ended.ended_at, ended.measures.p95_response_ms) == (BASE_MS + 3_000, 600)
    for event in (look_up, refund, ended, trace):
        assert (event.canonical_call_id, event.trace_id) == ("call-77", T1)
        assert event.aliases == {"pipecatConversationId": "pc-1"}


def test_our_call_id_may_ride_in_the_address() -> None:
    assert only_of("tool-without-an-id", canonicalCallId="call-5").canonical_call_id == "call-5"
    stated = events(own("livekit-whole-job"), canonicalCallId="call-5")[0]
    assert stated.canonical_call_id == "call-77", "what the span itself says counts first"


def only_of(name: str, **query: str) -> Any:
    (event,) = events(own(name), **query)
    return event


def test_a_span_without_times_happened_when_it_came() -> None:
    document = own("tool")
    (span,) = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    del span["startTimeUnixNano"], span["endTimeUnixNano"]
    tool = only(document)
    assert (tool.occurred_at, tool.latency_ms) == (RECEIVED_MS, None)


@pytest.mark.parametrize("document", [None, 1, "x", True])
def test_what_is_no_document_is_not_readable(document: Any) -> None:
    assert made(document).reason == "not_readable"


@pytest.mark.parametrize("document", [{}, [], [1, None], {"resourceSpans": {}}])
def test_what_holds_no_signal_is_unknown(document: Any) -> None:
    assert made(document).reason == "unknown_shape"


def test_a_public_tool_that_failed_without_saying_of_what() -> None:
    tool, trace = events(public("otel/01-otlp-trace-execute_tool-error.json"))
    assert (tool.tool_call_id, tool.name, tool.status, tool.error) == (
        "eee19b7ec3c1b176", "Bash", "failed", "tool exited with code 1",
    )  # fmt: skip
    assert (tool.latency_ms, tool.aliases) == (1_500, {"genAiConversationId": "session-demo-1"})
    assert trace.trace_id == tool.trace_id == "5b8efff798038103d269b633813fc60c"


def test_a_public_judgement_that_only_its_trace_names() -> None:
    judged = only(public("otel/02-otlp-log-evaluation-result.json"))
    assert (judged.rubric, judged.score, judged.label) == ("release-check", 1.0, None)
    assert (judged.trace_id, judged.span_id, judged.aliases) == (
        "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", {},
    )  # fmt: skip


def test_public_spans_of_the_whole_convention() -> None:
    look_up, refund, judged, trace = events(public("otel/03-otlp-semconv-tools-and-evaluation.json"))
    assert (look_up.tool_call_id, look_up.status, look_up.latency_ms) == ("call_Zk1", "succeeded", 590)
    assert (look_up.arguments, look_up.result) == ({"order_id": "W2378156"}, {"status": "delivered"})
    assert (refund.tool_call_id, refund.status, refund.error) == (
        "call_Zk2", "failed", "RuntimeError: payment gateway 502",
    )  # fmt: skip
    assert (judged.rubric, judged.score, judged.label) == ("task_success", 0.0, "fail")
    assert {span.name: (span.count, span.errors) for span in trace.key_spans}["execute_tool"] == (2, 1)
    for event in (look_up, refund, judged, trace):
        assert (event.canonical_call_id, event.trace_id) == ("call-7f3c2a10", "db5b5fab8f4d3e27dda1494c73cf256d")
        assert b"never issued" not in event.to_bytes()


def test_a_public_span_without_ids_names_no_call() -> None:
    assert made(public("otel/04-otlp-minimal-execute_tool.json")).reason == "identity_missing"


def test_pipecats_public_spans_say_when_the_call_ended() -> None:
    ended, trace = events(public("pipecat/02-otlp-conversation-and-turn-spans.json"))
    assert isinstance(ended, CallEnded)
    assert isinstance(trace, TraceCompleted)
    assert ended.canonical_call_id == "call-000123"
    assert ended.aliases["twilioCallSid"] == ended.aliases["pipecatConversationId"]


@pytest.mark.parametrize("document", [*public_cases("otel"), *(case for case in own_cases("otel"))])
def test_a_document_bent_out_of_shape_is_read_or_refused(document: Any) -> None:
    document = document.get("document", document)
    for mutant in mutants(document, 60, seed=len(json.dumps(document))):
        assert isinstance(made(mutant), Normalised | Refusal)


def test_numbers_written_as_attributes_are_masked_without_their_plus() -> None:
    document = own("tool")
    (span,) = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    span["attributes"].append({"key": "lk.pii.sip.phoneNumber", "value": {"stringValue": "+15550100144"}})
    span["attributes"].append({"key": "lk.room_name", "value": {"stringValue": "call-15550100144"}})
    assert only(document).aliases["livekitRoom"].startswith("masked-")
