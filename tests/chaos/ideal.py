"""The only place that makes outputs as they should be, from the plan alone: what tests falsify, piece by piece."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from tests.chaos.notices import of_claim
from tests.chaos.reading import Record
from tests.chaos.story import Plan, Timing, Truth
from tests.chaos.world import OUTPUTS, Sent, World, document_of

BUCKET = "s3://review-packets/ideal"


def ideal(plan: Plan, timing: Timing) -> World:
    """A world in which everything came out right."""
    ends: dict[str, int] = {}
    sent = []
    for send in plan.sends:
        offset = ends[send.topic] = ends.get(send.topic, -1) + 1
        sent.append(Sent(send, (send.topic, 0, offset), send.at))
    world = World(plan, timing, sent, {topic: [] for topic in OUTPUTS})
    for truth in plan.truths.values():
        if truth.reason is not None:
            _publish(world, truth)
    for alias in plan.strays:
        put(world, "join-alerts", {"alertId": f"{alias}/orphan/1", "state": "firing"})
    for alert in plan.vague:
        put(world, "join-alerts", {"alertId": alert, "state": "firing"})
    for alert, settled in plan.claims.items():
        put(world, "join-alerts", {"alertId": alert, "state": "firing"})
        if settled:
            put(world, "join-alerts", {"alertId": alert, "state": "resolved"})
    for one in sent:
        if one.send.refusal is not None:
            stage, reason = one.send.refusal
            topic, partition, offset = one.position
            where = {"topic": topic, "partition": partition, "offset": offset}
            put(world, "dead-letters", {"stage": stage, "reason": reason, "position": where})
    world.audit = {
        "accounting": {
            "positions": len(sent), "endings": {"tool-call": {"parked": world.waiting}}, "unaccounted": [], "twice": [],
        },
        "matching": {"unsealed": [], "unmarked": []},
    }  # fmt: skip
    return world


def put(world: World, topic: str, document: dict[str, Any]) -> Record:
    """One more record at the end of an output topic."""
    offset = len(world.records[topic])
    record = Record(topic, 0, offset, 0, b"", json.dumps(document).encode(), {})
    world.records[topic].append(record)
    return record


def rewrite(world: World, topic: str, number: int, **fields: Any) -> None:
    """One record of an output topic with other fields."""
    record = world.records[topic][number]
    document = {**json.loads(record.value or b""), **fields}
    world.records[topic][number] = Record(topic, 0, record.offset, 0, b"", json.dumps(document).encode(), {})


def number_of(world: World, **wanted: Any) -> int:
    """The number of a packet with these fields."""
    return next(
        number
        for number, packet in enumerate(world.documents("packets"))
        if all(packet[name] == value for name, value in wanted.items())
    )


def last_of(world: World, fate: str) -> int:
    """The number of the last packet of a call with this fate."""
    calls = {call for call, truth in world.plan.truths.items() if truth.fate == fate}
    found = [(one["canonicalCallId"], one["version"]) for one in world.documents("packets")]
    call, version = max(one for one in found if one[0] in calls)
    return number_of(world, canonicalCallId=call, version=version)


def take_back(world: World, number: int) -> None:
    """As if this packet had never been ordered, sealed and published."""
    packet = world.documents("packets")[number]
    del world.objects[packet["manifestUri"]]
    for topic, name in (("packets", "packetId"), ("seal-orders", "orderId"), ("packets-restricted", "packetId")):
        kept = [one for one in world.records[topic] if document_of(one)[name] != packet["packetId"]]
        world.records[topic] = kept


def _publish(world: World, truth: Truth) -> None:
    """The call's packets: of one to which something comes when it has left, two; of one that is settled, three."""
    first = set(truth.events) - truth.later
    by = "orphan_deadline" if truth.without_end else "deadline"
    previous = None
    if truth.late is not None:
        missing = {truth.events[truth.late]: "never_seen"}
        previous = _version(world, truth, 1, first, "incomplete", missing, by, None)
        put(world, "join-alerts", {"alertId": f"{truth.call}/timed_out/1", "state": "firing"})
        put(world, "join-alerts", {"alertId": f"{truth.call}/timed_out/1", "state": "resolved"})
    elif truth.fate == "missing" and not truth.without_end:
        put(world, "join-alerts", {"alertId": f"{truth.call}/timed_out/1", "state": "firing"})
    elif truth.later:
        previous = _version(world, truth, 1, first, "complete", {}, "all_evidence", None)
    number = 1 if previous is None else 2
    if truth.fate == "settled":
        told = {name for name in truth.notices if name.startswith("identity-disputed:")}
        previous = _version(world, truth, 2, first | told, "blocked", {}, "all_evidence", previous)
        number = 3
    last_by = by if truth.fate == "missing" else "all_evidence"
    _version(world, truth, number, set(truth.events), truth.status, truth.missing, last_by, previous)


def _entry(world: World, truth: Truth, event_id: str) -> dict[str, Any]:
    """One piece of evidence: of an event that was sent twice the first copy, of a notice what the first claim makes."""
    claim = truth.notices.get(event_id)
    if claim is None:
        (topic, partition, offset), shown = min(world.positions[event_id]), event_id
    else:
        shown, (topic, partition, offset) = of_claim(event_id, min(world.positions[claim]))
    return {
        "kind": truth.events[event_id], "eventId": shown, "topic": topic, "partition": partition, "offset": offset,
    }  # fmt: skip


def _version(
    world: World, truth: Truth, number: int, events: set[str], status: str, missing: dict[str, str], by: str,
    previous: str | None,
) -> str:  # fmt: skip
    names: dict[str, str] = {}
    for event_id in events:
        names |= truth.aliases[event_id]
    evidence = [_entry(world, truth, event_id) for event_id in sorted(events)]
    body = b"words of " + truth.call.encode()
    artifact = f"{BUCKET}/artifacts/sha256/{sha256(body).hexdigest()}"
    world.objects[artifact] = body
    told = {
        "packetId": f"{truth.call}/{number}", "version": number, "status": status, "completedBy": by,
        "missing": [{"kind": kind, "reason": reason} for kind, reason in missing.items()], "providerAliases": names,
        "supersedes": None if previous is None else
        {"version": number - 1, "manifestHash": previous, "reason": "late_evidence"},
        "sealedAt": "2026-06-03T18:44:02.000Z", "evidence": evidence,
    }  # fmt: skip
    manifest = told | {
        "objects": [
            {"name": "redactedTranscript", "uri": artifact, "sha256": sha256(body).hexdigest(), "sizeBytes": len(body)}
        ]
    }
    stored = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
    uri = f"{BUCKET}/calls/2026-06-03/{truth.call}/v{number}/manifest.json"
    world.objects[uri] = stored
    digest = f"sha256:{sha256(stored).hexdigest()}"
    packet = told | {
        "canonicalCallId": truth.call, "selectionReason": truth.reason, "unreadSources": [],
        "findings": [{"finding": "conflicting_contents", "eventId": truth.conflicting}] if truth.conflicting else [],
        "gates": [{"gate": "identity", "verdict": "block" if status == "blocked" else "pass"}],
        "manifestUri": uri, "manifestHash": digest,
    }  # fmt: skip
    put(world, "packets", packet | {"findings": []} if status == "blocked" else packet)
    put(world, "seal-orders", {"orderId": packet["packetId"]})
    if status == "blocked":
        put(world, "packets-restricted", packet)
    return digest
