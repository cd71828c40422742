"""The only place for what the harness's events look like: shaped by the contract, a call's names spread over them."""

from __future__ import annotations

import io
import json
import wave
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any

PIECES = ("call", "tool-1", "tool-2", "trace", "evaluation", "recording", "transcript")
KIND = {"tool-1": "tools", "tool-2": "tools", "link": "identity", "report": "report"}
TOPIC = {
    "call": "call-ended", "tools": "tool-call", "trace": "trace-completed", "evaluation": "evaluation-completed",
    "recording": "artifact-ready", "transcript": "artifact-ready", "log": "artifact-ready",
    "identity": "identity-linked", "report": "call-reported",
}  # fmt: skip
ARTIFACTS = 24
"""Transcripts and recordings in the provider's bucket; calls share them."""
DURATION_MS = 20_000
SCHEME = "twilioCallSid"
"""Of the best name that a call has."""

Document = dict[str, Any]


def instant(ms: int) -> str:
    """RFC 3339 UTC with milliseconds."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def json_bytes(document: Document) -> bytes:
    """The document as a producer writes it."""
    return json.dumps(document, separators=(",", ":")).encode()


def names_in(document: Document) -> dict[str, str]:
    """The names that an event gives its call."""
    names = dict(document.get("aliases", {}))
    return names | ({"traceId": document["traceId"]} if "traceId" in document else {})


def artifacts(seed: int) -> dict[str, bytes]:
    """Source object URI -> bytes of everything that lies in the provider's bucket."""
    made = {}
    for number in range(ARTIFACTS):
        turns = [
            {"speaker": "agent" if turn % 2 == 0 else "caller", "text": f"words {number} {turn}", "startMs": turn * 900}
            for turn in range(6)
        ]
        made[_uri(seed, "transcript", number)] = json.dumps({"turns": turns}).encode()
        made[_uri(seed, "recording", number)] = _recording(number)
    return made


def _recording(number: int) -> bytes:
    """Two channels, as long as every call here lasts."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(1)
        out.setframerate(100)
        out.writeframes(bytes([number]) * (DURATION_MS // 1000 * 200))
    return buffer.getvalue()


def _uri(seed: int, kind: str, number: int) -> str:
    return f"s3://provider-drop/Redacted/chaos-{seed}/{kind}-{number}"


def _reference(uri: str, media_type: str) -> Document:
    return {"uri": uri, "mediaType": media_type, "redactionState": "redacted", "producer": "chaos"}


@dataclass(frozen=True)
class Traits:
    """What the events of a call differ in."""

    tools: int = 1
    failing: bool = True
    """Whether there is a reason to review it."""
    named: bool = True
    """Whether a system states the call's ID."""
    claimed: bool = False
    """Whether another call claims its best name: then no other event may need that name."""
    by_account: bool = False
    """Whether a report of it names its account and a time, and not the call."""
    recording: bool = True
    """Whether the recording comes."""
    recording_never: bool = False
    unreadable: bool = False
    """Whether its transcript cannot be read."""


