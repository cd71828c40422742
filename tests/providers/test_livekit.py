"""LiveKit's webhooks become our events."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from stream_app.core.events import ArtifactReady, CallEnded, IdentityLinked
from stream_app.providers.adapter import Normalised
from stream_app.providers.registry import Refusal
from tests.providers.mutants import mutants
from tests.providers.samples import own_cases, public, public_cases
from tests.providers.trying import RECEIVED_MS, Trying

STARTED_MS = 1_780_000_000_000
LEFT_MS = STARTED_MS + 60_000
SID = "CA0123456789abcdef0123456789abcdef"
ROOM = {"livekitRoomSid": "RM_made0up01", "livekitRoom": "support-made-up-1"}
KEPT = ("15005550007", "15550100007", "hidden", "sip_", "Phone ", "AC0123", "ST_made")
TRYING = Trying("livekit")
made, own, events, only = TRYING.made, TRYING.own, TRYING.events, TRYING.only


@pytest.mark.parametrize("case", own_cases("livekit"))
def test_every_payload_gives_what_it_should(case: Any) -> None:
    result = made(case["document"])
    if "refused" in case:
        assert isinstance(result, Refusal), result
        assert result.reason == case["refused"]
        return
    assert [event.type for event in result.events] == case["gives"]
    assert result == made(copy.deepcopy(case["document"])), "the same payload again is the same events"
    ids = [event.event_id for event in result.events]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("case", own_cases("livekit"))
def test_nothing_that_must_stay_away_comes_through(case: Any) -> None:
    result = made(case["document"])
    said = str(result if isinstance(result, Refusal) else [event.to_bytes() for event in result.events])
    for kept in KEPT:
        assert kept not in said


def test_the_callers_leaving_ends_the_call() -> None:
    ended = only(own("participant-left-sip"))
    assert (ended.ended_at, ended.occurred_at, ended.started_at) == (LEFT_MS, LEFT_MS, STARTED_MS + 2210)
    assert (ended.duration_ms, ended.disconnect_reason) == (57_790, "CLIENT_INITIATED")
    assert (ended.canonical_call_id, ended.agent_version) == ("call_demo_7", "desk-7")
    assert ended.aliases == {**ROOM, "sipCallId": "SCL_made0up01", "twilioCallSid": SID}
    assert not ended.tools_final


def test_enums_come_as_numbers_and_names_in_snake_case() -> None:
    ended = only(own("participant-left-numbers"))
    assert (ended.disconnect_reason, ended.started_at) == ("USER_REJECTED", STARTED_MS + 2000)
    assert (ended.canonical_call_id, ended.agent_version) == ("call_demo_8", "desk-8")
    assert only(own("room-finished-deleted")).disconnect_reason == "ROOM_END_API_DELETE"


def test_older_servers_know_a_caller_by_its_attributes() -> None:
    document = own("participant-left-older-server")
    ended = only(document)
    assert (ended.type, ended.started_at) == ("call-ended", STARTED_MS + 2000)
    document["participant"]["kind"] = 0
    assert only(document) == ended
    document["participant"]["kind"] = "AGENT"
    assert only(document).type == "identity-linked"


def test_a_connection_that_never_stood_has_no_length() -> None:
    ended = only(own("participant-connection-aborted"))
    assert (ended.disconnect_reason, ended.started_at, ended.duration_ms) == ("JOIN_FAILURE", None, None)


def test_an_idle_room_ended_before_it_was_closed() -> None:
    """20 s are the room's wait for somebody to come back."""
    idle, deleted = only(own("room-finished-idle")), only(own("room-finished-deleted"))
    assert (idle.ended_at, idle.started_at, idle.duration_ms) == (LEFT_MS, STARTED_MS + 250, 59_750)
    assert idle.occurred_at == idle.ended_at
    assert deleted.ended_at == LEFT_MS, "somebody closed it there and then"
    assert only(own("room-finished-older-server")).ended_at == LEFT_MS + 20_000
    empty = only(own("room-finished-nobody-came"))
    assert (empty.ended_at, empty.duration_ms) == (STARTED_MS + 250, 0)


def test_the_callers_leaving_speaks_for_the_call_rather_than_the_room() -> None:
    """The later one speaks, and of two at one moment the one with the larger ID."""
    ranked = [
        (event.occurred_at, event.event_id)
        for name in ("room-finished-idle", "session-report", "participant-left-sip")
        for event in events(own(name))[:1]
    ]
    assert ranked[0] < ranked[2]
    at_one_moment = [id for _, id in ranked]
    assert at_one_moment == sorted(at_one_moment)


def test_sip_participants_have_two_names_of_one_call() -> None:
    own_name, trunks = events(own("participant-joined-sip"))
    assert own_name.aliases == {**ROOM, "sipCallId": "SCL_made0up01", "twilioCallSid": SID}
    assert trunks.aliases == {**own_name.aliases, "sipCallId": "made-up-trunk-id@203.0.113.7"}


