"""The only place for what the harness sends and what must come of it: calls with their ground truth, from one seed.

Pure: the same arguments give the same plan. Times are ms of the wall clock from `epoch_ms` on, so that deadlines run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, Literal

Fate = Literal[
    "complete", "missing", "late", "conflict", "unselected", "reported", "declared_never", "unreadable",
]  # fmt: skip
FATES: tuple[tuple[Fate, float], ...] = (
    ("missing", 0.10),
    ("late", 0.05),
    ("conflict", 0.02),
    ("unselected", 0.10),
    ("reported", 0.03),
    ("declared_never", 0.02),
    ("unreadable", 0.01),
)
"""Share of the calls with each fate; the rest are complete."""

DUPLICATED = 0.05
"""Share of the events that are sent twice."""
INVALID = 0.03
CLAIMS = 0.01
STRAYS = 0.01
"""Per call: records nobody can use, claims on another call's name, events whose name nobody ever links."""

PIECES = ("call", "tool-1", "tool-2", "trace", "evaluation", "recording", "transcript")
KIND = {"tool-1": "tools", "tool-2": "tools", "link": "identity", "report": "report"}
TOPIC = {
    "call": "call-ended", "tools": "tool-call", "trace": "trace-completed", "evaluation": "evaluation-completed",
    "recording": "artifact-ready", "transcript": "artifact-ready", "identity": "identity-linked",
    "report": "call-reported",
}  # fmt: skip
ARTIFACTS = 24
"""Transcripts and recordings in the provider's bucket; calls share them."""
DURATION_MS = 20_000


@dataclass(frozen=True)
class Timing:
    """When things happen, ms after a call's end; `deadline` is the policy's."""

    deadline: int = 25_000
    window: int = 6_000
    """A call's events come in any order within it."""
    late_from: int = 28_000
    late_until: int = 33_000
    seal_budget: int = 40_000
    """How long a source object that cannot be read is tried."""


@dataclass(frozen=True)
class Send:
    """One record to write at `at` ms. `event_id` None: it is no event that could be used."""

    at: int
    topic: str
    key: bytes
    value: bytes | None
    call: str | None = None
    event_id: str | None = None
    refusal: tuple[str, str] | None = None
    """(stage, reason) of the dead letter that must come of it."""


@dataclass
class Truth:
    """What must become of one call. `events`: event ID -> kind of everything its last packet must list."""

    call: str
    fate: Fate
    end: int
    events: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, dict[str, str]] = field(default_factory=dict)
    """Event ID -> the names it gives the call."""
    late: str | None = None
    """The event ID that comes after the deadline."""
    conflicting: str | None = None
    missing: dict[str, str] = field(default_factory=dict)
    """Kind -> why it is missing of the last version."""
    reason: str | None = None
    """Selection reason of the last version; None: no packet may leave."""
    status: str = "complete"

    @property
    def without_end(self) -> bool:
        """Whether no call-ended comes, or a late one: then the first packet's time hangs on what came first."""
        first = f"{self.call}-call"
        return first not in self.events or self.late == first


@dataclass
class Plan:
    """What to send, in time order, and what must come of it."""

    sends: list[Send]
    truths: dict[str, Truth]
    strays: list[str]
    """Aliases (`scheme:value`) at which events wait for ever."""
    claims: list[str]
    """Alert IDs of refused claims."""
    artifacts: dict[str, bytes]
    """Source object URI -> bytes."""


