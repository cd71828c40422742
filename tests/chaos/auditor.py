"""The only place that watches offsets: what a stage has committed as done must have had its effect before.

A sample reads the committed offsets first and the ends of all outputs after them. Whatever lies below a committed
offset must have its effect below the ends of the same sample: else a crash at that moment would have lost it. The ends
are high watermarks: somebody else's open transaction holds readers back, and what is written behind it is safe.
"""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.notices import name_of
from tests.chaos.reading import Position, Record, Tail, kafka_admin
from tests.chaos.report import Report
from tests.chaos.world import document_of, place

EVENT_ID = re.compile(rb"c\d+-\d{6}-[a-z][a-z0-9-]*|identity-(?:disputed|settled|linked):[ -~]+?/\d+/\d+")
"""Of an event of the harness, or of a notice."""
MERGED = "identity-merged"
Ends = dict[tuple[str, int], int]


@dataclass(frozen=True)
class Sample:
    """One moment: stage -> (topic, partition) -> committed offset, and the ends of the outputs after that."""

    committed: dict[str, Ends]
    ends: Ends


class Auditor:
    """Takes samples while a run goes on."""

    def __init__(self, bootstrap: str, prefix: str, groups: dict[str, str], outputs: Sequence[str]) -> None:
        """`groups`: stage -> consumer group. `outputs`: every topic (without prefix) in which effects stand."""
        self._bootstrap, self._prefix, self._groups, self._outputs = bootstrap, prefix, groups, tuple(outputs)
        self.samples: list[Sample] = []
        self.failures = 0

    async def run(self, every_s: float) -> None:
        """Until cancelled; a broker that is away costs samples, no more."""
        while True:
            tail = Tail(self._bootstrap, self._prefix, self._outputs, committed_only=False)
            try:
                await tail.start()
                async with kafka_admin(self._bootstrap) as admin:
                    while True:
                        await asyncio.wait_for(self._sample(admin, tail), 20)
                        await asyncio.sleep(every_s)
            except Exception:  # Whatever the client calls a broker that was killed.
                self.failures += 1
                await asyncio.sleep(1)
            finally:
                await tail.stop()

    async def _sample(self, admin: Any, tail: Tail) -> None:
        committed: dict[str, Ends] = {}
        for stage, group in self._groups.items():
            offsets = await admin.list_consumer_group_offsets(group)
            committed[stage] = {
                (one.topic.removeprefix(self._prefix), one.partition): meta.offset
                for one, meta in offsets.items()
                if meta.offset >= 0
            }
        self.samples.append(Sample(committed, await tail.ends()))


def judge(samples: Sequence[Sample], records: dict[str, list[Record]], report: Report) -> None:
    """Hold every sample against the effects as they stand at the end. `records`: topic -> its records."""
    effects = _Effects(records)
    waiting = {stage: sorted(found, key=lambda one: one.position) for stage, found in effects.inputs().items()}
    judged = 0
    for sample in samples:
        for stage, offsets in sample.committed.items():
            later = []
            for record in waiting.get(stage, ()):
                committed = offsets.get((record.topic, record.partition), 0)
                if record.offset >= committed:
                    later.append(record)
                    continue
                judged += 1
                found = effects.of(stage, record)
                if found is not None and not any(sample.ends.get(one[:2], 0) > one[2] for one in found):
                    report.add(
                        "offset ahead of effects",
                        f"{stage}: {record.position} was committed, its effect stood at {sorted(found)[:3]}, "
                        "not yet or never written",
                    )
            waiting[stage] = later
    report.counts["offset samples"] = len(samples)
    report.counts["positions below a committed offset"] = judged


class _Effects:
    """Where the effects of each record stand."""

    def __init__(self, records: dict[str, list[Record]]) -> None:
        self._records = records
        self._by_position: dict[Position, list[Position]] = {}
        self._evidence: dict[Position, list[Position]] = {}
        self._call_of: dict[Position, str] = {}
        self._by_event: dict[str, dict[bytes, list[Position]]] = {"identity": {}, "join": {}}
        self._packets: dict[str, list[Position]] = {}
        for topic in ("identity", "evidence", "dead-letters"):
            for record in records.get(topic, ()):
                document = document_of(record)
                position = document.get("position") or (document.get("event") or {}).get("position")
                if position is None:
                    continue
                self._by_position.setdefault(place(position), []).append(record.position)
                if topic != "identity":
                    self._evidence.setdefault(place(position), []).append(record.position)
                    self._call_of[record.position] = str(document.get("canonicalCallId"))
        for topic, found in records.items():
            stage = next((one for one in self._by_event if topic.endswith(f"-{one}-changelog")), None)
            if topic == "seal-orders":
                stage = "join"
            if stage is None:
                continue
            for record in found:
                for event_id in set(EVENT_ID.findall(record.value or b"")):
                    self._by_event[stage].setdefault(event_id, []).append(record.position)
        for topic in ("packets", "dead-letters", "seal-retry"):
            for record in records.get(topic, ()):
                order = _order_id(record)
                if order is not None:
                    self._packets.setdefault(order, []).append(record.position)

    def inputs(self) -> dict[str, list[Record]]:
        """Stage -> the records it reads whose effects can be told."""
        internal = {"identity", "evidence", "seal-orders", "seal-retry", "packets", "packets-restricted"}
        outputs = internal | {"join-alerts", "dead-letters"}
        sources = [topic for topic in self._records if topic not in outputs and not topic.endswith("-changelog")]
        return {
            "intake": [record for topic in sources for record in self._records[topic]],
            "identity": self._records.get("identity", []),
            "join": self._records.get("evidence", []),
            "seal": self._records.get("seal-orders", []),
        }

    def of(self, stage: str, record: Record) -> list[Position] | None:
        """Where the record's effects stand; None where it has none of its own (a clock, a receipt)."""
        if stage == "intake":
            return self._by_position.get(record.position, [])
        if stage == "seal":
            return self._packets.get(str(document_of(record).get("orderId")), [])
        document = document_of(record)
        if stage == "identity":
            if document.get("record") != "park":
                return None
            event = document["event"]
            found = self._evidence.get(place(event["position"]), [])
            return found + self._by_event["identity"].get(str(event["event"]["eventId"]).encode(), [])
        if document.get("record") != "event":
            return None
        event_id = str(document["event"]["eventId"])
        if document["event"].get("type") == MERGED:
            return self._merged(str(document["canonicalCallId"]), str(document["event"]["into"]))
        found = self._by_event["join"].get(event_id.encode(), [])
        # What comes to a merged call goes on under its other name.
        source, call = place(document["position"]), self._call_of.get(record.position)
        moved = [one for one in self._evidence.get(source, ()) if self._call_of[one] != call]
        return found if name_of(event_id) != event_id else found + moved

    def _merged(self, call: str, into: str) -> list[Position]:
        """Where the row of a call stands that says which other one it is."""
        return [
            record.position
            for topic, found in self._records.items()
            if topic.endswith("-join-changelog")
            for record in found
            if (record.key or b"").endswith(call.encode()) and into.encode() in (record.value or b"")
        ]


def _order_id(record: Record) -> str | None:
    document = document_of(record)
    if record.topic == "packets":
        return document.get("packetId")
    if record.topic == "seal-retry":
        return (document.get("order") or {}).get("orderId")
    if document.get("stage") != "seal":
        return None
    body = document.get("body")
    if body is None:
        return None
    inner = json.loads(b64decode(body))
    return inner.get("orderId") or (inner.get("order") or {}).get("orderId")