def test_jobs_are_linked_to_their_room() -> None:
    for name in ("agent-job-started", "agent-job-ended"):
        linked = only(own(name))
        assert linked.aliases == {**ROOM, "livekitJob": "AJ_made0up01"}
        assert linked.canonical_call_id == "call_demo_7"


def test_our_names_may_ride_in_the_address() -> None:
    (ended,) = events(own("participant-left-connector"), call_evidence_id="call_demo_9", test_run_id="run-1")
    assert ended.canonical_call_id == "call_demo_9"
    assert ended.aliases == {**ROOM, "testRunId": "run-1"}


def test_a_payload_without_its_time_is_dated_by_its_arrival() -> None:
    document = own("participant-left-sip")
    del document["createdAt"]
    ended = only(document)
    assert ended.ended_at == RECEIVED_MS
    assert ended.duration_ms is None


@pytest.mark.parametrize("odd", [None, "", [], {}, "x", 7, True, [{}], "null"])
@pytest.mark.parametrize("name", ["room", "participant", "egressInfo", "job", "event", "createdAt", "id"])
def test_any_part_may_be_anything(name: str, odd: Any) -> None:
    for case in ("participant-left-sip", "room-finished-idle", "egress-complete", "agent-job-started"):
        result = made({**own(case), name: odd})
        assert isinstance(result, Normalised) or result.reason != "defect", result


@pytest.mark.parametrize("case", own_cases("livekit"))
def test_whatever_comes_there_are_events_or_a_refusal(case: Any) -> None:
    for mutant in mutants(case["document"], 120, seed=11):
        result = made(mutant)
        assert isinstance(result, Normalised) or result.reason != "defect", result


@pytest.mark.parametrize("case", public_cases("livekit"))
def test_public_samples_name_their_room_and_no_number_nor_secret(case: Any) -> None:
    result = made(case)
    assert isinstance(result, Normalised), result
    room = case.get("room", case)
    name = room["name"] if isinstance(room, dict) and "name" in room else None
    for event in result.events:
        assert name is None or event.aliases["livekitRoom"] == name
        said = event.to_bytes().decode()
        for kept in ("5550100", "sip_", "2Pvdj", "c2VjcmV0", "turnPassword", "support agent"):
            assert kept not in said


def test_public_samples_tell_one_call() -> None:
    finished = only(public("livekit/04-room-finished-with-metadata.json"))
    left = only(public("livekit/05-participant-left-sip.json"))
    assert isinstance(left, CallEnded)
    assert left.canonical_call_id == finished.canonical_call_id == "call-7f3c2a10"
    assert left.agent_version == finished.agent_version == "support-2026.09.3"
    assert left.ended_at == finished.ended_at == 1_790_000_171_000
    assert left.aliases["twilioCallSid"] == "CA0f1e2d3c4b5a69788796a5b4c3d2e1f0"
    assert left.aliases["sipCallId"] == "SCL_6h3rJtM2pYxK"
    started = only(public("livekit/01-room-started-python-sdk-test.json"))
    assert isinstance(started, IdentityLinked)
    assert started.aliases == {"livekitRoomSid": "RM_hycBMAjmt6Ub", "livekitRoom": "Demo Room"}


def test_a_call_seen_by_several_is_told_once_by_each_payload() -> None:
    sample = public("joins/01-livekit-over-twilio-trunk.json")
    payloads = [one["payload"] for one in sample["events"] if one["provider"].startswith("livekit")]
    found = [event for payload in payloads for event in events(payload)]
    ids = [event.event_id for event in found]
    again = [event for event in found if ids.count(event.event_id) > 1]
    assert len(again) == 2
    assert again[0] == again[1], "egress_ended was delivered twice"
    aliases: dict[str, set[str]] = {}
    for event in found:
        for scheme, name in event.aliases.items():
            aliases.setdefault(scheme, set()).add(name)
    schemes = ("twilioCallSid", "livekitRoomSid", "livekitRoom", "sipCallId", "livekitJob", "livekitEgress")
    for scheme, (_, _, expected) in zip(schemes, sample["expected"]["aliases"], strict=True):
        assert aliases[scheme] == {expected}
    assert {event.canonical_call_id for event in found} <= {sample["expected"]["canonical_call_id"], None}
    recording = {
        event.reference.uri for event in found if isinstance(event, ArtifactReady) and event.artifact == "recording"
    }
    assert recording == {sample["expected"]["audio"]}
    ends = [event for event in found if isinstance(event, CallEnded)]
    assert {event.ended_at for event in ends} == {1_790_000_171_000}
    assert sum(event.type == "tool-call" for event in found) == sample["expected"]["tool_calls"]
