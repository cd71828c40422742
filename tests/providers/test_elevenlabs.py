"""ElevenLabs' webhooks become our events."""

from __future__ import annotations

from typing import Any

import pytest

from stream_app.core.events import (
    ArtifactReady,
    CallEnded,
    EvaluationCompleted,
    ToolCall,
)
from stream_app.providers.adapter import Normalised
from stream_app.providers.registry import Refusal
from tests.providers.mutants import mutants
from tests.providers.samples import own_cases, public, public_cases
from tests.providers.trying import Trying

CONVERSATION = "conv_5501made0up0for0tests0000"
SID = "CA0123456789abcdef0123456789abcdef"
TRYING = Trying("elevenlabs")
made, own, events, of = TRYING.made, TRYING.own, TRYING.events, TRYING.of


@pytest.mark.parametrize("case", own_cases("elevenlabs"))
def test_every_payload_gives_what_it_should(case: Any) -> None:
    result = made(case["document"])
    if "refused" in case:
        assert isinstance(result, Refusal), result
        assert result.reason == case["refused"]
        return
    assert [event.type for event in result.events] == case["gives"]
    assert result == made(case["document"]), "the same payload again is the same events"
    ids = [event.event_id for event in result.events]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("case", own_cases("elevenlabs"))
def test_nothing_that_must_stay_away_comes_through(case: Any) -> None:
    result = made(case["document"])
    said = str(result if isinstance(result, Refusal) else [event.to_bytes() for event in result.events])
    for kept in ("15550100", "hidden", "abcdefgh12345678secret", "Authorization", "orders.example"):
        assert kept not in said


def test_a_call_that_never_came_to_be_names_why() -> None:
    ended, transcript, recording = events(own("failure-twilio"))
    assert isinstance(ended, CallEnded)
    assert (ended.disconnect_reason, ended.ended_at, ended.duration_ms) == ("no-answer", 1_780_512_391_000, 0)
    assert (ended.expected_tool_calls, ended.tools_final) == (0, True)
    assert ended.aliases == {"elevenlabsConversationId": CONVERSATION, "twilioCallSid": SID}
    for artifact in (transcript, recording):
        assert isinstance(artifact, ArtifactReady)
        assert (artifact.availability, artifact.reason) == ("never", "the call was never connected: no-answer")
    (sip, *_) = events(own("failure-sip"))
    assert sip.aliases["sipCallId"] == "11111111-2222-4333-8444-555555555555"


def test_audio_is_staged_with_its_digest() -> None:
    for name, state in (("audio", "unknown"), ("audio-unredacted", "unredacted")):
        result = made(own(name))
        (ready,), (blob,) = result.events, result.blobs
        assert blob.media_type == "audio/mpeg"
        assert blob.content[:3] == b"ID3"
        assert (ready.artifact, ready.reference.size_bytes) == ("recording", len(blob.content))
        assert (ready.reference.uri, ready.reference.redaction_state) == (blob.uri, state)


@pytest.mark.parametrize("case", public_cases("elevenlabs"))
def test_public_samples_name_their_conversation_and_no_number(case: Any) -> None:
    result = made(case)
    if isinstance(result, Refusal):
        assert (case["type"], result.reason) == ("post_call_audio", "invalid_value")
        return
    for event in result.events:
        assert event.aliases["elevenlabsConversationId"] == case["data"]["conversation_id"]
        assert b"1111111" not in event.to_bytes()
    assert result.events[0].type == "call-ended"


def test_the_public_sample_with_a_tool_is_read_whole() -> None:
    document = public("elevenlabs/04-transcript-with-client-tool-and-analysis.json")
    (tool,) = of(ToolCall, document)
    assert (tool.name, tool.status, tool.result, tool.latency_ms) == ("redirectToDocs", "succeeded", "Tool Called.", 0)
    assert [one.label for one in of(EvaluationCompleted, document)] == ["success"] * 4
    (ended,) = of(CallEnded, document)
    assert (ended.duration_ms, ended.expected_tool_calls) == (60_000, 1)


@pytest.mark.parametrize("case", own_cases("elevenlabs"))
def test_whatever_stands_in_a_payload_it_is_events_or_a_refusal(case: Any) -> None:
    for mutant in mutants(case["document"], 120):
        assert isinstance(made(mutant), Normalised | Refusal)
