"""A conversation object of ElevenLabs becomes our events."""

from __future__ import annotations

from stream_app.core.events import (
    ArtifactReady,
    CallEnded,
    EvaluationCompleted,
    ToolCall,
)
from stream_app.core.transcripts import examine
from tests.providers.trying import Trying

CONVERSATION = "conv_5501made0up0for0tests0000"
SID = "CA0123456789abcdef0123456789abcdef"
TRYING = Trying("elevenlabs")
made, own, events, of = TRYING.made, TRYING.own, TRYING.events, TRYING.of


def test_the_end_of_a_call_says_all_that_is_documented() -> None:
    (ended,) = of(CallEnded, own("transcription"))
    assert ended.canonical_call_id == "call-9001"
    assert ended.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert ended.aliases == {
        "elevenlabsConversationId": CONVERSATION,
        "twilioCallSid": SID,
        "twilioStreamSid": "MZ0123456789abcdef0123456789abcdef",
        "testRunId": "run-7",
    }
    assert (ended.started_at, ended.ended_at, ended.occurred_at) == (
        1_780_512_151_000, 1_780_512_231_000, 1_780_512_231_000,
    )  # fmt: skip
    assert (ended.duration_ms, ended.language, ended.agent_id) == (80_000, "en", "agent_4402made0up")
    assert ended.agent_version == "support-2026.06.1"
    assert ended.disconnect_reason == "Client disconnected: 1000"
    assert (ended.tools_final, ended.expected_tool_calls, ended.measures.interruptions) == (True, 7, 1)


def test_tools_and_their_results_are_matched_over_turns() -> None:
    tools = of(ToolCall, own("transcription"))
    assert [(tool.tool_call_id, tool.occurrence, tool.status, tool.latency_ms) for tool in tools] == [
        ("req_a", 1, "succeeded", 512),
        ("req_b", 1, "failed", 2_250),
        ("req_b", 2, "timed_out", 20_000),
        ("req_c", 1, "failed", 512),
        ("req_d", 1, "failed", None),
        ("req_e", 1, "timed_out", None),
        ("req_f", 1, "succeeded", None),
    ]
    assert [tool.sequence for tool in tools] == list(range(7))
    first, second = tools[0], tools[1]
    assert (first.arguments, first.result) == ({"order_id": "W-17"}, {"status": "delivered"})
    assert (first.started_at, first.occurred_at) == (1_780_512_160_000, 1_780_512_161_000)
    assert (second.error, tools[3].error, tools[4].error) == ("http_error", "blocked", "the tool was not called")
    assert tools[6].name == "end_call"


def test_judgements_are_kept_without_what_the_judge_wrote() -> None:
    judged = {one.rubric: one for one in of(EvaluationCompleted, own("transcription"))}
    assert list(judged) == ["polite", "solved", "upsell", "call_successful"]
    assert (judged["solved"].score, judged["solved"].label) == (0.0, "failure")
    assert (judged["upsell"].score, judged["polite"].score) == (0.75, None)
    assert [one.passed for one in judged["polite"].assertions] == [True]
    assert [one.passed for one in judged["solved"].assertions] == [False]
    assert judged["solved"].failure_label == "solved"
    assert judged["upsell"].assertions == ()
    assert judged["call_successful"].score == 0.0
    assert {one.rubric_version for one in judged.values()} == {"ver_19"}
    assert {one.test_run_id for one in judged.values()} == {"run-7"}


def test_an_inline_transcript_is_staged_and_can_be_read() -> None:
    result = made(own("transcription"))
    (ready,) = [event for event in result.events if isinstance(event, ArtifactReady)]
    (blob,) = result.blobs
    assert ready.reference is not None
    assert ready.reference.uri == blob.uri
    assert ready.reference.redaction_state == "unredacted"
    report = examine(blob.content)
    assert (report.turns, report.speakers, report.problems) == (4, 2, ())


def test_of_two_transcripts_the_unredacted_one_never_speaks() -> None:
    (plain,), (raw,) = (
        of(ArtifactReady, own(name)) for name in ("transcription", "transcription-unredacted")
    )  # fmt: skip
    assert (raw.occurred_at, raw.event_id) < (plain.occurred_at, plain.event_id)


def test_what_was_left_out_is_not_said_to_be_absent() -> None:
    ended, recording = events(own("transcription-excluded"))
    assert isinstance(ended, CallEnded)
    assert isinstance(recording, ArtifactReady)
    assert (ended.tools_final, ended.expected_tool_calls) == (False, None)
    assert (recording.artifact, recording.availability) == ("recording", "never")


def test_a_failed_call_has_its_error_and_nothing_else_will_come() -> None:
    failed = own("transcription-failed")
    (ended,) = of(CallEnded, failed)
    assert ended.disconnect_reason == "error 1011: Custom LLM error"
    assert ended.canonical_call_id == "call-9002"
    assert ended.aliases["sipCallId"] == "SCL_made0up"
    assert events(failed)[1].aliases["sipCallId"] == "x-call-77"
    assert {one.artifact: one.availability for one in of(ArtifactReady, failed)} == {
        "transcript": "never",
        "recording": "never",
    }


def test_our_call_id_rides_where_a_user_can_put_it() -> None:
    bare = {"conversation_id": CONVERSATION, "status": "done", "transcript": [], "metadata": {}}
    for where in (
        {"user_id": "canonicalCallId=call-1"},
        {"user_id": '{"canonical_call_id": "call-1"}'},
        {"conversation_initiation_client_data": {"dynamic_variables": {"voice.call.id": "call-1"}}},
        {"conversation_initiation_client_data": {"custom_llm_extra_body": {"canonicalCallId": "call-1"}}},
        {"metadata": {"phone_call": {"sip_header_dynamic_variables": {"sip_x-canonical-call-id": "call-1"}}}},
    ):
        assert events({**bare, **where})[0].canonical_call_id == "call-1"
    assert events({**bare, "user_id": "customer-17"})[0].canonical_call_id is None
    assert events(bare, canonicalCallId="call-2")[0].canonical_call_id == "call-2"


def test_a_second_name_of_a_sip_call_comes_as_a_link() -> None:
    failed = own("transcription-failed")
    phone = failed["data"]["metadata"]["phone_call"]
    assert [one.aliases["sipCallId"] for one in events(failed)[:2]] == ["SCL_made0up", "x-call-77"]
    del phone["call_id"]
    phone["sip_header_dynamic_variables"]["sip_callid"] = "x-call-78"
    assert events(failed)[1].aliases["sipCallId"] == "x-call-78"


def test_a_callers_number_is_blotted_out_without_its_plus_as_well() -> None:
    document = own("transcription")
    document["data"]["transcript"][2]["tool_calls"][0]["params_as_json"] = '{"note": "call 15550100147 back"}'
    (tool, *_) = of(ToolCall, document)
    assert tool.arguments == {"note": "call [phone] back"}


def test_another_analysis_of_a_call_is_another_report() -> None:
    document = own("transcription")
    again = {**document, "event_timestamp": document["event_timestamp"] + 60}
    assert not {one.event_id for one in events(document)} & {one.event_id for one in events(again)}
    changed = {**own("conversation-object"), "analysis": None}
    assert not {one.event_id for one in events(own("conversation-object"))} & {one.event_id for one in events(changed)}
