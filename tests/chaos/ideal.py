"""The only place that makes outputs as they should be, from the plan alone: what tests falsify, piece by piece."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from tests.chaos.reading import Record
from tests.chaos.story import Plan, Timing, Truth
from tests.chaos.world import OUTPUTS, Sent, World

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
    for alert in plan.claims:
        put(world, "join-alerts", {"alertId": alert, "state": "firing"})
    for one in sent:
        if one.send.refusal is not None:
            stage, reason = one.send.refusal
            topic, partition, offset = one.position
            where = {"topic": topic, "partition": partition, "offset": offset}
            put(world, "dead-letters", {"stage": stage, "reason": reason, "position": where})
    strays = len({one.send.event_id for one in sent if (one.send.event_id or "").endswith("-stray")})
    world.audit = {
        "accounting": {
            "positions": len(sent), "endings": {"tool-call": {"parked": strays}}, "unaccounted": [], "twice": [],
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


def _publish(world: World, truth: Truth) -> None:
    """The call's packets: of a late call two."""
    by = "orphan_deadline" if truth.without_end else "deadline"
    previous = None
    if truth.late is not None:
        kind = truth.events[truth.late]
        before = set(truth.events) - {truth.late}
        previous = _version(world, truth, 1, before, "incomplete", {kind: "never_seen"}, by, None)
        put(world, "join-alerts", {"alertId": f"{truth.call}/timed_out/1", "state": "firing"})
        put(world, "join-alerts", {"alertId": f"{truth.call}/timed_out/1", "state": "resolved"})
    elif truth.fate == "missing" and not truth.without_end:
        put(world, "join-alerts", {"alertId": f"{truth.call}/timed_out/1", "state": "firing"})
    last_by = by if truth.fate == "missing" else "all_evidence"
    number = 1 if previous is None else 2
    _version(world, truth, number, set(truth.events), truth.status, truth.missing, last_by, previous)


def _version(
    world: World, truth: Truth, number: int, events: set[str], status: str, missing: dict[str, str], by: str,
    previous: str | None,
) -> str:  # fmt: skip
    names: dict[str, str] = {}
    for event_id in events:
        names |= truth.aliases[event_id]
    evidence = []
    for event_id in sorted(events):
        topic, partition, offset = min(world.positions[event_id])
        evidence.append(
            {"kind": truth.events[event_id], "eventId": event_id, "topic": topic, "partition": partition,
             "offset": offset}
        )  # fmt: skip
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
        "manifestUri": uri, "manifestHash": digest,
    }  # fmt: skip
    put(world, "packets", packet)
    put(world, "seal-orders", {"orderId": packet["packetId"]})
    if status == "blocked":
        put(world, "packets-restricted", packet)
    return digest
