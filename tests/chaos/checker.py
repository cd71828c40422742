"""The only place that judges packets from outside: each call's versions against its ground truth, and their manifests.

It knows the contract and nothing of the product's code: its own reading of JSON, its own hashes.
"""

from __future__ import annotations

import json
from collections import Counter
from hashlib import sha256
from typing import Any

from tests.chaos import side_outputs
from tests.chaos.report import Report
from tests.chaos.story import Truth
from tests.chaos.world import World


def judge(world: World) -> Report:
    """Everything that must hold after a run."""
    report = Report()
    packets = world.documents("packets")
    versions: dict[str, dict[int, dict[str, Any]]] = {}
    seen = Counter(str(packet.get("packetId")) for packet in packets)
    for packet_id, count in seen.items():
        if count > 1:
            report.add("duplicated", f"packet {packet_id} stands {count} times on packets")
    for packet in packets:
        versions.setdefault(str(packet.get("canonicalCallId")), {})[int(packet.get("version", 0))] = packet
    for call, truth in world.plan.truths.items():
        _Call(world, truth, versions.pop(call, {}), report).judge()
    for call, found in versions.items():
        report.add("wrong content", f"{len(found)} packets of {call!r}, a call that was never sent")
    for packet in packets:
        _judge_manifest(world, packet, report)
    _judge_store(world, packets, report)
    side_outputs.judge(world, packets, report)
    if world.audit is not None:
        _judge_audit(world, world.audit, report)
    report.counts = {
        "calls": len(world.plan.truths),
        "records sent": len(world.sent),
        "packets": len(packets),
        "superseding packets": sum(int(packet.get("version", 0)) > 1 for packet in packets),
        "incomplete": sum(packet.get("status") == "incomplete" for packet in packets),
        "blocked": sum(packet.get("status") == "blocked" for packet in packets),
        "seal orders": len(world.records.get("seal-orders", ())),
        "alerts": len(world.records.get("join-alerts", ())),
        "dead letters": len(world.records.get("dead-letters", ())),
    }
    if world.delayed:
        report.notes.append(
            f"{len(world.delayed)} calls' events reached the broker after their deadline: early versions not judged"
        )
    return report


