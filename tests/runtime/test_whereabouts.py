"""Finding a call by any of its names, from topics alone, and never telling what was said in it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from stream_app.core.calls import CallState
from stream_app.core.identity import AliasState
from stream_app.dev.state import Endpoints
from stream_app.policy_file import default_policy
from stream_app.runtime import whereabouts
from tests import evidence, remembered
from tests.deployments import Deployment, deployment

POLICY = default_policy()
TOPICS = ("packets", "stream-app-identity-identity-changelog", "stream-app-join-join-changelog")
ALIASES = {"twilioCallSid": "CA1", "sipCallId": "a:b@c"}


@pytest.fixture(scope="module")
def line(stack: Endpoints) -> Iterator[Deployment]:
    """One call with two aliases and a packet, one alias that waits, one whose call is gone."""
    with deployment(stack, topics=TOPICS) as made:
        call = evidence.call(aliases=ALIASES)
        tool = evidence.tool("tool", status="failed", arguments={"secret": "x"}, result={"telling": 1}, error="e")
        parked = remembered.accepted(evidence.artifact("recording"))
        states = (
            AliasState(alias="twilioCallSid:CA1", canonical_call_id="call-1", said_by="twilio"),
            AliasState(alias="sipCallId:a:b@c", canonical_call_id="call-1", said_by="carrier"),
            AliasState(alias="livekitRoom:waits", edges=("twilioCallSid:CA9",), parked=(parked,)),
            AliasState(alias="livekitRoom:gone", canonical_call_id="call-gone", said_by="livekit"),
        )
        made.send(
            remembered.call_row(
                made, CallState(call_id="call-1", items=evidence.pieces(call, tool), version=1), partition=1
            ),
            remembered.clock_row(made, evidence.START_MS + 1000, partition=1),
            *remembered.policy_rows(made, POLICY, partition=1),
            *(remembered.alias_row(made, state) for state in states),
            remembered.packet_record(remembered.packet("call-1/1")),
            remembered.packet_record(remembered.packet("call-2/1")),
        )
        yield made


def find(line: Deployment, name: str) -> dict[str, Any] | None:
    return asyncio.run(whereabouts.find(line.settings, name, POLICY))


@pytest.mark.parametrize("name", ["call-1", "twilioCallSid:CA1", "CA1", "sipCallId:a:b@c", "a:b@c"])
def test_a_call_is_found_by_any_of_its_names(line: Deployment, name: str) -> None:
    found = find(line, name)
    assert found is not None
    assert found["canonicalCallId"] == "call-1"
    assert found["partition"] == 1
    assert found["saidBy"] == {"twilioCallSid:CA1": "twilio", "sipCallId:a:b@c": "carrier"}
    assert [one["packetId"] for one in found["packets"]] == ["call-1/1"]
    assert [one["kind"] for one in found["evidence"]] == ["call", "tools"]
    assert found["joinTime"] == "2026-06-03T18:40:01.000Z"


def test_no_value_of_the_evidence_is_told(line: Deployment) -> None:
    told = json.dumps(find(line, "call-1"))
    for value in ("secret", "telling", "Summary", "Sha256", "lookup", "arguments"):
        assert value not in told, value


def test_an_alias_that_waits_says_what_waits_there(line: Deployment) -> None:
    found = find(line, "waits")
    assert found == find(line, "livekitRoom:waits")
    assert found is not None
    assert found["canonicalCallId"] is None
    assert found["linkedTo"] == ["twilioCallSid:CA9"]
    assert found["parked"] == [
        {"eventId": "recording-ready", "type": "artifact-ready", "position": "artifact-ready/0/0"}
    ]
    assert "nothing has linked" in found["verdict"]


def test_an_alias_of_a_call_that_is_gone_says_so(line: Deployment) -> None:
    found = find(line, "gone")
    assert found is not None
    assert (found["canonicalCallId"], found["parked"]) == ("call-gone", [])
    assert "no longer in the join's memory" in found["verdict"]


@pytest.mark.parametrize("name", ["nobody", "twilioCallSid", "CA", "twilioCallSid:", "", "twilioCallSid:ca1"])
def test_what_nobody_named_is_not_known(line: Deployment, name: str) -> None:
    assert find(line, name) is None
