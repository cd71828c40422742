"""The only place where a producer's record becomes evidence on its way, or a dead letter; nothing in between.

Steps, as numbered below: 1 size, 2 envelope, 3 strict JSON, 4 schema version and type, 5 model, 6 identity, 7 route.
A record that fails any of them leaves as a dead letter with a typed reason, and the partition goes on. For 5 and 6
there is a quick way (`event_shapes`), and the model's own wherever that has a doubt.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from msgspec import Raw
from pydantic import ValidationError

from stream_app.core import accounts, cloud_events
from stream_app.core.concealment import UNKEYED, Concealer
from stream_app.core.dead_letters import DeadLetterReason
from stream_app.core.event_shapes import Reduced, Shape
from stream_app.core.events import EVENT_TYPES, Event, IdentityLinked
from stream_app.core.evidence import event_digest, reduce_event
from stream_app.core.identities import aliases_of, by_precedence
from stream_app.core.identity_records import LinkRecord, ParkRecord, PassingEvent, Place
from stream_app.core.instants import format_instant
from stream_app.core.wire import Json, WireError, write_json
from stream_app.pipeline import outputs
from stream_app.pipeline.account_book import accounted
from stream_app.pipeline.known_claims import KnownClaims
from stream_app.pipeline.ports import Effects, Incoming, Outgoing
from stream_app.telemetry.propagation import traceparent_of
from stream_app.topics import EVIDENCE, IDENTITY

log = logging.getLogger(__name__)

_MODELS: dict[str, type[Event]] = {model.TYPE: model for model in EVENT_TYPES}
_SHAPES: dict[str, Shape] = {model.TYPE: Shape(model) for model in EVENT_TYPES}
KNOWN_SCHEMA_VERSIONS = (1,)


class Refusal(Exception):
    """The record cannot be used; `reason` is what its dead letter says."""

    def __init__(self, reason: DeadLetterReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Intake:
    """Stage one. A repeat after a crash repeats its output, if by a longer way: the join knows it by its position."""

    def __init__(self, max_event_bytes: int, concealer: Concealer = UNKEYED) -> None:
        """`concealer`: what is private leaves by it alone (`core.concealment`)."""
        self._max_event_bytes = max_event_bytes
        self._concealer = concealer
        self._claims = KnownClaims()

    def fold(self, batch: Sequence[Incoming]) -> list[Effects]:
        """What `handle` makes of each record."""
        return [self.handle(record) for record in batch]

    def handle(self, record: Incoming) -> Effects:
        """Records to write for one input record: evidence or identity records, or exactly one dead letter."""
        try:
            return Effects(sends=self._routed(record))
        except Refusal as refusal:
            return Effects(sends=(self._letter(record, refusal.reason, refusal.detail),))
        except Exception as error:
            # A record that we have no answer to must not stop its partition; that we had none is a bug to be seen.
            log.exception("no answer to the record at %s/%s/%s", record.topic, record.partition, record.offset)
            detail = f"intake failed on it ({type(error).__name__}): a bug, please report it with this letter"
            return Effects(sends=(self._letter(record, "invalid_event", detail),))

    def _letter(self, record: Incoming, reason: DeadLetterReason, detail: str) -> Outgoing:
        return outputs.dead_letter(record, "intake", reason, detail, concealer=self._concealer)

    def _routed(self, record: Incoming) -> tuple[Outgoing, ...]:
        event = self._validate(record)
        place = Place(record.offset, record.partition, record.topic)
        return route(event, record, self._claims, place, linking=record.topic == IdentityLinked.TYPE)

    def _validate(self, record: Incoming) -> Reduced:
        # 1. Size, before anything looks inside.
        if record.value is None:
            raise Refusal("tombstone", "the record has no value; input topics carry events only")
        if len(record.value) > self._max_event_bytes:
            raise Refusal("oversize", f"{len(record.value)} bytes, at most {self._max_event_bytes} are accepted")
        try:
            # 2. Envelope: CloudEvents binary or structured, or the plain event.
            # 3. Strict JSON.
            parsed = cloud_events.parse(record.headers, record.value)
        except WireError as error:
            raise Refusal(_wire_reason(error), error.detail) from None
        if not isinstance(parsed.document, dict):
            raise Refusal("not_an_object", "the event is not a JSON object")
        document = _with_attributes(parsed.document, parsed.attributes)
        # 4. Which event is it, in which version?
        version = document.get("schemaVersion")
        if version not in KNOWN_SCHEMA_VERSIONS or isinstance(version, bool):
            raise Refusal("unknown_schema_version", f"known versions: {KNOWN_SCHEMA_VERSIONS}")
        kind = document.get("type")
        model = _MODELS.get(kind) if isinstance(kind, str) else None
        if model is None:
            raise Refusal("unknown_type", f"known types: {', '.join(_MODELS)}")
        if kind != record.topic:
            raise Refusal("wrong_topic", f"a {kind} event on topic {record.topic}")
        # 5. The model: every field's type and range. 6. Identity: who is it about?
        reduced = _SHAPES[kind].reduce(document, parsed.text, self._concealer, record.timestamp_ms)
        return self._by_model(model, document, record.timestamp_ms) if reduced is None else reduced

    def _by_model(self, model: type[Event], document: Json, received_at: int) -> Reduced:
        """5. and 6., as the model says."""
        try:
            event = model.from_dict(document)
        except ValidationError as error:
            raise Refusal("invalid_event", describe(error)) from None
        return reduced_of(event, self._concealer, received_at)


def reduced_of(event: Event, concealer: Concealer = UNKEYED, received_at: int = 0) -> Reduced:
    """6. A valid event as intake passes it on. Raises Refusal for one that names no call, or two.

    `received_at` as in `evidence.reduce_event`.
    """
    try:
        aliases = aliases_of(event)
    except ValueError as error:
        raise Refusal("identity_conflict", str(error)) from None
    if event.canonical_call_id is None and not aliases:
        raise Refusal("identity_missing", "neither canonicalCallId nor an alias nor a traceId")
    identity = event.canonical_call_id or by_precedence(aliases)[0]
    document = write_json(reduce_event(event, concealer, identity, received_at))
    return Reduced(event.source, event.canonical_call_id, aliases, event_digest(event, concealer), document)


_ATTRIBUTE_FIELDS = (("eventId", "id"), ("source", "source"), ("occurredAt", "time"))


def _with_attributes(document: dict[str, Any], attributes: dict[str, str]) -> dict[str, Any]:
    """A CloudEvents producer need not say in the data what the envelope says already."""
    if not attributes:
        return document
    said = {field: attributes[name] for field, name in _ATTRIBUTE_FIELDS if name in attributes}
    return {**said, **document}


def _wire_reason(error: WireError) -> DeadLetterReason:
    reasons: tuple[DeadLetterReason, ...] = (
        "not_json", "duplicate_key", "not_a_number", "invalid_text", "invalid_envelope", "tombstone",
    )  # fmt: skip
    return next(reason for reason in reasons if reason == error.reason)


def describe(error: ValidationError) -> str:
    """Field by field what is wrong, without the values: they may be anything."""
    problems = (f"{'.'.join(map(str, item['loc'])) or 'event'}: {item['msg']}" for item in error.errors()[:5])
    return "; ".join(problems)


def route(
    event: Reduced, record: Incoming, claims: KnownClaims, place: Place, *, linking: bool
) -> tuple[Outgoing, ...]:
    """7. Straight to `evidence`, or by way of its aliases: where they name the call, or make claims not checked yet.

    `linking`: its claims are its purpose, so an operator may make one again.
    """
    passing = PassingEvent(
        digest=event.digest,
        event=Raw(event.document),
        position=place,
        received_at=format_instant(record.timestamp_ms),
        traceparent=traceparent_of(record.headers) if record.headers else None,
    )
    canonical = event.canonical_call_id
    aliases = by_precedence(event.aliases)
    if canonical is not None:
        if not linking:
            aliases = claims.unknown(aliases, canonical, record.timestamp_ms)
        if not aliases:
            evidence = Outgoing(EVIDENCE.name, canonical.encode(), passing.resolved(canonical))
            told = accounts.call_record(passing, canonical)
            return (evidence,) if told is None else (evidence, accounted(told))
    first, *others = aliases
    out = [_identity(first, ParkRecord(alias=first, canonical_call_id=canonical, event=passing))]
    asked = accounts.report_record(passing, first) if canonical is None and not others else None
    if asked is not None:
        out.append(accounted(asked))
    for other in others:
        if canonical is not None:
            link = LinkRecord(alias=other, canonical_call_id=canonical, said_by=event.source, position=place)
            out.append(_identity(other, link))
        else:
            there = LinkRecord(alias=other, other=first, said_by=event.source, position=place)
            back = LinkRecord(alias=first, other=other, said_by=event.source, position=place)
            out += [_identity(other, there), _identity(first, back)]
    return tuple(out)


def _identity(alias: str, record: ParkRecord | LinkRecord) -> Outgoing:
    return Outgoing(IDENTITY.name, alias.encode(), record.to_bytes())
