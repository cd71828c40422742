"""Retell's webhooks become our events: scrubbed and raw artifacts told apart, judgements, and no secrets."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from stream_app.core.events import ArtifactReady, CallEnded, EvaluationCompleted, ToolCall
from stream_app.providers.adapter import Normalised
from stream_app.providers.registry import Refusal
from tests.providers.mutants import mutants
from tests.providers.samples import own, own_cases, public, public_cases
from tests.providers.trying import Trying

RETELL = Trying("retell")
KEPT_OUT = ("ACCESS TOKEN", "SIP HEADER", "INJECTED CONTEXT", "Jane Doe", "15005550006", "15005550003")


def artifact(normalised: Normalised, kind: str) -> Any:
    (found,) = [event for event in normalised.events if isinstance(event, ArtifactReady) and event.artifact == kind]
    return found


def shown(normalised: Normalised) -> str:
    """All that leaves, but for blobs, which are kept apart."""
    return json.dumps([event.to_dict() for event in normalised.events])


@pytest.mark.parametrize("case", own_cases("retell"))
def test_each_kind_gives_what_it_says(case: Any) -> None:
    normalised = RETELL.made(case["document"])
    if "refused" in case:
        assert isinstance(normalised, Refusal)
        assert normalised.reason == case["refused"]
    else:
        assert isinstance(normalised, Normalised)
        assert [event.type for event in normalised.events] == case["gives"]
        assert RETELL.made(case["document"]) == normalised
        for word in KEPT_OUT:
            assert word not in shown(normalised)


@pytest.mark.parametrize(
    "kind", ["transcript_updated", "transfer_started", "transfer_bridged", "transfer_cancelled", "transfer_ended"]
)
def test_webhooks_of_a_call_under_way_only_name_it(kind: str) -> None:
    document = RETELL.own("call-ended") | {"event": kind}
    (link,) = RETELL.events(document)
    assert link.type == "identity-linked"
    assert link == RETELL.events(RETELL.own("call-started"))[0]


def test_only_a_scrubbed_transcript_is_redacted() -> None:
    raw, scrubbed = RETELL.made(RETELL.own("call-ended")), RETELL.made(RETELL.own("call-analyzed"))
    assert artifact(raw, "transcript").reference.redaction_state == "unredacted"
    ready = artifact(scrubbed, "transcript")
    assert ready.reference.redaction_state == "redacted"
    (blob,) = [blob for blob in scrubbed.blobs if blob.content is not None]
    assert blob.uri == ready.reference.uri
    assert b"[PERSON]" in (blob.content or b"")
    assert b"Jane" not in (blob.content or b"")
    assert artifact(raw, "recording").reference.redaction_state == "unredacted"
    recording = artifact(scrubbed, "recording").reference
    assert (recording.redaction_state, recording.uri) == ("redacted", "https://rec.example.test/r1/scrubbed.wav")


def test_what_was_scrubbed_later_speaks() -> None:
    raw, scrubbed = RETELL.made(RETELL.own("call-ended")), RETELL.made(RETELL.own("call-analyzed"))
    for kind in ("transcript", "recording"):
        ranks = [(artifact(one, kind).occurred_at, artifact(one, kind).event_id) for one in (raw, scrubbed)]
        assert ranks[1] > ranks[0]


def test_links_that_expire_are_fetched_at_once() -> None:
    normalised = RETELL.made(RETELL.own("call-ended-signed-links"))
    (blob,) = normalised.blobs
    assert "Signature=s" in (blob.link or "")
    assert artifact(normalised, "recording").reference.uri == blob.uri
    document = RETELL.own("call-ended-signed-links")
    document["call"]["recording_url"] = "https://rec.example.test/r1/recording.wav"
    assert [one.link for one in RETELL.made(document).blobs] == ["https://rec.example.test/r1/recording.wav"]
    document["call"]["opt_in_signed_url"] = False
    assert RETELL.made(document).blobs == ()


def test_where_nothing_was_said_no_transcript_comes() -> None:
    never = artifact(RETELL.made(RETELL.own("call-ended-signed-links")), "transcript")
    assert (never.availability, never.reason) == ("never", "nothing was said in the call")


def test_an_agent_that_stores_nothing_has_no_transcript_and_no_recording() -> None:
    normalised = RETELL.made(RETELL.own("call-ended-basic-attributes"))
    assert normalised.blobs == ()
    for kind in ("transcript", "recording"):
        assert artifact(normalised, kind).availability == "never"
        assert "basic_attributes_only" in artifact(normalised, kind).reason
    (tool,) = [event for event in normalised.events if isinstance(event, ToolCall)]
    assert (tool.arguments, tool.result, tool.status) == (None, None, "succeeded")


def test_a_call_that_never_connected_waits_for_nothing() -> None:
    normalised = RETELL.made(RETELL.own("call-ended-not-connected"))
    (ended,) = [event for event in normalised.events if isinstance(event, CallEnded)]
    assert (ended.started_at, ended.duration_ms, ended.tools_final, ended.expected_tool_calls) == (None, None, True, 0)
    for kind in ("transcript", "recording"):
        assert artifact(normalised, kind).availability == "never"
        assert "dial_no_answer" in artifact(normalised, kind).reason


def test_judgements_are_labels_and_what_was_extracted_stays_away() -> None:
    judged = {one.rubric: one for one in RETELL.of(EvaluationCompleted, RETELL.own("call-analyzed"))}
    assert {rubric: one.label for rubric, one in judged.items()} == {
        "call_successful": "failure", "user_sentiment": "Negative", "in_voicemail": "no_voicemail",
    }  # fmt: skip
    assert [(one.name, one.passed) for one in judged["call_successful"].assertions] == [("call_successful", False)]
    assert {one.test_run_id for one in judged.values()} == {"run-4"}
    assert len({one.evaluation_id for one in judged.values()}) == 3


def test_one_event_id_never_has_two_contents() -> None:
    later = RETELL.own("call-analyzed")
    later["call"]["disconnection_reason"] = "user_hangup"
    later["call"]["recording_url"] += "?X-Amz-Signature=2"
    contents: dict[str, set[str]] = {}
    for document in [*(one["document"] for one in own("retell")), later]:
        normalised = RETELL.made(document)
        for event in normalised.events if isinstance(normalised, Normalised) else ():
            contents.setdefault(event.event_id, set()).add(json.dumps(event.to_dict(), sort_keys=True))
    assert {id: found for id, found in contents.items() if len(found) > 1} == {}


def test_the_analyzed_call_speaks_for_the_call() -> None:
    before, after = (RETELL.of(CallEnded, RETELL.own(name))[0] for name in ("call-ended", "call-analyzed"))
    assert (after.occurred_at, after.event_id) > (before.occurred_at, before.event_id)


@pytest.mark.parametrize("case", public_cases("retell"))
def test_public_samples_keep_numbers_and_secrets_out(case: Any) -> None:
    normalised = RETELL.made(case)
    if isinstance(normalised, Normalised):
        out = shown(normalised)
        for word in ("eyJ", "Custom Value", "John Doe", "+1555", "+1647", "asked about opening hours"):
            assert word not in out
        assert {event.aliases["retellCallId"] for event in normalised.events} == {case.get("call", case)["call_id"]}


def test_the_documented_call_object_is_read_whole() -> None:
    normalised = RETELL.made(public("retell/01-call-object-full-docs.json"))
    (ended,) = [event for event in normalised.events if isinstance(event, CallEnded)]
    assert (ended.duration_ms, ended.agent_version) == (21_522, "1")
    assert artifact(normalised, "transcript").reference.redaction_state == "redacted"
    # The links will be gone after a day: opt_in_signed_url.
    assert {blob.link is None for blob in normalised.blobs} == {True, False}
    assert artifact(normalised, "recording").reference.uri.startswith("staging://link/")


def test_a_documented_function_request_is_no_evidence_yet() -> None:
    refusal = RETELL.made(public("retell/02-custom-function-request-docs.json"))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "nothing_to_report"


def test_a_public_call_without_tools_claims_none() -> None:
    ended, transcript = RETELL.events(public("retell/04-call-ended-scenario.json"))
    assert (ended.tools_final, ended.expected_tool_calls, ended.duration_ms) == (False, None, 90_000)
    assert transcript.reference.redaction_state == "unredacted"


def test_whatever_comes_only_events_and_refusals_leave() -> None:
    for number, sample in enumerate(own("retell")):
        for mutant in mutants(copy.deepcopy(sample["document"]), 40, seed=number):
            assert isinstance(RETELL.made(mutant), Normalised | Refusal)
