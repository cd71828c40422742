"""Vapi's messages become our events, each kind its own, and nothing leaves that must not."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from stream_app.core.events import CallEnded
from stream_app.providers.adapter import Normalised
from stream_app.providers.registry import Refusal
from tests.providers.mutants import mutants
from tests.providers.samples import own, own_cases, public, public_cases
from tests.providers.trying import Trying

VAPI = Trying("vapi")
BEGAN_MS = 1_788_000_000_000
ENDED_MS = BEGAN_MS + 150_500
KEPT_OUT = ("SYSTEM PROMPT", "SECRET", "TWILIO TOKEN", "ORIGINAL MESSAGE", "SUMMARY", "15005550006", "15005550001")


def shown(normalised: Normalised) -> str:
    """All that leaves, but for blobs, which are kept apart."""
    return json.dumps([event.to_dict() for event in normalised.events])


@pytest.mark.parametrize("case", own_cases("vapi"))
def test_each_kind_gives_what_it_says(case: Any) -> None:
    normalised = VAPI.made(case["document"])
    if "refused" in case:
        assert isinstance(normalised, Refusal)
        assert normalised.reason == case["refused"]
    else:
        assert isinstance(normalised, Normalised)
        assert [event.type for event in normalised.events] == case["gives"]
        assert VAPI.made(case["document"]) == normalised
        for word in KEPT_OUT:
            assert word not in shown(normalised)


@pytest.mark.parametrize(
    "kind",
    [
        "assistant-request", "conversation-update", "hang", "handoff-destination-request", "knowledge-base-request",
        "model-output", "phone-call-control", "speech-update", "transcript", 'transcript[transcriptType="final"]',
        "transfer-destination-request", "transfer-update", "user-interrupted", "language-change-detected",
        "voice-input", "assistant.started", "assistant.speechStarted", "voice-request", "call.endpointing.request",
        "chat.created", "session.updated", "call.delete.failed",
    ],
)  # fmt: skip
def test_other_messages_say_nothing(kind: str) -> None:
    refusal = VAPI.made({"message": {"type": kind, "call": {"id": "call-2", "phoneCallProviderId": "CON-1"}}})
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "nothing_to_report"


def test_a_report_ends_the_call() -> None:
    (ended,) = VAPI.of(CallEnded, VAPI.own("end-of-call-report"))
    assert ended.canonical_call_id == "call_demo_7"
    assert ended.aliases == {
        "vapiCallId": "019fedaf-0000-7000-8000-000000000001",
        "twilioCallSid": "CA00000000000000000000000000000b01",
        "testRunId": "run-3",
    }
    assert ended.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert (ended.started_at, ended.ended_at, ended.duration_ms) == (BEGAN_MS, ENDED_MS, 150_500)
    assert ended.occurred_at == BEGAN_MS + 155_000
    assert (ended.agent_id, ended.agent_version) == ("asst-1", "v3")
    assert ended.disconnect_reason == "assistant-ended-call"
    assert (ended.tools_final, ended.expected_tool_calls, ended.channels, ended.language) == (True, 4, 2, "en")
    assert (ended.measures.p95_response_ms, ended.measures.interruptions) == (2100, 1)


def test_a_call_that_was_never_answered_has_no_tools_and_no_start() -> None:
    (ended,) = VAPI.of(CallEnded, VAPI.own("never-connected"))
    assert (ended.started_at, ended.duration_ms) == (None, None)
    assert (ended.tools_final, ended.expected_tool_calls) == (True, 0)


def test_a_report_without_messages_does_not_close_the_list_of_tools() -> None:
    (ended,) = VAPI.of(CallEnded, VAPI.own("nothing-explained"))
    assert (ended.tools_final, ended.expected_tool_calls) == (False, None)


def test_the_report_speaks_for_the_call_and_not_the_status_update() -> None:
    report, status = (VAPI.of(CallEnded, VAPI.own(name))[0] for name in ("end-of-call-report", "status-ended"))
    assert (report.occurred_at, report.event_id) > (status.occurred_at, status.event_id)
    document = VAPI.own("end-of-call-report")
    status_document = VAPI.own("status-ended")
    for one in (document, status_document):
        one["message"] |= {"timestamp": None, "endedAt": "2026-08-29T10:42:30.500Z"}
    report, status = (VAPI.of(CallEnded, one)[0] for one in (document, status_document))
    assert (report.occurred_at, report.event_id) > (status.occurred_at, status.event_id)


def test_one_event_id_never_has_two_contents() -> None:
    resigned = VAPI.own("end-of-call-report")
    resigned["message"]["artifact"]["presignedStereoUrl"] += "&again"
    resigned["message"]["timestamp"] += 60_000
    documents = [*(one["document"] for one in own("vapi")), resigned]
    contents: dict[str, set[str]] = {}
    for document in documents:
        normalised = VAPI.made(document)
        for event in normalised.events if isinstance(normalised, Normalised) else ():
            contents.setdefault(event.event_id, set()).add(json.dumps(event.to_dict(), sort_keys=True))
    assert {id: found for id, found in contents.items() if len(found) > 1} == {}


@pytest.mark.parametrize("case", public_cases("vapi"))
def test_public_samples_keep_numbers_and_secrets_out(case: Any) -> None:
    normalised = VAPI.made(case)
    if isinstance(normalised, Normalised):
        out = shown(normalised)
        for word in ("+1500", "3055550147", '12345"', "sub_SCRUBBED", "friendly and helpful", "Rosa"):
            assert word not in out
        calls = {event.aliases["vapiCallId"] for event in normalised.events}
        assert calls == {case["message"]["call"]["id"]}


def test_a_public_report_is_read_whole() -> None:
    ended, transcript, recording = VAPI.events(public("vapi/02-end-of-call-report-documented-shape.json"))
    assert ended.duration_ms == 216_000
    assert ended.occurred_at >= ended.ended_at
    assert transcript.reference.size_bytes > 100
    assert recording.reference.uri == "https://storage.vapi.ai/rec/c1a2b3c4.wav"


def test_a_public_call_that_never_connected_waits_for_nothing() -> None:
    ended, *never = VAPI.events(public("vapi/03-call-failed-never-connected.json"))
    assert ended.started_at is None
    assert {(event.artifact, event.availability) for event in never} == {
        ("transcript", "never"),
        ("recording", "never"),
    }


def test_whatever_comes_only_events_and_refusals_leave() -> None:
    for number, sample in enumerate(own("vapi")):
        for mutant in mutants(copy.deepcopy(sample["document"]), 40, seed=number):
            assert isinstance(VAPI.made(mutant), Normalised | Refusal)
