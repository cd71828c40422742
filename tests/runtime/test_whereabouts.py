"""Finding a call by any of its names, from topics alone, and never telling what was said in it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from stream_app.core.calls import CallState
from stream_app.core.identity import AliasState
from stream_app.core.open_joins import Wanted
from stream_app.dev.state import Endpoints
from stream_app.policy_file import default_policy
from stream_app.providers.privacy import Screen
from stream_app.runtime import whereabouts
from stream_app.runtime.changelogs import Remembered
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
    async def main() -> dict[str, Any] | None:
        return await whereabouts.find(await Remembered.read(line.settings, POLICY), name, Screen())

    return asyncio.run(main())


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
    for value in ("secret", "telling", "Summary", "Sha256", "lookup", '"arguments"'):
        assert value not in told, value


def test_an_alias_that_waits_says_what_waits_there(line: Deployment) -> None:
    found = find(line, "waits")
    assert found == find(line, "livekitRoom:waits")
    assert found is not None
    assert found["disputed"] == []
    assert found["canonicalCallId"] is None
    assert found["linkedTo"] == ["twilioCallSid:CA9"]
    assert found["parked"] == [
        {
            "eventId": "recording-ready",
            "type": "artifact-ready",
            "source": "test",
            "position": "artifact-ready/0/0",
            "receivedAt": "2026-06-03T18:40:00.000Z",
        }
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


class Answers:
    """`whereabouts.Asked` of fixed rows."""

    unanswered = ()

    def __init__(self, aliases: dict[str, dict[str, Any]], calls: dict[str, dict[str, Any]]) -> None:
        self._aliases, self._calls = aliases, calls

    async def ask(self, stage: str, question: Any, keys: Any) -> dict[int, Any]:
        if stage == "join":
            return {0: self._calls.get(question["call"])}
        if question["question"] == "named":
            return {0: [one for name, one in self._aliases.items() if name.partition(":")[2] == question["value"]]}
        return {0: [self._aliases[name] for name in question["names"] if name in self._aliases]}


def alias(name: str, call: str | None, **more: Any) -> tuple[str, dict[str, Any]]:
    return name, {
        "alias": name, "canonicalCallId": call, "saidBy": "s", "minted": False, "own": None, "edges": [],
        "disputed": [], "orphaned": False, "parked": [], **more,
    }  # fmt: skip


def call(call_id: str, into: str | None = None) -> tuple[str, dict[str, Any]]:
    rest = {"aliases": {}, "furtherAliases": {}, "namedBy": {}, "days": []} if into is None else {}
    return call_id, {
        "canonicalCallId": call_id, "mergedInto": into, "versionsOrdered": 0, "verdict": "v", **rest,
    }  # fmt: skip


async def told(name: str, aliases: list[tuple[str, Any]], calls: list[tuple[str, Any]]) -> dict[str, Any]:
    found = await whereabouts.find(Answers(dict(aliases), dict(calls)), name, Screen())
    assert found is not None
    return found


async def test_merges_are_followed_to_their_end_and_a_ring_of_them_ends() -> None:
    found = await told("a", [], [call("a", "b"), call("b", "c"), call("c")])
    assert (found["canonicalCallId"], found["mergedFrom"]) == ("c", ["a", "b"])
    ring = await told("a", [], [call("a", "b"), call("b", "a")])
    assert len(ring["mergedFrom"]) < 20


async def test_names_are_found_along_the_edges() -> None:
    chain = [alias("a:1", "c", edges=["b:2"]), alias("b:2", "c", edges=["a:1", "d:3"]), alias("d:3", "c", own="sys")]
    found = await told("1", chain, [call("c")])
    assert [one["alias"] for one in found["names"]] == ["a:1", "b:2", "d:3"]
    assert found["ownNames"] == ["sys"]
    assert found["askedFor"] == ["a:1"]


async def test_a_dispute_is_told_of_every_call_in_it() -> None:
    rows = [alias("a:1", "c", disputed=["c", "d"])]
    found = await told("a:1", rows, [call("c"), call("d")])
    assert found["disputed"] == [{"alias": "a:1", "claimedBy": ["c", "d"]}]
    assert "until an operator's link" in found["verdict"]
    assert found["names"][0]["state"] == "disputed"


async def test_a_name_with_a_phone_number_is_masked_everywhere_and_nothing_else_is() -> None:
    sip = "sipCallId:+15005550006@example.org"
    found = await told(sip, [alias(sip, "c", edges=["b:2"]), alias("b:2", "c")], [call("c")])
    assert "5005550006" not in json.dumps(found)
    assert found["saidBy"].keys() == {"b:2", found["names"][1]["alias"]}
    kept = {
        "at": "call-ended/0/15005",
        "endedAt": "2026-06-03T18:40:00.000Z",
        "trace": "traceId:" + "12" * 16,
        "sid": "twilioCallSid:CA0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "uri": "s3://b/calls/2026-06-03/call-1/v1/manifest.json",
    }  # fmt: skip
    assert whereabouts._masked(kept, Screen()) == kept


async def test_the_call_ids_of_a_list_are_masked() -> None:
    class Joins:
        unanswered = ()

        async def ask(self, *_: Any) -> dict[int, Any]:
            row = {"canonicalCallId": "sip:+15005550006@example.org", "openSince": "2026-06-03T18:40:00.000Z"}
            return {1: {"count": 1, "by": {"source": {}, "missing": {}, "policy": {}}, "joins": [row]}}

    found = await whereabouts.open_joins(Joins(), Wanted(0), Screen())
    assert (found["count"], found["partitions"]) == (1, [1])
    assert found["joins"][0]["canonicalCallId"].startswith("sip:masked-")
    assert found["joins"][0]["openSince"] == "2026-06-03T18:40:00.000Z"