class _Call:
    """One call: its truth and the versions that came out."""

    def __init__(self, world: World, truth: Truth, versions: dict[int, dict[str, Any]], report: Report) -> None:
        self.world, self.truth, self.versions, self.report = world, truth, versions, report
        self.name = f"{truth.call} ({truth.fate})"

    def judge(self) -> None:
        truth = self.truth
        if truth.reason is None:
            if self.versions:
                self.wrong("status", f"{self.name} has a packet, and no reason for one")
            return
        if not self.versions:
            self.report.add("lost", f"{self.name}: no packet")
            return
        last = max(self.versions)
        if sorted(self.versions) != list(range(1, last + 1)):
            self.report.add("lost", f"{self.name}: versions {sorted(self.versions)}, not 1 to {last}")
        allowed = 2 if truth.fate in ("late", "conflict") else 1
        if last > allowed and not self.lenient:
            self.wrong("content", f"{self.name}: {last} versions, at most {allowed} were to be")
        for number, packet in sorted(self.versions.items()):
            self.judge_version(number, packet, final=number == last)
        self.judge_last(self.versions[last])

    @property
    def lenient(self) -> bool:
        """Whether earlier versions may stand short: their deadline hangs on when the first evidence came."""
        return self.truth.without_end or self.truth.call in self.world.delayed

    def judge_version(self, number: int, packet: dict[str, Any], *, final: bool) -> None:
        truth = self.truth
        listed = [str(entry["eventId"]) for entry in packet["evidence"]]
        if len(set(listed)) != len(listed):
            self.wrong("content", f"{self.name} v{number} lists an event twice: {sorted(listed)}")
        for entry in packet["evidence"]:
            where = (entry["topic"], entry["partition"], entry["offset"])
            if where not in self.world.positions.get(entry["eventId"], ()):
                self.wrong("content", f"{self.name} v{number}: {entry['eventId']} does not stand at {where}")
            if truth.events.get(entry["eventId"]) != entry["kind"]:
                self.wrong("content", f"{self.name} v{number}: {entry['eventId']} is no {entry['kind']} of this call")
        names: dict[str, str] = {}
        for event_id in listed:
            names |= truth.aliases.get(event_id, {})
        if packet["providerAliases"] != names:
            self.wrong("content", f"{self.name} v{number}: aliases {packet['providerAliases']}, not {names}")
        if packet["unreadSources"]:
            self.wrong("content", f"{self.name} v{number}: unread sources {packet['unreadSources']}")
        self.judge_succession(number, packet)
        if not final and not self.lenient:
            self.judge_early(number, packet, set(listed))

    def judge_succession(self, number: int, packet: dict[str, Any]) -> None:
        before = packet["supersedes"]
        if number == 1:
            if before is not None:
                self.wrong("content", f"{self.name} v1 supersedes {before}")
            return
        previous = self.versions.get(number - 1, {})
        if before is None or before["version"] != number - 1:
            self.wrong("content", f"{self.name} v{number} supersedes {before}")
        elif before["manifestHash"] != previous.get("manifestHash"):
            self.wrong("content", f"{self.name} v{number} supersedes another v{number - 1} than was published")

    def judge_early(self, number: int, packet: dict[str, Any], listed: set[str]) -> None:
        """A version that was superseded: what came later must be what it lacks."""
        truth = self.truth
        if truth.fate == "late":
            assert truth.late is not None
            kind = truth.events[truth.late]
            if packet["status"] != "incomplete" or packet["completedBy"] != "deadline":
                self.wrong("status", f"{self.name} v{number}: {packet['status']} by {packet['completedBy']}")
            self.compare_missing(number, packet, {kind: "never_seen"})
            if listed != set(truth.events) - {truth.late}:
                self.wrong("content", f"{self.name} v{number}: {self.difference(listed, truth.late)}")
        elif truth.fate == "conflict":
            if packet["status"] != "complete":
                self.wrong("status", f"{self.name} v{number}: {packet['status']} before its conflict")
            if listed != set(truth.events):
                self.wrong("content", f"{self.name} v{number}: {self.difference(listed)}")

    def judge_last(self, packet: dict[str, Any]) -> None:
        truth, number = self.truth, packet["version"]
        if packet["status"] != truth.status:
            self.wrong("status", f"{self.name} v{number}: {packet['status']}, not {truth.status}")
        by = self.completed_by()
        if by is not None and packet["completedBy"] != by and truth.call not in self.world.delayed:
            self.wrong("status", f"{self.name} v{number}: completed by {packet['completedBy']}, not {by}")
        listed = {str(entry["eventId"]) for entry in packet["evidence"]}
        if listed != set(truth.events):
            self.wrong("content", f"{self.name} v{number}: {self.difference(listed)}")
        self.compare_missing(number, packet, truth.missing)
        if packet["selectionReason"] != truth.reason:
            self.wrong("content", f"{self.name} v{number}: {packet['selectionReason']}, not {truth.reason}")
        conflicts = {one.get("eventId") for one in packet["findings"] if one["finding"] == "conflicting_contents"}
        if conflicts != ({truth.conflicting} - {None}):
            self.wrong("content", f"{self.name} v{number}: conflicts {conflicts}, not {truth.conflicting}")

    def completed_by(self) -> str | None:
        if self.truth.fate == "missing":
            return "orphan_deadline" if self.truth.without_end else "deadline"
        return None if self.truth.fate == "conflict" else "all_evidence"

    def compare_missing(self, number: int, packet: dict[str, Any], wanted: dict[str, str]) -> None:
        found = {gap["kind"]: gap["reason"] for gap in packet["missing"]}
        if found != wanted:
            self.wrong("content", f"{self.name} v{number}: missing {found}, not {wanted}")

    def difference(self, listed: set[str], without: str | None = None) -> str:
        wanted = set(self.truth.events) - {without}
        return f"evidence lacks {sorted(wanted - listed)}, has {sorted(listed - wanted)} too much"

    def wrong(self, what: str, line: str) -> None:
        self.report.add(f"wrong {what}", line)