class Writer:
    """Writes the events of one call. `call` is its name in the story, with which all its event IDs begin."""

    def __init__(self, random: Random, seed: int, call: str, number: int, end: int) -> None:
        self.random, self.seed, self.call, self.number, self.end = random, seed, call, number, end
        self.sid, self.room, self.egress = f"CA{call}", f"room-{call}", f"EG{call}"
        self.trace = f"{call}-trace-id"
        self.alias = f"{SCHEME}:{self.sid}"
        """The best name, as the key of an alias; of a call that no system names it is the ID."""

    def piece(self, piece: str, traits: Traits) -> Document:
        """The event of one piece."""
        base = self._base(piece, TOPIC[KIND.get(piece, piece)])
        ours = self.number % ARTIFACTS
        match piece:
            case "call":
                stated = {"canonicalCallId": self.call} if traits.named else {}
                return base | stated | {
                    "accountRef": self.account(alone=traits.by_account),
                    "aliases": {SCHEME: self.sid, "livekitRoom": self.room},
                    "traceId": self.trace, "agentId": "billing-agent", "agentVersion": "billing-agent@7",
                    "workflowAgent": True, "queue": "billing", "language": "en", "cohort": "chaos",
                    "startedAt": instant(self.end - DURATION_MS), "endedAt": instant(self.end),
                    "durationMs": DURATION_MS, "channels": 2, "expectedToolCalls": traits.tools,
                    "measures": {"minAsrConfidence": 0.9, "maxSilenceMs": 800, "p95ResponseMs": 700},
                }  # fmt: skip
            case "tool-1" | "tool-2":
                failed = traits.failing and piece == "tool-1"
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
                name = {"livekitRoom": self.room} if traits.claimed else {SCHEME: self.sid}
                label = {"label": "task_failed", "failureLabel": "not_done"}
                return base | {
                    "aliases": name, "evaluationId": f"ev-{self.call}", "rubric": "refund", "rubricVersion": "v3",
                    "evaluatorVersion": "7", "score": 0.25, **(label if traits.failing else {"label": "task_completed"})
                }  # fmt: skip
            case "recording":
                names = {"aliases": {"livekitRoom": self.room, "livekitEgress": self.egress}, "artifact": piece}
                if traits.recording_never:
                    return base | names | {"availability": "never", "reason": "switched_off"}
                reference = _reference(_uri(self.seed, piece, ours), "audio/wav")
                return base | names | {"availability": "ready", "reference": reference | {"channels": 2}}
            case "transcript":
                # Where the recording comes, only it ties the egress to the room: a chain of two names.
                name = {"livekitEgress": self.egress} if traits.recording else {"livekitRoom": self.room}
                uri = _uri(self.seed, piece, -1 if traits.unreadable else ours)
                reference = _reference(uri, "application/json")
                return base | {"aliases": name, "artifact": piece, "availability": "ready", "reference": reference}
            case "link":
                names = {SCHEME: self.sid, "livekitRoom": self.room}
                return base | {"canonicalCallId": self.call, "aliases": names, "traceId": self.trace}
            case "report" if traits.by_account:
                return base | {"accountRef": self.account(alone=True), "around": instant(self.end)}
            case "report":
                return base | {"aliases": {SCHEME: self.sid}, "reportedBy": "customer", "symptom": "wrong"}
        raise ValueError(piece)

    def claim(self, other: str) -> Document:
        """Another call says that our best name is its own."""
        return {
            "schemaVersion": 1, "eventId": f"{other}-call", "type": "call-ended", "source": "chaos/claim",
            "occurredAt": instant(self.end), "endedAt": instant(self.end), "canonicalCallId": other,
            "aliases": {SCHEME: self.sid},
        }  # fmt: skip

    def word(self, owner: str) -> Document:
        """An operator says whose our best name is."""
        settles = {"source": "operator/chaos", "canonicalCallId": owner, "aliases": {SCHEME: self.sid}}
        return self._base("word", "identity-linked") | settles

    def own_name(self) -> Document:
        """A system says what it calls the call of our best name."""
        return self._base("own-name", "identity-linked") | {"canonicalCallId": self.call, "aliases": {SCHEME: self.sid}}

    def log(self, piece: str, **names: Any) -> Document:
        """That there will be no log: an event that no packet needs."""
        never = {"artifact": "log", "availability": "never", "reason": "switched_off"}
        return self._base(piece, "artifact-ready") | names | never

    def stray(self, room: str) -> Document:
        """A tool call in a room that belongs to no call."""
        names = {"eventId": f"{self.call}-stray", "aliases": {"livekitRoom": room}}
        return self.piece("tool-2", Traits()) | names

    def account(self, *, alone: bool) -> str:
        """Its customer's account: one with a single call, or that of everybody else."""
        return f"account-{self.call}" if alone else "account-of-many"

    def vague(self) -> Document:
        """A report of the account that has many calls at any time."""
        report = {"eventId": f"{self.call}-vague", "accountRef": self.account(alone=False)}
        return self.piece("report", Traits(by_account=True)) | report

    def refused(self, oversize: int) -> list[tuple[str, str, bytes | None]]:
        """(reason, topic, value) of records that nobody can use. `oversize`: bytes that are too many; 0: none are."""
        good = self.piece("trace", Traits()) | {"eventId": f"{self.call}-refused"}
        ways: list[tuple[str, str, bytes | None]] = [
            ("not_json", "trace-completed", b'{"schemaVersion": 1, '),
            ("invalid_event", "trace-completed", json_bytes(good | {"keySpans": "many"})),
            ("unknown_type", "tool-call", json_bytes(good | {"type": "no-such-event"})),
            ("wrong_topic", "tool-call", json_bytes(good)),
            ("unknown_schema_version", "trace-completed", json_bytes(good | {"schemaVersion": 9})),
            ("identity_missing", "trace-completed", json_bytes({k: v for k, v in good.items() if k != "traceId"})),
            ("identity_conflict", "trace-completed", json_bytes(good | {"aliases": {"traceId": "another"}})),
            ("tombstone", "call-ended", None),
        ]
        if oversize:
            ways.append(("oversize", "trace-completed", json_bytes(good | {"filler": "x" * oversize})))
        return ways

    def _base(self, piece: str, kind: str) -> Document:
        return {
            "schemaVersion": 1, "eventId": f"{self.call}-{piece}", "type": kind, "source": f"chaos/{piece}",
            "occurredAt": instant(self.end - self.random.randint(0, DURATION_MS)),
        }  # fmt: skip
