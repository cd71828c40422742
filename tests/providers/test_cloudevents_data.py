"""Fields of our events are found under their usual names."""

from __future__ import annotations

from stream_app.core.events import (
    ArtifactReady,
    CallEnded,
    EvaluationCompleted,
    ToolCall,
)
from stream_app.core.transcripts import examine
from tests.providers.trying import Trying

TRYING = Trying("cloudevents")
made, own, events, only = TRYING.made, TRYING.own, TRYING.events, TRYING.only


def test_free_data_fill_the_fields_of_the_event() -> None:
    ended = events(own("binary-call-ended"))[0]
    assert isinstance(ended, CallEnded)
    assert (ended.event_id, ended.canonical_call_id) == ("cloudevents:/voice/eu-1:ev-1", "call-9201")
    assert (ended.ended_at, ended.occurred_at) == (1_780_512_151_120, 1_780_512_180_000)
    assert (ended.duration_ms, ended.disconnect_reason, ended.agent_version) == (80_120, "caller_hangup", "2026.6")


def test_a_tool_that_calls_itself_a_success_is_looked_at() -> None:
    tool = only(own("tool-call"))
    assert isinstance(tool, ToolCall)
    assert (tool.status, tool.arguments, tool.latency_ms, tool.sequence) == ("failed", {"order": "W-17"}, 120, 2)
    failed = only(own("tool-call-failed"))
    assert (failed.status, failed.error, failed.latency_ms) == ("failed", "gateway 502", 1_500)


def test_a_judgement_of_zero_is_a_judgement() -> None:
    judged = only(own("evaluation"))
    assert isinstance(judged, EvaluationCompleted)
    assert (judged.score, judged.label, judged.rubric, judged.evaluator_version) == (0.0, "fail", "solved", "3")
    assert [(one.name, one.passed) for one in judged.assertions] == [("solved", False)]


def test_a_signed_link_is_staged_and_never_said() -> None:
    result = made(own("recording-ready"))
    (ready,), (blob,) = result.events, result.blobs
    assert isinstance(ready, ArtifactReady)
    assert ready.reference is not None
    assert ready.reference.uri == blob.uri
    assert "hidden-signature" in (blob.link or "")
    assert (ready.reference.duration_ms, ready.reference.channels) == (80_000, 2)


def test_an_inline_transcript_is_staged() -> None:
    result = made(own("transcript-ready-inline"))
    assert result.events[0].reference.redaction_state == "redacted"
    assert examine(result.blobs[0].content).problems == ()


def test_a_time_in_an_unknown_unit_is_no_time() -> None:
    document = own("structured-alone")
    for data, ended in (
        ({"endedAt": 1_780_512_151}, 1_780_512_180_000),
        ({"endedAtMs": 1_780_512_151_120}, 1_780_512_151_120),
        ({"ended_at": "2026-06-03T18:42:31.120Z"}, 1_780_512_151_120),
        ({"ended_at": "2026-06-03T18:42:31.120"}, 1_780_512_180_000),
    ):
        assert only({**document, "data": data}).ended_at == ended


def test_a_field_of_another_type_is_left_out() -> None:
    data = {"ended_at": "2026-06-03T18:42:31Z", "agent_id": {"a": 1}, "channels": 900, "measures": [], "reason": ["x"]}
    ended = only({**own("structured-alone"), "data": data})
    assert (ended.agent_id, ended.channels, ended.disconnect_reason) == (None, None, None)