def _judge_manifest(world: World, packet: dict[str, Any], report: Report) -> None:
    """The stored bytes hash to what the packet says, are canonical, and tell the same."""
    packet_id, uri = packet.get("packetId"), str(packet.get("manifestUri"))
    body = world.objects.get(uri)
    if body is None:
        report.add("lost", f"packet {packet_id}: there is no manifest at its address")
        return
    if f"sha256:{sha256(body).hexdigest()}" != packet.get("manifestHash"):
        report.add("wrong content", f"packet {packet_id}: its manifest's bytes have another hash")
        return
    manifest = json.loads(body)
    if canonical(manifest) != body:
        report.add("wrong content", f"packet {packet_id}: its manifest is not canonical JSON")
    for name in (
        "packetId",
        "version",
        "status",
        "completedBy",
        "missing",
        "providerAliases",
        "supersedes",
        "sealedAt",
    ):
        if manifest.get(name) != packet.get(name):
            report.add("wrong content", f"packet {packet_id}: {name} differs from its manifest's")
    if [one["eventId"] for one in manifest["evidence"]] != [one["eventId"] for one in packet["evidence"]]:
        report.add("wrong content", f"packet {packet_id}: evidence differs from its manifest's")
    for one in manifest["objects"]:
        stored = world.objects.get(one["uri"])
        if "/artifacts/" not in one["uri"]:
            continue  # A controlled pointer into the provider's bucket.
        if stored is None:
            report.add("lost", f"packet {packet_id}: its {one['name']} is not in the store")
        elif sha256(stored).hexdigest() != one["sha256"] or len(stored) != one["sizeBytes"]:
            report.add("wrong content", f"packet {packet_id}: the bytes of its {one['name']} are others")


def canonical(document: Any) -> bytes:
    """RFC 8785 for what manifests hold: ASCII keys, text, booleans, integers, short decimals."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _judge_store(world: World, packets: list[dict[str, Any]], report: Report) -> None:
    """A manifest is the commit of a version: each one must have been published."""
    published = {packet.get("manifestUri") for packet in packets}
    for uri in world.objects:
        if uri.endswith("/manifest.json") and uri not in published:
            report.add("lost", f"the manifest {uri.partition('/calls/')[2]} has no packet")


def _judge_audit(world: World, audit: dict[str, Any], report: Report) -> None:
    """What only the product can know: what it still holds."""
    if "error" in audit:
        report.add("pending rows after drain", f"stream-app audit could not say: {audit['error']}")
        return
    accounting, matching = audit["accounting"], audit["matching"]
    for order in matching["unsealed"]:
        report.add("pending rows after drain", f"order {order} has no packet")
    parked = sum(int(endings.get("parked", 0)) for endings in accounting["endings"].values())
    strays = len({one.send.event_id: one for one in world.sent if (one.send.event_id or "").endswith("-stray")})
    if parked != strays:
        report.add("pending rows after drain", f"{parked} events are parked, {strays} were sent without a call")
    for packet in matching["unmarked"]:
        report.add("unmarked packets", f"stream-app audit: packet {packet} was never ordered")
    for key in accounting["unaccounted"]:
        report.add("unaccounted inputs", f"stream-app audit: {key}")
    for line in accounting["twice"]:
        report.add("unaccounted inputs", f"stream-app audit, ended twice: {line}")
    if accounting["positions"] != len(world.sent):
        report.add("unaccounted inputs", f"{accounting['positions']} positions counted, {len(world.sent)} were sent")
