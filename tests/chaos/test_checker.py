"""The judge finds nothing in a world where all is right, and each single thing that is not, under its heading."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.chaos.checker import canonical, judge
from tests.chaos.ideal import ideal, last_of, number_of, put, rewrite
from tests.chaos.report import HEADINGS
from tests.chaos.story import Timing, plan
from tests.chaos.world import World, document_of

CALLS = 400


@pytest.fixture
def world() -> World:
    made = plan(3, CALLS, 8.0, 1_780_512_000_000, Timing(), oversize=60_000)
    return ideal(made, Timing())


def test_a_good_world_has_no_violation_and_was_looked_at(world: World) -> None:
    report = judge(world)
    assert report.found == {heading: [] for heading in HEADINGS}
    assert report.good
    assert report.counts["calls"] == CALLS
    assert report.counts["superseding packets"] > 5
    assert report.counts["blocked"] > 1
    assert report.counts["incomplete"] > 30
    assert report.counts["identity notices"] > 10
    assert {truth.fate for truth in world.plan.truths.values()} >= {
        "complete", "missing", "late", "conflict", "unselected", "reported", "declared_never", "unreadable", "disputed",
        "settled", "unnamed", "renamed",
    }  # fmt: skip


def drop_a_packet(world: World) -> None:
    del world.records["packets"][0]


def double_a_packet(world: World) -> None:
    put(world, "packets", document_of(world.records["packets"][0]))


def double_an_order(world: World) -> None:
    put(world, "seal-orders", document_of(world.records["seal-orders"][0]))


def double_an_alert(world: World) -> None:
    put(world, "join-alerts", document_of(world.records["join-alerts"][0]))


def double_a_letter_of_identity(world: World) -> None:
    letter = world.documents("dead-letters")[0] | {"stage": "identity"}
    put(world, "dead-letters", letter)
    put(world, "dead-letters", letter)


def drop_a_dead_letter(world: World) -> None:
    del world.records["dead-letters"][0]


def drop_an_alert(world: World) -> None:
    del world.records["join-alerts"][-1]


def call_an_incomplete_packet_complete(world: World) -> None:
    rewrite(world, "packets", number_of(world, status="incomplete"), status="complete")


def call_a_complete_packet_incomplete(world: World) -> None:
    rewrite(world, "packets", number_of(world, status="complete"), status="incomplete", completedBy="deadline")


def lose_an_event(world: World) -> None:
    number = number_of(world, status="complete")
    rewrite(world, "packets", number, evidence=world.documents("packets")[number]["evidence"][1:])


def take_an_event_of_another_call(world: World) -> None:
    first, second = world.documents("packets")[:2]
    rewrite(world, "packets", 0, evidence=[*first["evidence"], second["evidence"][0]])


def place_an_event_elsewhere(world: World) -> None:
    evidence = world.documents("packets")[0]["evidence"]
    evidence[0]["offset"] += 100_000
    rewrite(world, "packets", 0, evidence=evidence)


def name_another_missing_kind(world: World) -> None:
    rewrite(world, "packets", number_of(world, status="incomplete"), missing=[{"kind": "log", "reason": "never_seen"}])


def forget_a_name(world: World) -> None:
    rewrite(world, "packets", 0, providerAliases={"livekitRoom": "room"})


def give_another_reason(world: World) -> None:
    rewrite(world, "packets", last_of(world, "complete"), selectionReason="executive_report_sample")


def forget_what_is_superseded(world: World) -> None:
    rewrite(world, "packets", number_of(world, version=2), supersedes=None)


def supersede_another_manifest(world: World) -> None:
    supersedes = {"version": 1, "manifestHash": "sha256:" + "0" * 64, "reason": "late_evidence"}
    rewrite(world, "packets", number_of(world, version=2), supersedes=supersedes)


def change_a_byte_in_a_manifest(world: World) -> None:
    uri = next(uri for uri in world.objects if uri.endswith("manifest.json"))
    world.objects[uri] = world.objects[uri].replace(b'"version":1', b'"version":7')


def lose_a_manifest(world: World) -> None:
    del world.objects[next(uri for uri in world.objects if uri.endswith("manifest.json"))]


def seal_without_a_packet(world: World) -> None:
    uri, body = next((uri, body) for uri, body in world.objects.items() if uri.endswith("manifest.json"))
    world.objects[uri.replace("/v1/", "/v9/").replace("/v2/", "/v9/")] = body


def change_a_byte_in_an_artifact(world: World) -> None:
    uri = next(uri for uri in world.objects if "/artifacts/" in uri)
    world.objects[uri] += b"!"


def publish_an_unselected_call(world: World) -> None:
    call = next(one.call for one in world.plan.truths.values() if one.fate == "unselected")
    packet = world.documents("packets")[0] | {"canonicalCallId": call, "packetId": f"{call}/1"}
    put(world, "packets", packet)
    put(world, "seal-orders", {"orderId": f"{call}/1"})


def publish_what_nobody_ordered(world: World) -> None:
    del world.records["seal-orders"][0]


def order_what_nobody_sealed(world: World) -> None:
    put(world, "seal-orders", {"orderId": "somebody/1"})


def forget_a_blocked_body(world: World) -> None:
    del world.records["packets-restricted"][0]


def tell_broad_readers_what_was_found(world: World) -> None:
    rewrite(world, "packets", last_of(world, "conflict"), findings=[{"finding": "duplicated_write"}])


def forget_a_conflict(world: World) -> None:
    found = {one["packetId"]: number for number, one in enumerate(world.documents("packets-restricted"))}
    last = world.documents("packets")[last_of(world, "conflict")]["packetId"]
    rewrite(world, "packets-restricted", found[last], findings=[])


def leave_an_order_pending(world: World) -> None:
    assert world.audit is not None
    world.audit["matching"]["unsealed"].append("somebody/1")


def leave_an_event_parked(world: World) -> None:
    assert world.audit is not None
    world.audit["accounting"]["endings"]["tool-call"]["parked"] += 1


def leave_a_position_unaccounted(world: World) -> None:
    assert world.audit is not None
    world.audit["accounting"]["unaccounted"].append("tool-call/0/7")


def refuse_to_audit(world: World) -> None:
    world.audit = {"error": "exit 3"}


FALSIFIED: tuple[tuple[Callable[[World], None], str], ...] = (
    (drop_a_packet, "lost"),
    (double_a_packet, "duplicated"),
    (double_an_order, "duplicated"),
    (double_an_alert, "duplicated"),
    (double_a_letter_of_identity, "duplicated"),
    (drop_a_dead_letter, "unaccounted inputs"),
    (drop_an_alert, "lost"),
    (call_an_incomplete_packet_complete, "wrong status"),
    (call_a_complete_packet_incomplete, "wrong status"),
    (lose_an_event, "wrong content"),
    (take_an_event_of_another_call, "wrong content"),
    (place_an_event_elsewhere, "wrong content"),
    (name_another_missing_kind, "wrong content"),
    (forget_a_name, "wrong content"),
    (give_another_reason, "wrong content"),
    (forget_what_is_superseded, "wrong content"),
    (supersede_another_manifest, "wrong content"),
    (change_a_byte_in_a_manifest, "wrong content"),
    (lose_a_manifest, "lost"),
    (seal_without_a_packet, "lost"),
    (change_a_byte_in_an_artifact, "wrong content"),
    (publish_an_unselected_call, "wrong status"),
    (publish_what_nobody_ordered, "unmarked packets"),
    (order_what_nobody_sealed, "lost"),
    (forget_a_blocked_body, "lost"),
    (tell_broad_readers_what_was_found, "wrong content"),
    (forget_a_conflict, "wrong content"),
    (leave_an_order_pending, "pending rows after drain"),
    (leave_an_event_parked, "pending rows after drain"),
    (leave_a_position_unaccounted, "unaccounted inputs"),
    (refuse_to_audit, "pending rows after drain"),
)


@pytest.mark.parametrize(("falsify", "heading"), FALSIFIED, ids=[one[0].__name__ for one in FALSIFIED])
def test_one_false_thing_is_found(world: World, falsify: Callable[[World], None], heading: str) -> None:
    falsify(world)
    report = judge(world)
    assert report.found[heading], report.table()
    assert not report.good
    assert f"{heading}: " in report.table()


def test_intake_may_repeat_its_dead_letters(world: World) -> None:
    letter = next(one for one in world.documents("dead-letters") if one["stage"] == "intake")
    put(world, "dead-letters", letter)
    assert judge(world).good


def test_a_call_that_the_broker_got_late_may_have_a_short_first_version_but_not_a_short_last_one(world: World) -> None:
    number = last_of(world, "complete")
    packet = world.documents("packets")[number]
    call = packet["canonicalCallId"]
    assert world.plan.truths[call].fate == "complete"
    short = packet["evidence"][1:]
    rewrite(world, "packets", number, evidence=short)
    world.delayed.add(call)
    assert any(call in line for line in judge(world).found["wrong content"])


def test_canonical_json_is_sorted_compact_and_not_escaped() -> None:
    document = {"b": [1, 0.25, None, True], "a": "Zürich"}
    assert canonical(document) == '{"a":"Zürich","b":[1,0.25,null,true]}'.encode()
    assert json.loads(canonical(document)) == document
