"""LiveKit Agents' session reports become our events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream_app.core.events import ArtifactReady, CallEnded, EvaluationCompleted, ToolCall
from stream_app.core.transcripts import examine
from stream_app.providers.adapter import Normalised
from stream_app.providers.livekit_session import holds, moment
from tests.providers.samples import public
from tests.providers.trying import Trying

BEGAN_MS = 1_780_000_002_500
CLOSED_MS = 1_780_000_060_250
TRYING = Trying("livekit")
made, own, events, of, only = TRYING.made, TRYING.own, TRYING.events, TRYING.of, TRYING.only


def turns(document: Any) -> list[Any]:
    """Of the transcript that was staged."""
    result = made(document)
    assert isinstance(result, Normalised), result
    (ready,) = [one for one in result.events if isinstance(one, ArtifactReady) and one.artifact == "transcript"]
    (blob,) = result.blobs
    assert ready.reference is not None
    assert (ready.reference.uri, ready.reference.redaction_state) == (blob.uri, "unredacted")
    assert examine(blob.content or b"").problems == ()
    found: list[Any] = json.loads(blob.content or b"")["turns"]
    return found


def test_a_final_report_ends_the_call() -> None:
    (ended,) = of(CallEnded, own("session-report"))
    assert (ended.ended_at, ended.occurred_at, ended.started_at) == (CLOSED_MS, CLOSED_MS, BEGAN_MS)
    assert (ended.duration_ms, ended.disconnect_reason) == (59_000, "participant_disconnected")
    assert (ended.tools_final, ended.expected_tool_calls) == (True, 2)
    assert (ended.agent_id, ended.agent_version, ended.language) == ("support", "desk-7", "es")
    assert ended.measures.min_asr_confidence == 0.62
    assert (ended.measures.interruptions, ended.measures.p95_response_ms) == (1, 1250)
    assert ended.aliases == {
        "livekitRoomSid": "RM_made0up01", "livekitRoom": "support-made-up-1", "livekitJob": "AJ_made0up01",
    }  # fmt: skip


def test_tools_are_matched_by_their_ids() -> None:
    looked, refunded = of(ToolCall, own("session-report"))
    assert (looked.tool_call_id, looked.name, looked.sequence, looked.status) == ("call_1", "lookup", 0, "succeeded")
    assert looked.arguments == {"order_id": "A1", "phone": "[phone]"}
    assert looked.result == {"status": "delivered", "items": [1, 2.5, None], "ok": True}
    assert (looked.started_at, looked.occurred_at, looked.latency_ms) == (1_780_000_010_000, 1_780_000_010_500, 500)
    assert (refunded.status, refunded.error, refunded.result) == ("failed", "An internal error occurred", None)
    assert (refunded.sequence, refunded.latency_ms) == (1, 2250)


def test_an_id_that_is_used_again_is_another_call() -> None:
    found = of(ToolCall, own("session-report-repeated-ids"))
    assert [(one.tool_call_id, one.occurrence, one.status, one.error) for one in found] == [
        ("dup", 1, "succeeded", None),
        ("dup", 2, "failed", None),
        ("gone", 1, "timed_out", "no output before the session ended"),
        ("lost", 1, "failed", None),
        ("off", 1, "failed", "cancelled"),
    ]
    assert [one.arguments for one in found] == [{"n": 1}, {"n": 2}, {}, None, {}]
    assert [one.sequence for one in found] == [0, 1, 2, 3, 4]
    (ended,) = of(CallEnded, own("session-report-repeated-ids"))
    assert ended.expected_tool_calls == 5


def test_what_a_tool_tells_late_is_its_result() -> None:
    """It answers at once under its own ID, and again under the same with an ending."""
    slow, other = of(ToolCall, own("session-report-late-results"))
    assert (slow.tool_call_id, slow.result, slow.latency_ms) == ("slow", [3, "found"], 10_000)
    assert (other.tool_call_id, other.result) == ("other_final", "7")


@pytest.mark.parametrize(
    ("output", "status"),
    [
        ("{'error': 'no such order'}", "failed"),
        ("{'success': False}", "failed"),
        ('{"successful": false}', "failed"),
        ("Error: x", "failed"),
        ("No result returned.", "failed"),
        ("{'error': None, 'success': True}", "succeeded"),
        ("", "succeeded"),
        (None, "succeeded"),
        (7, "succeeded"),
    ],
)
def test_a_failed_tool_can_look_healthy(output: Any, status: str) -> None:
    document = own("session-report")
    for item in document["chat_history"]["items"]:
        if item.get("call_id") == "call_1" and "output" in item:
            item["output"] = output
    assert of(ToolCall, document)[0].status == status


def test_the_transcript_holds_what_was_said() -> None:
    assert turns(own("session-report")) == [
        {"speaker": "agent", "startMs": 1000, "text": "Hello, my number is +15550100007."},
        {"speaker": "user", "startMs": 4500, "text": "My order broke."},
        {"speaker": "agent", "startMs": 9500, "text": "I see."},
    ]


def test_the_node_sdk_writes_milliseconds() -> None:
    document = own("session-report-node")
    (ended,), (tool,) = of(CallEnded, document), of(ToolCall, document)
    assert (ended.ended_at, ended.disconnect_reason) == (1_780_000_060_000, "user_initiated")
    assert (tool.arguments, tool.status, tool.latency_ms) == ({"a": 1}, "failed", 1000)
    assert turns(document) == [{"speaker": "user", "startMs": 0, "text": "Hola."}]


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        (1_780_000_000.25, 1_780_000_000_250),
        (1_780_000_000_250, 1_780_000_000_250),
        ("1780000000", 1_780_000_000_000),
        (0, None),
        (None, None),
        (True, None),
        (1e200, None),
    ],
)
def test_a_time_is_in_seconds_or_in_milliseconds(value: Any, ms: int | None) -> None:
    assert moment(value) == ms


def test_a_session_that_goes_on_has_not_ended() -> None:
    found = events(own("session-report-going-on"))
    assert [one.type for one in found] == ["tool-call", "evaluation-completed"]
    assert isinstance(found[0], ToolCall)
    assert found[0].tool_call_id == "call_1", "call_2 has no output yet"
    assert only(own("session-report-just-begun")).type == "identity-linked"


def test_the_final_report_after_it_contradicts_nothing() -> None:
    early = {one.event_id: one for one in events(own("session-report-going-on"))}
    for one in events(own("session-report")):
        assert early.get(one.event_id, one) == one


def test_only_a_stated_history_makes_tools_final() -> None:
    (ended,) = of(CallEnded, own("session-summary"))
    assert (ended.tools_final, ended.expected_tool_calls, ended.ended_at) == (False, None, 1_780_000_061_500)
    (ended,) = of(CallEnded, own("session-report-without-history"))
    assert (ended.tools_final, ended.expected_tool_calls) == (True, 1)


def test_silence_makes_no_transcript() -> None:
    ended, transcript, recording = events(own("session-report-silent"))
    assert isinstance(ended, CallEnded)
    assert ended.expected_tool_calls == 0
    assert isinstance(transcript, ArtifactReady)
    assert (transcript.availability, transcript.reason) == ("never", "nothing was said in the session")
    assert isinstance(recording, ArtifactReady)
    assert recording.reference is not None
    assert recording.reference.uri == "s3://made-up-recordings/AJ_made0up01/audio.ogg"


def test_a_path_on_the_agents_machine_is_no_recording() -> None:
    assert "recording" not in [one.artifact for one in of(ArtifactReady, own("session-report"))]


def test_tags_are_judgements() -> None:
    found = {one.evaluation_id: one for one in of(EvaluationCompleted, own("session-report"))}
    assert {id: (one.rubric, one.label, one.score) for id, one in found.items()} == {
        "AJ_made0up01:judge:task_completion": ("task_completion", "fail", 0.0),
        "AJ_made0up01:judge:tone:of voice": ("tone:of voice", "maybe", 0.5),
        "AJ_made0up01:judge:accuracy": ("accuracy", "pass", 1.0),
        "AJ_made0up01:outcome": ("session outcome", "fail", None),
    }
    failed, unsure = found["AJ_made0up01:judge:task_completion"], found["AJ_made0up01:judge:tone:of voice"]
    assert [(one.name, one.passed) for one in failed.assertions] == [("task_completion", False)]
    assert (failed.failure_label, unsure.failure_label, unsure.assertions) == ("task_completion", None, ())
    assert (failed.evaluator, failed.evaluator_version) == ("livekit-agents", "1.8.9")


def test_judgements_in_full_come_before_their_tags() -> None:
    judged, outcome = of(EvaluationCompleted, own("session-report-judged-in-full"))
    assert (judged.rubric, judged.label, judged.score) == ("tone", "pass", 1.0)
    assert (outcome.label, outcome.assertions[0].passed) == ("success", True)


def test_a_history_alone_has_no_end() -> None:
    document = own("chat-history-named")
    assert [one.type for one in events(document)] == ["tool-call", "artifact-ready"]
    (_, transcript) = events(own("chat-history-alone") | {"items": document["items"]}, call_evidence_id="call_demo_7")
    assert transcript.canonical_call_id == "call_demo_7"
    assert transcript.occurred_at == 1_780_000_012_000


@pytest.mark.parametrize(
    ("document", "is_one"),
    [
        ({"chat_history": {"items": []}}, True),
        ({"chatHistory": "{}"}, True),
        ({"job_id": "AJ", "close_reason": "CR_ERROR"}, True),
        ({"items": [{"type": "message"}]}, True),
        ({"items": [{"type": "other"}]}, False),
        ({"job_id": "AJ"}, False),
        ({"chat_history": None, "events": []}, False),
        ({}, False),
    ],
)
def test_reports_are_known_by_what_they_hold(document: Any, is_one: bool) -> None:
    assert holds(document) is is_one


def test_a_history_may_come_as_text_or_as_a_list() -> None:
    document = own("session-report")
    chat = document["chat_history"]
    told = [(one.type, one.event_id) for one in events(document)]
    for other in (json.dumps(chat), chat["items"], json.dumps(chat["items"])):
        assert [(one.type, one.event_id) for one in events(document | {"chat_history": other})] == told


def test_the_public_report() -> None:
    document = public("livekit/06-agents-session-report.json")
    looked, refunded = of(ToolCall, document)
    assert (looked.tool_call_id, looked.result, looked.latency_ms) == ("call_Zk1", {"status": "delivered"}, 590)
    assert (refunded.tool_call_id, refunded.status, refunded.latency_ms) == ("call_Zk2", "failed", 2250)
    (ended,) = of(CallEnded, document)
    assert (ended.ended_at, ended.expected_tool_calls, ended.tools_final) == (1_790_000_171_000, 2, True)
    assert [turn["speaker"] for turn in turns(document)] == ["agent", "user", "agent", "user"]
    (outcome,) = of(EvaluationCompleted, document)
    assert (outcome.label, outcome.assertions[0].passed) == ("fail", False)
