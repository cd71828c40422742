"""The only place for what an adapter is given and what it gives back: a delivery in; events, blobs or a refusal out.

An adapter is a function `normalize(delivery) -> Normalised` that raises `Refused` for what it cannot or need not use.
It is pure: the same delivery gives the same events, so that a webhook that is sent again makes nothing new. Time
therefore comes from the payload; `received_ms` only stands in where a payload names no time at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal, TypeVar, get_args

from pydantic import ValidationError

from stream_app.core.events import Event, Reference
from stream_app.core.wire import Json, write_json
from stream_app.providers.privacy import unsigned_link

RefusalReason = Literal[
    "not_readable",  # Neither JSON nor a form, or not of the shape that every payload of this provider has.
    "unknown_shape",  # Of this provider perhaps, but of no kind that its documents name.
    "nothing_to_report",  # Understood, and no evidence of anything: a call that rings, a room that opened.
    "identity_missing",  # Evidence of a call that it does not name.
    "invalid_value",  # A field that we need holds what it cannot hold.
    "defect",  # The adapter has no answer to it, which is a bug of ours; `detail` says where.
]
REFUSAL_REASONS: tuple[RefusalReason, ...] = get_args(RefusalReason)


class Refused(Exception):
    """The payload gives no events; `reason` is typed, `detail` names fields and never quotes their values."""

    def __init__(self, reason: RefusalReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Delivery:
    """One payload as its provider sent it, already parsed; a form is an object whose values are text."""

    document: Json
    source: str
    """`source` of the events made of it: the provider, or the provider and who sends (`twilio/prod-eu`)."""
    received_ms: int
    """When it came, ms: for payloads that name no time."""
    query: Mapping[str, str] = field(default_factory=dict)
    """Of the address it was sent to: the only place where some providers can carry our call ID."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Content that must be kept outside of events: a transcript that came inline, or a link that will expire.

    Exactly one of `content` and `link` is given. Raw until proved otherwise: it is staged as raw_restricted.
    """

    media_type: str
    content: bytes | None = None
    link: str | None = None

    @property
    def uri(self) -> str:
        """What an event's reference says until the blob is staged; whoever stages it puts its address there."""
        if self.content is not None:
            return f"staging://sha256/{sha256(self.content).hexdigest()}"
        # However often a link is signed anew, it leads to one thing.
        return f"staging://link/{sha256(unsigned_link(self.link or '').encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Normalised:
    """What a payload came to: at least one event."""

    events: tuple[Event, ...]
    blobs: tuple[Blob, ...] = ()


Adapter = Callable[[Delivery], Normalised]

AnyEvent = TypeVar("AnyEvent", bound=Event)


def event(model: type[AnyEvent], delivery: Delivery, *, id: str, at_ms: int | None, **fields: Any) -> AnyEvent:
    """An event of this type; `id` names the fact within its provider, `at_ms` is when it happened.

    Where the payload names no time (None) the time of arrival stands in, and is part of the ID: the same payload sent
    again is then another report of the same fact, not a contradiction. Raises Refused (`identity_missing`,
    `invalid_value`).
    """
    if not fields.get("canonical_call_id") and not fields.get("aliases") and not fields.get("trace_id"):
        raise Refused("identity_missing", f"nothing in the payload names the call of this {model.TYPE}")
    whole = f"{delivery.source}:{id}" if at_ms is not None else f"{delivery.source}:{id}:{delivery.received_ms}"
    if len(whole) > 256:
        whole = f"{whole[:190]}:{sha256(whole.encode()).hexdigest()}"
    try:
        return model(
            schema_version=1,
            event_id=whole,
            type=model.TYPE,
            source=delivery.source,
            occurred_at=delivery.received_ms if at_ms is None else at_ms,
            **fields,
        )
    except ValidationError as error:
        places = ", ".join(sorted({".".join(map(str, item["loc"])) for item in error.errors()}))
        raise Refused("invalid_value", f"{model.TYPE}: {places}") from None


def staged_transcript(document: Json, *, redacted: bool = False) -> tuple[Reference, Blob]:
    """A transcript that came inline, as JSON in a shape of `core.transcripts`, and the reference to it.

    `redacted` only where the provider states it.
    """
    blob = Blob("application/json", content=write_json(document))
    assert blob.content is not None
    return Reference(
        uri=blob.uri,
        sha256=sha256(blob.content).hexdigest(),
        media_type=blob.media_type,
        size_bytes=len(blob.content),
        redaction_state="redacted" if redacted else "unredacted",
    ), blob
