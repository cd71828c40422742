"""The only place for what travels on `evidence`: accepted events reduced to what a packet may need, clocks, policies.

State holds references and summaries, never payloads: a tool's arguments and results are replaced here by what their
keys and types say and by digests, and whatever is private is concealed, so nothing behind intake ever sees it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from stream_app.core.concealment import FIELD, PRESENT, PRIVATE_FIELDS, UNKEYED, Concealer, content_of
from stream_app.core.events import Event
from stream_app.core.instants import Instant
from stream_app.core.model import Identifier, Model, Sha256
from stream_app.core.summaries import summarise
from stream_app.core.wire import write_json

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


def reduce_event(
    event: Event, concealer: Concealer = UNKEYED, identity: str = "", received_at: int = 0
) -> dict[str, Any]:
    """The event as it travels behind intake: no nulls, and of private fields what is safe to show, the rest concealed.

    `identity` is the name that it waits under, `received_at` the broker time of its record, ms: they choose the key.
    """
    document = event.model_dump(mode="json", by_alias=True, exclude_none=True)
    private = {name: document.pop(name) for name in PRIVATE_FIELDS.get(event.TYPE, ()) if name in document}
    written = {name: write_json(value) for name, value in private.items()}
    for name, value in private.items():
        document |= shown(name, value, concealer.fingerprint(written[name]))
    content = content_of({name: (value, written[name]) for name, value in private.items()})
    concealed = None if content is None else concealer.conceal(identity, received_at, content)
    if concealed is not None:
        document[FIELD] = concealed
    return document


def shown(name: str, value: Any, fingerprint: str) -> dict[str, str]:
    """What stands in the reduced event for a private field."""
    if name in ("arguments", "result"):
        return {f"{name.removesuffix('s')}Summary": summarise(value), f"{name}Sha256": fingerprint}
    return {} if name == "knownValues" else {name: PRESENT}


def event_digest(event: Event, concealer: Concealer = UNKEYED) -> str:
    """The fingerprint of the validated event: the same ID with another one is a conflict."""
    return concealer.fingerprint(write_json(event.model_dump(mode="json", by_alias=True, exclude_none=True)))
