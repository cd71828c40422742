"""The only place that compares what came out of the line with what had to, and counts what the demo reports."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from stream_app.demo.ground_truth import Expected


@dataclass
class Seen:
    """What was read from the output topics, as it comes."""

    packets: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Call ID -> its packet with the highest version."""
    published: dict[str, int] = field(default_factory=dict)
    """Packet ID -> broker time of its first record, ms."""
    all_packets: list[dict[str, Any]] = field(default_factory=list)
    again: int = 0
    """Packet records that repeat an earlier one (allowed: at least once)."""
    alerts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Alert ID and state -> alert."""
    dead_letters: Counter[str] = field(default_factory=Counter)

    def packet(self, packet: dict[str, Any], at_ms: int) -> None:
        """Take in one record of `packets`."""
        if packet["packetId"] in self.published:
            self.again += 1
            return
        self.published[packet["packetId"]] = at_ms
        self.all_packets.append(packet)
        known = self.packets.get(packet["canonicalCallId"])
        if known is None or packet["version"] > known["version"]:
            self.packets[packet["canonicalCallId"]] = packet

    def alert(self, alert: dict[str, Any]) -> None:
        """Take in one record of `join-alerts`."""
        self.alerts[f"{alert['alertId']} {alert['state']}"] = alert


def differences(expected: list[Expected], seen: Seen) -> list[str]:
    """Every way in which what came out differs from what had to, in words; empty when all adds up."""
    found = []
    known = {one.call_id for one in expected}
    found += [f"{call}: a packet for a call that nobody made" for call in sorted(set(seen.packets) - known)]
    timed_out = {alert["canonicalCallId"] for alert in seen.alerts.values() if alert["kind"] == "timed_out"}
    orphans = {alert["alertId"] for alert in seen.alerts.values() if alert["kind"] == "orphan"}
    for one in expected:
        packet = seen.packets.get(one.call_id)
        if one.status is None:
            if packet is not None:
                found.append(
                    f"{one.call_id}: has no reason, yet {packet['packetId']} left ({packet['selectionReason']})"
                )
        elif packet is None:
            found.append(f"{one.call_id}: no packet; expected {one.status} for {sorted(one.reasons)}")
        else:
            found += _compare(one, packet)
        if one.times_out != (one.call_id in timed_out):
            found.append(f"{one.call_id}: timed_out alert {'expected, none came' if one.times_out else 'not expected'}")
        # Only what is absent counts: where the line lags, an orphan may be named and found again later.
        found += [f"{one.call_id}: orphan alert {name} expected, none came" for name in sorted(one.orphans - orphans)]
    return found


def _compare(one: Expected, packet: dict[str, Any]) -> list[str]:
    found = []
    gates = [gate for gate in packet["gates"] if gate["verdict"] != "pass"]
    blocking = {gate["gate"] for gate in gates if gate["verdict"] == "block"}
    unproved = packet["status"] == "blocked" and blocking == {"tool_evidence"}
    as_expected = packet["status"] == one.status and unproved == (one.status == "blocked")
    if not as_expected and not (unproved and one.may_block):
        found.append(f"{packet['packetId']}: is {packet['status']}, expected {one.status}; gates {gates}")
    missing = {(gap["kind"], gap["reason"]) for gap in packet["missing"]}
    if missing != one.missing:
        found.append(f"{packet['packetId']}: misses {sorted(missing)}, expected {sorted(one.missing)}")
    reasons = {packet["selectionReason"], *packet["otherReasons"]}
    if reasons != one.reasons:
        found.append(f"{packet['packetId']}: reasons {sorted(reasons)}, expected {sorted(one.reasons)}")
    if one.superseded and packet["version"] < 2:
        found.append(f"{packet['packetId']}: late evidence came, but no later version")
    return found


def latencies_ms(seen: Seen, input_times: dict[str, int]) -> list[int]:
    """Last evidence at the broker -> packet at the broker, ms, for first versions that evidence completed.

    Packets that waited for a source object to appear are left out: that wait is the policy's, not the line's.
    """
    found = []
    for packet in seen.all_packets:
        waited = any(gap["reason"] == "fetch_failed" for gap in packet["missing"])
        if packet["version"] == 1 and packet["completedBy"] == "all_evidence" and not waited:
            times = [
                input_times[f"{entry['topic']}/{entry['partition']}/{entry['offset']}"] for entry in packet["evidence"]
            ]
            found.append(seen.published[packet["packetId"]] - max(times))
    return sorted(found)


def percentile(values: list[int], share: float) -> int | None:
    """The value below which `share` of the (sorted) values lie; None without values."""
    if not values:
        return None
    if len(values) == 1:
        return values[0]
    return round(statistics.quantiles(values, n=100, method="inclusive")[max(0, min(98, round(share * 100) - 1))])


def report(expected: list[Expected], seen: Seen, extra: dict[str, Any]) -> dict[str, Any]:
    """The demo's figures as one document."""
    last = list(seen.packets.values())
    missing = Counter(f"{gap['kind']} ({gap['reason']})" for packet in last for gap in packet["missing"])
    return {
        "calls": len(expected),
        "packets": dict(sorted(Counter(packet["status"] for packet in last).items())),
        "missing": dict(sorted(missing.items())),
        "reasons": dict(sorted(Counter(packet["selectionReason"] for packet in last).items())),
        "laterVersions": sum(1 for packet in seen.all_packets if packet["version"] > 1),
        "repeatedRecords": seen.again,
        "withoutReason": sum(1 for one in expected if one.status is None and not one.parked),
        "neverIdentified": sum(1 for one in expected if one.parked),
        "alerts": dict(sorted(Counter(f"{alert['kind']} {alert['state']}" for alert in seen.alerts.values()).items())),
        "deadLetters": dict(sorted(seen.dead_letters.items())),
        **extra,
    }
