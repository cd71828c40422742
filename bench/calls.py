"""The only place for what is fed in: made-up calls with known truth, in the product's own format and size. Pure.

Each kind of event goes once through the product's models; from the bytes that they write a form is cut, and every
record is that form filled in. So a million records cost seconds, and each is what the models would have written.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

from stream_app.core.events import EVENT_TYPES, Event
from stream_app.core.evidence import AcceptedEvent, Position, event_digest, reduce_event
from stream_app.core.instants import format_instant

Piece = Literal["call", "tool-1", "tool-2", "evaluation"]
PIECES: tuple[Piece, ...] = ("call", "tool-1", "tool-2", "evaluation")
TRANSCRIPT = "s3://provider-drop/Redacted/bench/transcript.json"
CALL_ID_LENGTH = 20
BASE_MS = 1_780_512_000_000
"""2026-06-03T18:40:00Z, where nothing looks at the time."""

_CALL = "@" * CALL_ID_LENGTH
_MARK = "#" * 12
_DIGEST = "a1" * 32
_OFFSET = 7_777_777_777
_TIME = 1_999_999_999_999
_TYPES: dict[str, type[Event]] = {event.TYPE: event for event in EVENT_TYPES}


@dataclass(frozen=True, slots=True)
class Fed:
    """One record to feed in, and which piece of which call it is."""

    call: str
    event_id: str
    topic: str
    """The public input topic of its event type."""
    key: bytes
    value: bytes


def call_id(batch: str, number: int) -> str:
    """A call's ID, always CALL_ID_LENGTH long; `batch` (two characters) keeps passes of one run apart."""
    return f"call-{batch}-{number:012d}"


def _documents(call: str, mark: str, at_ms: int) -> dict[Piece, dict[str, Any]]:
    """The four events of a call, of the fields and size of the contract's examples, with nothing remarkable in them."""
    at = format_instant(at_ms)
    trace = f"4bf92f3577b34da6{mark[-12:]:0>16}"
    room = {"livekitRoom": f"room-{call}"}
    common = {"schemaVersion": 1, "occurredAt": at}
    names: tuple[Piece, ...] = ("tool-1", "tool-2")
    tools: dict[Piece, dict[str, Any]] = {
        name: {
            **common, "eventId": f"evt-{mark}-{number}", "type": "tool-call", "source": "orders-backend",
            "traceId": trace, "spanId": "00f067aa0ba902b7", "toolCallId": f"tc_{number}", "occurrence": 1,
            "sequence": number, "name": "lookup_order", "arguments": {"orderId": "A-1042"},
            "result": {"found": True, "total": 18.5}, "status": "succeeded", "startedAt": at, "latencyMs": 200,
            "retries": 0,
        }
        for number, name in enumerate(names, start=1)
    }  # fmt: skip
    return {
        "call": {
            **common, "eventId": f"evt-{mark}-0", "type": "call-ended", "source": "twilio/prod-eu",
            "canonicalCallId": call, "aliases": {"twilioCallSid": f"CA{call}", **room}, "traceId": trace,
            "agentId": "billing-agent", "agentVersion": "billing-agent@2026-06-03.2", "workflowAgent": True,
            "accountRef": f"hmac:{mark}", "queue": "billing", "language": "en", "cohort": "launch-june", "region": "eu",
            "startedAt": at, "endedAt": at, "durationMs": 199000, "disconnectReason": "caller_hangup", "channels": 2,
            "expectedToolCalls": 2, "toolsFinal": False,
            "measures": {
                "minAsrConfidence": 0.81, "minIntentConfidence": 0.72, "maxSilenceMs": 2100, "p95ResponseMs": 1400,
                "interruptions": 1, "callQuality": {"mos": 4.1, "packetLossPct": 0.3},
            },
            "transcript": {
                "uri": TRANSCRIPT, "mediaType": "application/json", "redactionState": "redacted",
                "producer": "contact-lens",
            },
        },
        **tools,
        "evaluation": {
            **common, "eventId": f"evt-{mark}-3", "type": "evaluation-completed", "source": "evals/online",
            "aliases": room, "evaluationId": "ev_551", "testRunId": "run_77", "rubric": "refund_policy",
            "rubricVersion": "v3", "evaluator": "judge-a", "evaluatorVersion": "2026-05-30", "score": 0.92,
            "label": "task_done", "assertions": [{"name": "refund_confirmed", "passed": True, "severity": "high"}],
            "policyFlags": [],
        },
    }  # fmt: skip


