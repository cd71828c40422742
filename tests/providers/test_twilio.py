"""Twilio's payloads become our events."""

from __future__ import annotations

from typing import Any

import pytest

from stream_app.core.events import CallEnded, EvaluationCompleted
from stream_app.providers.adapter import Delivery, Normalised
from stream_app.providers.registry import Refusal, normalize, provider_named
from tests.providers.mutants import mutants
from tests.providers.samples import own_cases, public_cases

RECEIVED_MS = 1_790_000_000_000


def made(document: Any, **query: str) -> Any:
    return normalize(provider_named("twilio"), Delivery(document, "twilio", RECEIVED_MS, query))


def test_a_completed_call_has_ended() -> None:
    (sample,) = [case.values[0] for case in own_cases("twilio") if case.id == "status-completed"]
    normalised = made(sample["document"])
    assert isinstance(normalised, Normalised)
    (ended,) = normalised.events
    assert isinstance(ended, CallEnded)
    assert ended.canonical_call_id == "call_demo_1"
    assert ended.duration_ms == 64_000
    assert ended.ended_at - (ended.started_at or 0) == 64_000


@pytest.mark.parametrize("case", own_cases("twilio"))
def test_each_kind_gives_what_it_says(case: Any) -> None:
    normalised = made(case["document"])
    if "refused" in case:
        assert isinstance(normalised, Refusal)
        assert normalised.reason == case["refused"]
    else:
        assert isinstance(normalised, Normalised), normalised
        assert [event.type for event in normalised.events] == case["gives"]
        assert made(case["document"]) == normalised
        assert "1500555000" not in repr(normalised.events)
        assert "five five five" not in repr(normalised.events)


def only(name: str) -> Any:
    (case,) = [one.values[0] for one in own_cases("twilio") if one.id == name]
    (event,) = made(case["document"]).events
    return event


def test_what_never_comes_says_why_and_a_recording_says_what_it_is() -> None:
    absent, failed, there = only("recording-absent"), only("recording-failed"), only("recording-completed")
    assert (absent.availability, absent.reason) == ("never", "recording absent")
    assert (failed.availability, failed.reason) == ("never", "recording failed (Twilio error 13227)")
    assert (there.reference.channels, there.reference.duration_ms, there.reference.redaction_state) == (
        2, 58_000, "unknown",
    )  # fmt: skip
    assert there.reference.producer == "twilio/StartCallRecordingAPI"


def test_an_operators_result_is_a_judgement_and_zero_a_value() -> None:
    judged = only("operator-results")
    assert isinstance(judged, EvaluationCompleted)
    assert (judged.score, judged.label, judged.rubric, judged.rubric_version) == (0.0, "missing", "Disclosure", "4")
    assert judged.aliases["twilioCallSid"].startswith("CA")


def test_event_streams_say_what_the_callback_inside_says() -> None:
    ended = only("event-stream-completed")
    assert (ended.duration_ms, ended.disconnect_reason) == (61_000, "completed")


def test_our_call_id_rides_in_headers_and_in_the_address() -> None:
    assert only("call-under-way-names-our-call").canonical_call_id == "call_demo_2"
    (by_query,) = made({"CallSid": "CA1", "CallStatus": "completed"}, canonicalCallId="call-9").events
    assert by_query.canonical_call_id == "call-9"


@pytest.mark.parametrize("case", public_cases("twilio"))
def test_public_samples_give_events_or_say_nothing(case: Any) -> None:
    normalised = made(case)
    assert isinstance(normalised, Normalised) or normalised.reason == "nothing_to_report"


@pytest.mark.parametrize("case", own_cases("twilio"))
def test_whatever_is_bent_gives_events_or_a_refusal_and_no_defect(case: Any) -> None:
    for mutant in mutants(case["document"], 60):
        normalised = made(mutant)
        assert not isinstance(normalised, Refusal) or normalised.reason != "defect", normalised.detail


def test_a_call_that_would_have_begun_before_all_time_has_no_beginning() -> None:
    delivery = Delivery(
        {"CallSid": "CA" + "0" * 32, "CallStatus": "completed", "CallDuration": "9000000000"},
        "twilio",
        1_790_000_000_000,
    )
    made = normalize(provider_named("twilio"), delivery)
    assert isinstance(made, Normalised)
    (ended,) = made.events
    assert isinstance(ended, CallEnded)
    assert ended.started_at is None
