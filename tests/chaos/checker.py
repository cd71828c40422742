"""The only place that judges packets from outside: each call's versions against its ground truth, and their manifests.

It knows the contract and nothing of the product's code: its own reading of JSON, its own hashes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Set
from hashlib import sha256
from typing import Any

from tests.chaos import side_outputs
from tests.chaos.notices import name_of, of_claim, unsettled
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
        "identity notices": sum(
            name_of(str(entry.get("eventId"))) != entry.get("eventId")
            for packet in packets
            for entry in packet.get("evidence", ())
        ),
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
        allowed = 1 + len(truth.later) + (truth.fate == "conflict")
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
        listed = [name_of(str(entry["eventId"])) for entry in packet["evidence"]]
        if len(set(listed)) != len(listed):
            self.wrong("content", f"{self.name} v{number} lists an event twice: {sorted(listed)}")
        for entry in packet["evidence"]:
            self.judge_entry(number, entry)
        names: dict[str, str] = {}
        for event_id in listed:
            names |= truth.aliases.get(event_id, {})
        if packet["providerAliases"] != names:
            self.wrong("content", f"{self.name} v{number}: aliases {packet['providerAliases']}, not {names}")
        if packet["unreadSources"]:
            self.wrong("content", f"{self.name} v{number}: unread sources {packet['unreadSources']}")
        # Only one event ID with two contents, and a name in dispute, block a packet: both are the identity gate's.
        gates = {gate["gate"] for gate in packet["gates"] if gate["verdict"] == "block"}
        if gates != ({"identity"} if packet["status"] == "blocked" else set()):
            self.wrong("status", f"{self.name} v{number} is {packet['status']}, and the gates {gates} block it")
        self.judge_succession(number, packet)
        if not final and not self.lenient:
            self.judge_early(number, packet, set(listed))

    def judge_entry(self, number: int, entry: dict[str, Any]) -> None:
        """One piece of evidence is this call's, and stands where it was sent, or where the claim on its name was."""
        truth, event_id = self.truth, str(entry["eventId"])
        where = (entry["topic"], entry["partition"], entry["offset"])
        name = name_of(event_id)
        claim = truth.notices.get(name)
        if claim is None:
            stands = where in self.world.positions.get(event_id, ())
        else:
            claims = self.world.positions.get(claim, ())
            stands = (event_id, where) in {of_claim(name, position) for position in claims}
        if not stands:
            self.wrong("content", f"{self.name} v{number}: {event_id} does not stand at {where}")
        if truth.events.get(name) != entry["kind"]:
            self.wrong("content", f"{self.name} v{number}: {event_id} is no {entry['kind']} of this call")

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
        if self.truth.fate == "conflict":
            return  # Other contents of an event ID are no new entry.
        earlier, now = (
            {(entry["eventId"], entry["topic"], entry["partition"], entry["offset"]) for entry in one["evidence"]}
            for one in (previous or {"evidence": ()}, packet)
        )
        if not earlier < now:
            self.wrong("content", f"{self.name} v{number} lists nothing new, or no longer what v{number - 1} did")

    def judge_early(self, number: int, packet: dict[str, Any], listed: set[str]) -> None:
        """A version that was superseded: what came later must be what it lacks, and it what that comes to."""
        truth = self.truth
        status, missing = "complete", {}
        if truth.late is not None and truth.late not in listed:
            status, missing = "incomplete", {truth.events[truth.late]: "never_seen"}
            if packet["completedBy"] != "deadline":
                self.wrong("status", f"{self.name} v{number}: {packet['status']} by {packet['completedBy']}")
        elif unsettled(listed):
            status = "blocked"
        if packet["status"] != status:
            self.wrong("status", f"{self.name} v{number}: {packet['status']}, not {status} as it was then")
        self.compare_missing(number, packet, missing)
        before = {name for name in truth.events if name not in truth.later}
        # What comes when version 1 has left is never in it.
        if not before <= listed or (number == 1 and listed != before):
            self.wrong("content", f"{self.name} v{number}: {self.difference(listed, truth.later)}")

    def judge_last(self, packet: dict[str, Any]) -> None:
        truth, number = self.truth, packet["version"]
        if packet["status"] != truth.status:
            self.wrong("status", f"{self.name} v{number}: {packet['status']}, not {truth.status}")
        by = self.completed_by()
        if by is not None and packet["completedBy"] != by and truth.call not in self.world.delayed:
            self.wrong("status", f"{self.name} v{number}: completed by {packet['completedBy']}, not {by}")
        listed = {name_of(str(entry["eventId"])) for entry in packet["evidence"]}
        if listed != set(truth.events):
            self.wrong("content", f"{self.name} v{number}: {self.difference(listed)}")
        self.compare_missing(number, packet, truth.missing)
        if packet["selectionReason"] != truth.reason:
            self.wrong("content", f"{self.name} v{number}: {packet['selectionReason']}, not {truth.reason}")
        body = packet
        if packet["status"] == "blocked":
            # Broad readers get the bare status; what was found stands in the restricted body.
            if packet["findings"]:
                self.wrong("content", f"{self.name} v{number}: blocked, and its findings stand on packets")
            body = self.world.restricted.get(packet["packetId"], packet)
        conflicts = {one.get("eventId") for one in body["findings"] if one["finding"] == "conflicting_contents"}
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

    def difference(self, listed: set[str], without: Set[str] = frozenset()) -> str:
        wanted = set(self.truth.events) - without
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
    if parked != world.waiting:
        report.add(
            "pending rows after drain",
            f"{parked} events are parked, {world.waiting} were sent that know no call, or a name in dispute only",
        )
    for packet in matching["unmarked"]:
        report.add("unmarked packets", f"stream-app audit: packet {packet} was never ordered")
    for key in accounting["unaccounted"]:
        report.add("unaccounted inputs", f"stream-app audit: {key}")
    for line in accounting["twice"]:
        report.add("unaccounted inputs", f"stream-app audit, ended twice: {line}")
    if accounting["positions"] != len(world.sent):
        report.add("unaccounted inputs", f"{accounting['positions']} positions counted, {len(world.sent)} were sent")