class Form:
    """The bytes of one kind of record with the places left open that differ from call to call."""

    def __init__(self, topic: str, written: bytes) -> None:
        self.topic = topic
        text = written.replace(b"%", b"%%")
        for held, name in (
            (_CALL.encode(), b"call"), (_MARK.encode(), b"mark"), (_DIGEST.encode(), b"digest"),
            (str(_OFFSET).encode(), b"offset"), (format_instant(_TIME).encode(), b"at"),
        ):  # fmt: skip
            text = text.replace(held, b"%(" + name + b")b")
        self._text = text

    def fill(self, call: str, mark: str, offset: int, at: bytes) -> bytes:
        """The record of this call. `mark` is 12 characters, `offset` where it stood in its input topic."""
        digest = sha256(mark.encode()).hexdigest().encode() if b"%(digest)b" in self._text else b""
        return self._text % {
            b"call": call.encode(), b"mark": mark.encode(), b"digest": digest, b"offset": b"%d" % offset, b"at": at,
        }  # fmt: skip


def evidence_form(piece: Piece) -> Form:
    """The piece as it travels on `evidence`: accepted by intake, its identity resolved."""
    event = _TYPES[_documents(_CALL, _MARK, _TIME)[piece]["type"]].from_dict(_documents(_CALL, _MARK, _TIME)[piece])
    accepted = AcceptedEvent(
        position=Position(topic=event.TYPE, partition=0, offset=_OFFSET),
        received_at=_TIME,
        digest=event_digest(event),
        event=reduce_event(event),
    )
    written = accepted.resolved(_CALL).to_bytes()
    return Form(event.TYPE, written.replace(accepted.digest.encode(), _DIGEST.encode()))


def input_form(piece: Piece) -> Form:
    """The piece as its producer sends it. As in the contract's examples, only call-ended names the canonical call."""
    model = _TYPES[_documents(_CALL, _MARK, _TIME)[piece]["type"]].from_dict(_documents(_CALL, _MARK, _TIME)[piece])
    return Form(model.TYPE, model.to_bytes())


@dataclass
class Backlog:
    """Calls in a shuffled order with what must come of them."""

    records: list[Fed] = field(default_factory=list)
    complete: dict[str, frozenset[str]] = field(default_factory=dict)
    """Complete call -> the IDs of its events: exactly one order each, and none for any other call."""


class Feed:
    """Writes records of calls; keeps count, so that each has a source position of its own."""

    def __init__(self, kind: Literal["evidence", "input"] = "evidence") -> None:
        make = evidence_form if kind == "evidence" else input_form
        self._kind = kind
        self._forms = {piece: make(piece) for piece in PIECES}
        self._offset = 0

    def record(self, call: str, piece: Piece, at_ms: int = BASE_MS, at: bytes | None = None) -> Fed:
        """One piece of a call; asked for again, it is the same event re-sent by its producer."""
        form, mark = self._forms[piece], call[-CALL_ID_LENGTH:][5:7] + call[-10:]
        self._offset += 1
        value = form.fill(call, mark, self._offset, at or format_instant(at_ms).encode())
        event_id = f"evt-{mark}-{PIECES.index(piece)}"
        return Fed(call, event_id, form.topic, call.encode(), value)

    def call(self, call: str, at_ms: int = BASE_MS) -> list[Fed]:
        """All pieces of a call, in the usual order."""
        at = format_instant(at_ms).encode()
        return [self.record(call, piece, at=at) for piece in PIECES]

    def backlog(
        self, batch: str, calls: int, *, seed: int = 7, at_ms: int = BASE_MS, repeated: float = 0.05,
        short: float = 0.1, window: int = 200,
    ) -> Backlog:  # fmt: skip
        """`calls` calls, shuffled within `window` of them; shares of events sent twice and of calls a piece short."""
        draw = random.Random(f"{seed}/{batch}")
        made, at = Backlog(), format_instant(at_ms).encode()
        placed: list[tuple[float, str, Piece]] = []
        for number in range(calls):
            call = call_id(batch, number)
            pieces = list(PIECES)
            if draw.random() < short:
                pieces.remove(draw.choice(pieces))
            else:
                made.complete[call] = frozenset(event_ids(call))
            for piece in pieces:
                times = 2 if draw.random() < repeated else 1
                placed += [(number + draw.random() * window, call, piece) for _ in range(times)]
        placed.sort()
        made.records = [self.record(call, piece, at=at) for _, call, piece in placed]
        return made


def event_ids(call: str) -> Iterator[str]:
    """The IDs of all four events of a call."""
    mark = call[5:7] + call[-10:]
    return (f"evt-{mark}-{number}" for number in range(len(PIECES)))


def total_bytes(records: Iterable[Fed]) -> int:
    """Bytes of keys and values."""
    return sum(len(record.key) + len(record.value) for record in records)
