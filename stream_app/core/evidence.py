"""The only place for what travels on `evidence`: accepted events reduced to what a packet may need, clocks, policies.

State holds references and summaries, never payloads: a tool's arguments and results are replaced here by what their
keys and types say and by digests, so nothing behind intake ever sees them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from stream_app.core.events import Event, ToolCall
from stream_app.core.instants import Instant
from stream_app.core.model import Identifier, Model, Sha256
from stream_app.core.summaries import summarise
from stream_app.core.wire import digest_of

Kind = Literal[
    "call", "transcript", "tools", "recording", "trace", "evaluation", "report", "selection", "log", "identity"
]

KIND_ORDER: tuple[Kind, ...] = (
    "call", "transcript", "tools", "recording", "trace", "evaluation", "report", "selection", "log", "identity",
)  # fmt: skip
"""The order in which a packet lists its evidence, whatever order it came in."""

_KIND_BY_TYPE: dict[str, Kind] = {
    "call-ended": "call",
    "tool-call": "tools",
    "trace-completed": "trace",
    "evaluation-completed": "evaluation",
    "call-reported": "report",
    "selection-requested": "selection",
    "identity-linked": "identity",
    "identity-disputed": "identity",
    "identity-settled": "identity",
    "identity-merged": "identity",
}
_KIND_BY_ARTIFACT: dict[str, Kind] = {"transcript": "transcript", "recording": "recording", "log": "log", "pcap": "log"}


def kind_of(event: dict[str, Any]) -> Kind:
    """The evidence kind of a (reduced) event document."""
    if event["type"] == "artifact-ready":
        return _KIND_BY_ARTIFACT[event["artifact"]]
    return _KIND_BY_TYPE[event["type"]]


class Position(Model):
    """Where a record stood in its input topic: the proof that it was read, and how a repeat is recognised."""

    topic: str
    partition: int
    offset: int

    def key(self) -> str:
        """`topic/partition/offset`."""
        return f"{self.topic}/{self.partition}/{self.offset}"


class AcceptedEvent(Model):
    """One valid event, reduced, with where it stood; which call it belongs to may not be known yet."""

    position: Position
    received_at: Instant
    """Broker time of the input record: what an event's own times are clamped against."""
    digest: Sha256
    """SHA-256 over the whole validated event, arguments and results included."""
    event: dict[str, Any]
    """The reduced event, camelCase, null fields left out."""
    traceparent: str | None = None
    """W3C trace context of the producer, so that a packet's span can be linked to its evidence."""

    def resolved(self, canonical_call_id: str) -> EventRecord:
        """The same event as evidence of a call."""
        return EventRecord(
            canonical_call_id=canonical_call_id,
            position=self.position,
            received_at=self.received_at,
            digest=self.digest,
            event=self.event,
            traceparent=self.traceparent,
        )


class EventRecord(AcceptedEvent):
    """One accepted event with its identity resolved."""

    record: Literal["event"] = "event"
    canonical_call_id: Identifier


class ClockRecord(Model):
    """How far inputs were read, in broker time; written by an intake worker, passed on by each identity partition."""

    record: Literal["clock"] = "clock"
    via: int | None = None
    """The identity partition it came through; None until it has."""
    worker: str
    read_up_to: dict[str, int]
    """`topic/partition` -> ms: every record appended to it before that broker time is confirmed downstream."""
    sources: dict[str, int]
    """Input topic -> partition count: what the minimum is taken over."""
    vias: int
    """Number of identity partitions: the join waits for each."""
    last_record_at: dict[str, int] = Field(default_factory=dict)
    """Input topic -> broker time of the newest record that this worker has read of it, ms: what silence is told by."""


class PolicyActivated(Model):
    """From here on in this partition, calls that end are bound to this policy."""

    record: Literal["policy-activated"] = "policy-activated"
    sha256: Sha256
    policy: dict[str, Any]


EvidenceRecord = Annotated[EventRecord | ClockRecord | PolicyActivated, Field(discriminator="record")]


def reduce_event(event: Event) -> dict[str, Any]:
    """The event as it travels behind intake: no nulls, and of a tool call's payloads only summaries and digests."""
    document = event.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(event, ToolCall):
        for field in ("arguments", "result"):
            payload = document.pop(field, None)
            if payload is not None:
                document[f"{field[:-1] if field == 'arguments' else field}Summary"] = summarise(payload)
                document[f"{field}Sha256"] = digest_of(payload)
        if "error" in document:  # Error texts quote payloads; that there was one is what matters here.
            document["error"] = "present"
    return document


def event_digest(event: Event) -> str:
    """SHA-256 over the validated event: the same ID with another digest is a conflict."""
    return digest_of(event.model_dump(mode="json", by_alias=True, exclude_none=True))
