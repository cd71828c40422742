"""The judge sees each false thing that may come of names: of those in dispute, and of those that nobody gave.

Each is also seen for what it is, not only by what follows from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.checker import judge
from tests.chaos.ideal import ideal, last_of, number_of, put, rewrite, take_back
from tests.chaos.story import Timing, plan
from tests.chaos.world import World, document_of


@pytest.fixture
def world() -> World:
    """Small, but with a call that was given to another, one that was not, and all that names may come to."""
    return ideal(plan(5, 300, 8.0, 1_780_512_000_000, Timing()), Timing())


def _without(world: World, number: int, wanted: Callable[[str], bool]) -> None:
    """A packet without the evidence of whose event IDs this holds."""
    evidence = world.documents("packets")[number]["evidence"]
    kept = [entry for entry in evidence if not wanted(entry["eventId"])]
    assert len(kept) < len(evidence)
    rewrite(world, "packets", number, evidence=kept)


def leave_a_disputed_call_complete(world: World) -> None:
    take_back(world, last_of(world, "disputed"))


def open_a_gate_to_a_disputed_call(world: World) -> None:
    gates = [{"gate": "identity", "verdict": "pass"}]
    number = last_of(world, "disputed")
    name = world.documents("packets")[number]["packetId"]
    rewrite(world, "packets", number, status="complete", gates=gates)
    restricted = world.records["packets-restricted"]
    world.records["packets-restricted"] = [one for one in restricted if document_of(one)["packetId"] != name]


def block_by_another_gate(world: World) -> None:
    rewrite(world, "packets", last_of(world, "disputed"), gates=[{"gate": "audio", "verdict": "block"}])


def leave_a_settled_call_blocked(world: World) -> None:
    take_back(world, last_of(world, "settled"))


def call_a_call_complete_while_its_name_is_in_dispute(world: World) -> None:
    call = world.documents("packets")[last_of(world, "settled")]["canonicalCallId"]
    number = number_of(world, canonicalCallId=call, version=2)
    rewrite(world, "packets", number, status="complete", gates=[])


def forget_a_dispute(world: World) -> None:
    _without(world, last_of(world, "settled"), lambda one: one.startswith("identity-disputed:"))


def forget_a_settlement(world: World) -> None:
    _without(world, last_of(world, "settled"), lambda one: one.startswith("identity-settled:"))


def tell_a_call_twice(world: World) -> None:
    number = last_of(world, "disputed")
    evidence = world.documents("packets")[number]["evidence"]
    notice = next(entry for entry in evidence if entry["eventId"].startswith("identity-disputed:"))
    again = notice | {"eventId": notice["eventId"].rpartition("/")[0] + "/900000", "offset": 900_000}
    rewrite(world, "packets", number, evidence=[*evidence, again])


def _misplace(world: World, fate: str, **fields: Any) -> None:
    number = last_of(world, fate)
    evidence = world.documents("packets")[number]["evidence"]
    next(entry for entry in evidence if entry["topic"].startswith("identity:")).update(fields)
    rewrite(world, "packets", number, evidence=evidence)


def place_a_notice_elsewhere(world: World) -> None:
    _misplace(world, "disputed", topic="call-ended")


def tell_of_a_claim_that_nobody_made(world: World) -> None:
    _misplace(world, "disputed", offset=900_000)


def call_a_notice_another_kind(world: World) -> None:
    _misplace(world, "renamed", kind="log")


def refuse_a_claim(world: World) -> None:
    claim = next(one for one in world.sent if (one.send.event_id or "").endswith("-claim-call"))
    where = dict(zip(("topic", "partition", "offset"), claim.position, strict=True))
    put(world, "dead-letters", {"stage": "identity", "reason": "identity_conflict", "position": where})


def publish_the_call_that_claims(world: World) -> None:
    number = last_of(world, "disputed")
    call = world.documents("packets")[number]["canonicalCallId"] + "-claim"
    put(world, "packets", world.documents("packets")[number] | {"canonicalCallId": call, "packetId": f"{call}/1"})
    put(world, "seal-orders", {"orderId": f"{call}/1"})


def _alert(world: World, *, settled: bool) -> str:
    return next(alert for alert, over in world.plan.claims.items() if over == settled)


def never_resolve_a_settled_claim(world: World) -> None:
    alert = {"alertId": _alert(world, settled=True), "state": "resolved"}
    world.records["join-alerts"] = [one for one in world.records["join-alerts"] if document_of(one) != alert]


def resolve_a_claim_that_nobody_settled(world: World) -> None:
    put(world, "join-alerts", {"alertId": _alert(world, settled=False), "state": "resolved"})


def let_go_what_waits_at_a_name_in_dispute(world: World) -> None:
    assert world.audit is not None
    world.audit["accounting"]["endings"]["tool-call"]["parked"] -= 1
    world.audit["accounting"]["endings"]["artifact-ready"] = {"used": 1}


def give_away_what_waited(world: World) -> None:
    mine = next(call for call, truth in world.plan.truths.items() if f"{call}-waits" in truth.events)
    last = max(one["version"] for one in world.documents("packets") if one["canonicalCallId"] == mine)
    number = number_of(world, canonicalCallId=mine, version=last)
    _without(world, number, lambda one: one == f"{mine}-waits")


def mint_another_name(world: World) -> None:
    number = last_of(world, "unnamed")
    call = world.documents("packets")[number]["canonicalCallId"]
    rewrite(world, "packets", number, canonicalCallId=call.replace("twilioCallSid:CA", "livekitRoom:room-"))


def leave_twice_under_two_names(world: World) -> None:
    packet = world.documents("packets")[last_of(world, "renamed")]
    own = packet["canonicalCallId"].removeprefix("twilioCallSid:CA")
    put(world, "packets", packet | {"canonicalCallId": own, "packetId": f"{own}/1", "version": 1, "supersedes": None})
    put(world, "seal-orders", {"orderId": f"{own}/1"})


def go_over_to_the_name_that_a_system_gave(world: World) -> None:
    number = last_of(world, "renamed")
    packet = world.documents("packets")[number]
    own = packet["canonicalCallId"].removeprefix("twilioCallSid:CA")
    rewrite(world, "packets", number, canonicalCallId=own)


def hide_the_name_that_a_system_gave(world: World) -> None:
    number = last_of(world, "renamed")
    names = world.documents("packets")[number]["providerAliases"]
    rewrite(world, "packets", number, providerAliases={k: v for k, v in names.items() if k != "canonicalCallId"})


def never_tell_of_the_name_that_a_system_gave(world: World) -> None:
    take_back(world, last_of(world, "renamed"))


def lose_what_came_under_the_other_name(world: World) -> None:
    _without(world, last_of(world, "renamed"), lambda one: one.endswith("-own-log"))


def repeat_a_version(world: World) -> None:
    number = last_of(world, "settled")
    call = world.documents("packets")[number]["canonicalCallId"]
    before = world.documents("packets")[number_of(world, canonicalCallId=call, version=2)]
    evidence = world.documents("packets")[number]["evidence"]
    rewrite(world, "packets", number_of(world, canonicalCallId=call, version=2), evidence=evidence)
    assert len(before["evidence"]) < len(evidence)


FALSIFIED: tuple[tuple[Callable[[World], None], str, str], ...] = (
    (leave_a_disputed_call_complete, "wrong status", "(disputed) v1: complete, not blocked"),
    (open_a_gate_to_a_disputed_call, "wrong status", "(disputed) v2: complete, not blocked"),
    (block_by_another_gate, "wrong status", "the gates {'audio'} block it"),
    (leave_a_settled_call_blocked, "wrong status", "(settled) v2: blocked, not complete"),
    (call_a_call_complete_while_its_name_is_in_dispute, "wrong status", "(settled) v2: complete, not blocked"),
    (forget_a_dispute, "wrong content", "evidence lacks ['identity-disputed:twilioCallSid:CA"),
    (forget_a_settlement, "wrong content", "evidence lacks ['identity-settled:twilioCallSid:CA"),
    (tell_a_call_twice, "wrong content", "lists an event twice"),
    (place_a_notice_elsewhere, "wrong content", "does not stand at"),
    (tell_of_a_claim_that_nobody_made, "wrong content", "does not stand at"),
    (call_a_notice_another_kind, "wrong content", "is no log of this call"),
    (refuse_a_claim, "wrong content", "dead letter ('identity', 'identity_conflict')"),
    (publish_the_call_that_claims, "wrong content", "a call that was never sent"),
    (never_resolve_a_settled_claim, "lost", "was never resolved"),
    (resolve_a_claim_that_nobody_settled, "wrong content", "nobody has decided"),
    (let_go_what_waits_at_a_name_in_dispute, "pending rows after drain", "events are parked"),
    (give_away_what_waited, "wrong content", "-waits'], has [] too much"),
    (mint_another_name, "lost", "(unnamed): no packet"),
    (mint_another_name, "wrong content", "packets of 'livekitRoom:room-"),
    (leave_twice_under_two_names, "wrong content", "a call that was never sent"),
    (go_over_to_the_name_that_a_system_gave, "wrong content", "a call that was never sent"),
    (hide_the_name_that_a_system_gave, "wrong content", "aliases {"),
    (never_tell_of_the_name_that_a_system_gave, "wrong content", "evidence lacks"),
    (lose_what_came_under_the_other_name, "wrong content", "-own-log'], has [] too much"),
    (repeat_a_version, "wrong content", "lists nothing new"),
)


@pytest.mark.parametrize(("falsify", "heading", "words"), FALSIFIED, ids=[one[0].__name__ for one in FALSIFIED])
def test_one_false_thing_is_found_for_what_it_is(
    world: World, falsify: Callable[[World], None], heading: str, words: str
) -> None:
    assert judge(world).good
    falsify(world)
    found = judge(world).found
    assert any(words in line for line in found[heading]), found


def test_a_claim_that_came_twice_may_be_told_by_either_copy_but_by_one(world: World) -> None:
    number = last_of(world, "disputed")
    packet = world.documents("packets")[number]
    notice = next(entry for entry in packet["evidence"] if entry["topic"].startswith("identity:"))
    claim = next(one for one in world.sent if one.send.event_id == f"{packet['canonicalCallId']}-claim-call")
    world.sent.append(replace(claim, position=("call-ended", 1, 7)))
    world.__dict__.pop("positions")
    other = notice | {"eventId": notice["eventId"].rpartition(":")[0] + ":call-ended/1/7", "partition": 1, "offset": 7}
    kept = [entry for entry in packet["evidence"] if entry != notice]
    rewrite(world, "packets", number, evidence=[*kept, other])
    assert not [line for line in judge(world).found["wrong content"] if "stand at" in line or "twice" in line]
    rewrite(world, "packets", number, evidence=[*kept, notice, other])
    assert any("lists an event twice" in line for line in judge(world).found["wrong content"])