def instant(ms: int) -> str:
    """RFC 3339 UTC with milliseconds."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def plan(seed: int, calls: int, calls_per_s: float, epoch_ms: int, timing: Timing, *, oversize: int = 0) -> Plan:
    """`calls` calls that end one after another. `oversize`: bytes that intake refuses; 0 sends no oversize record."""
    random = Random(seed)
    made = Plan([], {}, [], [], _artifacts(seed))
    for number in range(calls):
        end = epoch_ms + round(number * 1000 / calls_per_s)
        author = _Author(random, f"c{seed}-{number:06d}", number, end, timing, made)
        author.write(_fate(random))
        if random.random() < INVALID:
            author.refused(oversize)
        if random.random() < STRAYS:
            author.stray()
    made.sends.sort(key=lambda one: one.at)
    return made


def _fate(random: Random) -> Fate:
    drawn = random.random()
    for fate, share in FATES:
        if drawn < share:
            return fate
        drawn -= share
    return "complete"


def _artifacts(seed: int) -> dict[str, bytes]:
    made = {}
    for number in range(ARTIFACTS):
        turns = [
            {"speaker": "agent" if turn % 2 == 0 else "caller", "text": f"words {number} {turn}", "startMs": turn * 900}
            for turn in range(6)
        ]
        made[_uri(seed, "transcript", number)] = json.dumps({"turns": turns}).encode()
        made[_uri(seed, "recording", number)] = bytes([number]) * 4000
    return made


def _uri(seed: int, kind: str, number: int) -> str:
    return f"s3://provider-drop/Redacted/chaos-{seed}/{kind}-{number}"


class _Author:
    """Writes one call: its events, their times, and what must come of them."""

    def __init__(self, random: Random, call: str, number: int, end: int, timing: Timing, plan: Plan) -> None:
        self.random, self.call, self.number, self.end = random, call, number, end
        self.timing, self.plan = timing, plan
        self.seed = call.split("-")[0].removeprefix("c")
        self.sid, self.room, self.egress = f"CA{call}", f"room-{call}", f"EG{call}"
        self.trace = f"{call}-trace-id"

    def write(self, fate: Fate) -> None:
        random = self.random
        tools = random.choice((1, 2))
        pieces = [piece for piece in PIECES if piece != "tool-2" or tools == 2]
        absent = random.choice(pieces) if fate in ("missing", "late") else None
        truth = Truth(self.call, fate, self.end)
        self.plan.truths[self.call] = truth
        documents = {
            piece: self.document(piece, fate, tools, recording_comes=absent != "recording") for piece in pieces
        }
        if absent == "call":
            documents["link"] = self.document("link", fate, tools, recording_comes=True)
        if fate == "missing":
            assert absent is not None
            documents.pop(absent)
        if fate == "reported":
            documents["report"] = self.document("report", fate, tools, recording_comes=True)
        for piece, document in documents.items():
            kind = KIND.get(piece, piece)
            truth.events[document["eventId"]] = kind
            names = dict(document.get("aliases", {}))
            truth.aliases[document["eventId"]] = names | (
                {"traceId": document["traceId"]} if "traceId" in document else {}
            )
            late = piece == "report" or (fate == "late" and piece == absent)
            self.send(kind, document, late=late)
            if fate == "late" and piece == absent:
                truth.late = document["eventId"]
        if fate == "conflict":
            self.contradict(documents["evaluation"])
            truth.conflicting = documents["evaluation"]["eventId"]
        self.judge(truth, documents, absent)
        if fate == "complete" and random.random() < CLAIMS * 2:
            self.claim()

    def judge(self, truth: Truth, documents: dict[str, dict[str, Any]], absent: str | None) -> None:
        """Status, missing kinds and reason of the last version, by the rules that PRODUCT.md and the policy state."""
        fate = truth.fate
        if fate == "unselected":
            truth.status = "none"
            return
        failed_tool = any(one.get("status") == "failed" for one in documents.values())
        truth.reason = (
            "customer_reported" if fate == "reported" else "failed_tool_call" if failed_tool else "regression_candidate"
        )
        if fate == "missing":
            assert absent is not None
            truth.missing = {KIND.get(absent, absent): "never_seen"}
        elif fate == "declared_never":
            truth.missing = {"recording": "declared_never"}
        elif fate == "unreadable":
            truth.missing = {"transcript": "fetch_failed"}
        truth.status = "blocked" if fate == "conflict" else "incomplete" if truth.missing else "complete"

    def document(self, piece: str, fate: Fate, tools: int, *, recording_comes: bool) -> dict[str, Any]:
        """The event of one piece, shaped by the contract; the call's names are spread over its events."""
        failing = fate not in ("unselected", "reported")
        base = {
            "schemaVersion": 1, "eventId": f"{self.call}-{piece}", "type": TOPIC[KIND.get(piece, piece)],
            "source": f"chaos/{piece}", "occurredAt": instant(self.end - self.random.randint(0, DURATION_MS)),
        }  # fmt: skip
        ours = self.number % ARTIFACTS
        match piece:
            case "call":
                return base | {
                    "canonicalCallId": self.call,
                    "aliases": {"twilioCallSid": self.sid, "livekitRoom": self.room},
                    "traceId": self.trace, "agentId": "billing-agent", "agentVersion": "billing-agent@7",
                    "workflowAgent": True, "queue": "billing", "language": "en", "cohort": "chaos",
                    "startedAt": instant(self.end - DURATION_MS), "endedAt": instant(self.end),
                    "durationMs": DURATION_MS, "channels": 2, "expectedToolCalls": tools,
                    "measures": {"minAsrConfidence": 0.9, "maxSilenceMs": 800, "p95ResponseMs": 700},
                }  # fmt: skip
            case "tool-1" | "tool-2":
                failed = failing and piece == "tool-1"
                return base | {
                    "aliases": {"livekitRoom": self.room}, "toolCallId": f"tc_{piece[-1]}", "sequence": int(piece[-1]),
                    "name": "lookup_order", "arguments": {"orderId": f"A-{self.number}"},
                    "result": None if failed else {"found": True}, "status": "failed" if failed else "succeeded",
                    "latencyMs": 120,
                }  # fmt: skip
            case "trace":
                spans = [{"name": "llm", "count": 15, "p95Ms": 900, "errors": 0}]
                return base | {"traceId": self.trace, "keySpans": spans}
            case "evaluation":
                label = {"label": "task_failed", "failureLabel": "not_done"} if failing else {"label": "task_completed"}
                return base | {
                    "aliases": {"twilioCallSid": self.sid}, "evaluationId": f"ev-{self.call}", "rubric": "refund",
                    "rubricVersion": "v3", "evaluatorVersion": "7", "score": 0.25, **label,
                }  # fmt: skip
            case "recording":
                names = {"aliases": {"livekitRoom": self.room, "livekitEgress": self.egress}, "artifact": piece}
                if fate == "declared_never":
                    return base | names | {"availability": "never", "reason": "switched_off"}
                reference = _reference(_uri(int(self.seed), piece, ours), "audio/wav")
                return base | names | {"availability": "ready", "reference": reference | {"channels": 2}}
            case "transcript":
                uri = _uri(int(self.seed), piece, ours if fate != "unreadable" else -1)
                # Where the recording comes, only it ties the egress to the room: a chain of two names.
                name = {"livekitEgress": self.egress} if recording_comes else {"livekitRoom": self.room}
                reference = _reference(uri, "application/json")
                return base | {
                    "aliases": name, "artifact": piece, "availability": "ready", "reference": reference,
                }  # fmt: skip
            case "link":
                names = {"twilioCallSid": self.sid, "livekitRoom": self.room}
                return base | {"canonicalCallId": self.call, "aliases": names, "traceId": self.trace}
            case "report":
                return base | {"aliases": {"twilioCallSid": self.sid}, "reportedBy": "customer", "symptom": "wrong"}
        raise ValueError(piece)

    def send(self, kind: str, document: dict[str, Any], *, late: bool) -> None:
        begins, ends = (self.timing.late_from, self.timing.late_until) if late else (0, self.timing.window)
        value = _json(document)
        for _ in range(2 if self.random.random() < DUPLICATED else 1):
            at = self.end + self.random.randint(begins, ends)
            self.plan.sends.append(
                Send(at, TOPIC[kind], self.key(kind, document), value, self.call, document["eventId"])
            )

    def key(self, kind: str, document: dict[str, Any]) -> bytes:
        # Claims on the call's name have the same key, so that they stand behind the call itself in its partition.
        return (self.sid if kind == "call" else document["eventId"]).encode()

    def contradict(self, document: dict[str, Any]) -> None:
        """The same event ID again, with other content."""
        at = self.end + self.random.randint(0, self.timing.window)
        value = _json(document | {"score": 0.75})
        event_id = document["eventId"]
        self.plan.sends.append(Send(at, TOPIC["evaluation"], event_id.encode(), value, self.call, event_id))

    def claim(self) -> None:
        """Another call says that our name is its own: refused, with an alert."""
        other = f"{self.call}-claim"
        document = {
            "schemaVersion": 1, "eventId": f"{other}-call", "type": "call-ended", "source": "chaos/claim",
            "occurredAt": instant(self.end), "endedAt": instant(self.end), "canonicalCallId": other,
            "aliases": {"twilioCallSid": self.sid},
        }  # fmt: skip
        at = self.end + self.timing.late_from
        key = self.sid.encode()
        refusal = ("identity", "identity_conflict")
        self.plan.sends.append(Send(at, "call-ended", key, _json(document), refusal=refusal))
        self.plan.claims.append(f"twilioCallSid:{self.sid}/identity_conflict/{other}")

    def stray(self) -> None:
        """An event whose name nobody links to a call: it waits, and an orphan alert says so."""
        alias = f"lost-{self.call}"
        document = self.document("tool-2", "unselected", 1, recording_comes=True) | {
            "eventId": f"{self.call}-stray", "aliases": {"livekitRoom": alias},
        }  # fmt: skip
        key = document["eventId"].encode()
        self.plan.sends.append(Send(self.end, "tool-call", key, _json(document), event_id=document["eventId"]))
        self.plan.strays.append(f"livekitRoom:{alias}")

    def refused(self, oversize: int) -> None:
        """A record that nobody can use; each way in its turn."""
        good = self.document("trace", "complete", 1, recording_comes=True) | {"eventId": f"{self.call}-refused"}
        ways: list[tuple[str, str, bytes | None]] = [
            ("not_json", "trace-completed", b'{"schemaVersion": 1, '),
            ("invalid_event", "trace-completed", _json(good | {"keySpans": "many"})),
            ("unknown_type", "tool-call", _json(good | {"type": "no-such-event"})),
            ("wrong_topic", "tool-call", _json(good)),
            ("unknown_schema_version", "trace-completed", _json(good | {"schemaVersion": 9})),
            ("identity_missing", "trace-completed", _json({k: v for k, v in good.items() if k != "traceId"})),
            ("tombstone", "call-ended", None),
        ]
        if oversize:
            ways.append(("oversize", "trace-completed", _json(good | {"filler": "x" * oversize})))
        reason, topic, value = self.random.choice(ways)
        at = self.end + self.random.randint(0, self.timing.window)
        self.plan.sends.append(Send(at, topic, f"{self.call}-refused".encode(), value, refusal=("intake", reason)))


def _reference(uri: str, media_type: str) -> dict[str, Any]:
    return {"uri": uri, "mediaType": media_type, "redactionState": "redacted", "producer": "chaos"}


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
