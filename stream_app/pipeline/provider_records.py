"""The only place where a provider's own record becomes evidence on its way, as an event of ours would.

Theory of operation. A payload may bring content of its own (a transcript inline), which lies in object storage before
an event names it: so a batch is prepared before it is folded, and only that waits for the store. Steps: 1 size, 2 which
provider, 3 parse, 4 adapter, 5 content put away; then, in the fold, 6 each event as intake routes it. What fails in
one of them leaves as a dead letter with a typed reason. What says nothing of any call leaves nothing: most spans of a
trace are like that.

One record may give several events, and the join knows each by where it came from: the second and all that follow stand
at `<topic>#<number>`, which no topic can be called.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from stream_app.core.concealment import UNKEYED, Concealer
from stream_app.core.dead_letters import DeadLetterReason
from stream_app.core.events import Event, IdentityLinked
from stream_app.core.identity_records import Place
from stream_app.core.wire import Json, WireError, read_json
from stream_app.pipeline import outputs
from stream_app.pipeline.intake import Refusal, reduced_of, route
from stream_app.pipeline.known_claims import KnownClaims
from stream_app.pipeline.ports import NOTHING, Effects, Headers, Incoming, Outgoing, StoreError, StoreUnavailable
from stream_app.providers import registry
from stream_app.providers.adapter import Delivery, Normalised, Refused
from stream_app.providers.bodies import form
from stream_app.providers.privacy import Screen, numbers_of

log = logging.getLogger(__name__)

PutAway = Callable[[Normalised, Screen], Awaitable[tuple[Event, ...]]]
"""Puts content away and says where in the events. Raises StoreError, and ContentRefused where it cannot be kept."""
Decode = Callable[[bytes], Json]
"""OTLP protobuf as OTLP's JSON. Raises Refused."""

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
AT_A_TIME = 8
"""Records whose content is put away at the same time."""
_FORM = "application/x-www-form-urlencoded"
_PROTOBUF = ("application/x-protobuf", "application/protobuf", "application/vnd.google.protobuf")


class ContentRefused(Exception):
    """Content came inline, and this deployment has nowhere to put it; the message says what to set."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What a record came to, before it is folded."""

    events: tuple[Event, ...] = ()
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a record's payload says, and the payload."""

    made: Normalised
    document: Json


class ProviderIntake:
    """Intake's other door: `prepare` a batch, then `fold` it. A repeat after a crash repeats its output."""

    def __init__(
        self,
        providers: Mapping[str, str | None],
        *,
        put_away: PutAway,
        decode: Decode,
        max_bytes: int,
        name_key: bytes = b"",
        concealer: Concealer = UNKEYED,
    ) -> None:
        """`providers`: topic -> whose payloads it carries; None where each record says so in its header `provider`.

        `concealer` as in `Intake`.
        """
        self._providers = providers
        self._put_away = put_away
        self._decode = decode
        self._max_bytes = max_bytes
        self._name_key = name_key
        self._concealer = concealer
        self._claims = KnownClaims()
        self._prepared: dict[tuple[str, int, int], _Prepared] = {}

    async def prepare(self, batch: Sequence[Incoming]) -> None:
        """Steps 1 to 5 for every record. Waits for as long as the store is away."""
        for first in range(0, len(batch), AT_A_TIME):  # In small portions: others use this event loop too.
            portion = batch[first : first + AT_A_TIME]
            for record, prepared in zip(portion, await asyncio.gather(*map(self._prepare, portion)), strict=True):
                self._prepared[_key(record)] = prepared

    def fold(self, batch: Sequence[Incoming]) -> list[Effects]:
        """6. What each record sends."""
        return [self._handle(record, self._prepared.pop(_key(record))) for record in batch]

    async def _prepare(self, record: Incoming) -> _Prepared:
        try:
            return await self._events_of(record)
        except Refusal as refusal:
            return _Prepared(refusal=refusal)

    async def _events_of(self, record: Incoming) -> _Prepared:
        # 1. Size, before anything looks inside.
        if record.value is None:
            raise Refusal("tombstone", "the record has no value; input topics carry payloads only")
        if len(record.value) > self._max_bytes:
            raise Refusal("oversize", f"{len(record.value)} bytes, at most {self._max_bytes} are accepted")
        # 2. Which provider? 3. Parse. 4. Adapter.
        found = read_record(record, self._providers, self._decode, self._name_key)
        if found is None:
            return _Prepared()
        if not found.made.blobs:
            return _Prepared(found.made.events)
        # 5. Content first: an event never names what is not there.
        return _Prepared(await self._stored(found.made, Screen(numbers_of(found.document), self._name_key)))

    async def _stored(self, made: Normalised, screen: Screen) -> tuple[Event, ...]:
        pause = FIRST_PAUSE_S
        while True:
            try:
                return await self._put_away(made, screen)
            except ContentRefused as error:
                raise Refusal("content_refused", str(error)) from None
            except StoreUnavailable as error:
                log.warning("our object store is away, trying again in %.1f s: %s", pause, error)
            except StoreError as error:
                raise Refusal("content_refused", f"content could not be put away: {type(error).__name__}") from None
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    def _handle(self, record: Incoming, prepared: _Prepared) -> Effects:
        if prepared.refusal is not None:
            return self._letter(record, prepared.refusal)
        try:
            sends: list[Outgoing] = []
            for number, event in enumerate(prepared.events):
                place = Place(record.offset, record.partition, part_of(record.topic, number))
                linking = isinstance(event, IdentityLinked)
                reduced = reduced_of(event, self._concealer, record.timestamp_ms)
                sends += route(reduced, record, self._claims, place, linking=linking)
            return Effects(sends=tuple(sends)) if sends else NOTHING
        except Refusal as refusal:
            return self._letter(record, refusal)

    def _letter(self, record: Incoming, refusal: Refusal) -> Effects:
        letter = outputs.dead_letter(record, "intake", refusal.reason, refusal.detail, concealer=self._concealer)
        return Effects(sends=(letter,))


def part_of(topic: str, number: int) -> str:
    """Where the `number`-th event of one record stands, counted from 0."""
    return f"{topic}#{number}" if number else topic


def read_record(
    record: Incoming, providers: Mapping[str, str | None], decode: Decode, name_key: bytes = b""
) -> Reading | None:
    """2. to 4. What a record's payload says; None for nothing that concerns a call. Raises Refusal."""
    name = providers.get(record.topic) or _header(record.headers, "provider")
    if name is None:
        raise Refusal("unknown_provider", f"neither {record.topic} nor the record's header `provider` says whose it is")
    try:
        provider = registry.provider_named(name)
    except KeyError:
        known = ", ".join(one.name for one in registry.PROVIDERS)
        raise Refusal("unknown_provider", f"known providers: {known}") from None
    try:
        document = _document(record, name, decode)
    except (WireError, Refused) as error:
        raise Refusal("not_readable", error.detail) from None
    made = registry.normalize(provider, Delivery(document, name, record.timestamp_ms), name_key=name_key)
    if isinstance(made, Normalised):
        return Reading(made, document)
    if made.reason == "nothing_to_report":
        return None
    raise Refusal(_LETTERS[made.reason], made.detail)


_LETTERS: Mapping[str, DeadLetterReason] = {
    "not_readable": "not_readable",
    "unknown_shape": "unknown_shape",
    "identity_missing": "identity_missing",
    "invalid_value": "invalid_event",
    "defect": "defect",
}


def _document(record: Incoming, provider: str, decode: Decode) -> Json:
    """3. JSON, a form, or OTLP protobuf: by the record's `content-type`, else by how it begins."""
    value = record.value or b""
    content_type = (_header(record.headers, "content-type") or "").partition(";")[0].strip().lower()
    if content_type == _FORM:
        return _form(value)
    if content_type in _PROTOBUF or (provider == "otel" and value.lstrip()[:1] not in (b"{", b"[")):
        return decode(value)
    if provider == "cloudevents" and any(name.lower().startswith("ce_") for name, _ in record.headers):
        headers = {name: content.decode(errors="replace") for name, content in record.headers}
        return {"headers": headers, "key": (record.key or b"").decode(errors="replace") or None, "value": _text(value)}
    return read_json(value)


def _form(value: bytes) -> Json:
    try:
        return form(value.decode())
    except ValueError:
        raise WireError("not_json", "not a form") from None


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise WireError("invalid_text", "not UTF-8") from None


def _header(headers: Headers, name: str) -> str | None:
    found = next((content for key, content in headers if key.lower() == name), None)
    return found.decode(errors="replace") if found else None


def _key(record: Incoming) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset
