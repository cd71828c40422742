"""The only place for the records of the `identity` topic as the stages read and write them: `identities`, made fast.

What they carry of an event is opaque: its document stays the very bytes that intake wrote, so passing it on costs no
more for a large event than for a small one. Records have sorted keys and no blanks, as all of ours.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from stream_app.core.evidence import AcceptedEvent
from stream_app.core.wire import write_json

AliasKey = Annotated[str, msgspec.Meta(min_length=1, max_length=64 + 1 + 256, pattern=r"^[^\x00-\x1f\x7f]+\Z")]
"""As `identities.AliasKey`."""
CallId = Annotated[str, msgspec.Meta(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+\Z")]
"""A canonical call ID, as `model.Identifier` has it."""


class RecordError(ValueError):
    """Bytes that are no record of the `identity` topic, or no row of an alias."""


class Place(msgspec.Struct, frozen=True):
    """Where a record stood in its input topic, as `evidence.Position`."""

    offset: int
    partition: int
    topic: str

    def key(self) -> str:
        """`topic/partition/offset`."""
        return f"{self.topic}/{self.partition}/{self.offset}"


class _Source(msgspec.Struct):
    source: str


class _Type(msgspec.Struct):
    type: str


class PassingEvent(msgspec.Struct, frozen=True, rename="camel"):
    """An accepted event (`evidence.AcceptedEvent`) on its way through identity."""

    digest: str
    event: msgspec.Raw
    """The reduced event as intake wrote it."""
    position: Place
    received_at: str
    traceparent: str | None

    @classmethod
    def of(cls, accepted: AcceptedEvent) -> PassingEvent:
        """The same event, ready to travel."""
        return _PASSING.decode(write_json(accepted.to_dict()))

    def source(self) -> str:
        """Who sent the event. Raises RecordError where it does not say."""
        try:
            return _SOURCE.decode(self.event).source
        except msgspec.MsgspecError as error:
            raise RecordError(f"an event without its source: {error}") from None

    def type(self) -> str:
        """What sort of event it is; empty where it does not say."""
        try:
            return _TYPE.decode(self.event).type
        except msgspec.MsgspecError:
            return ""

    def resolved(self, canonical_call_id: str) -> bytes:
        """The `evidence` record (`evidence.EventRecord`) of the event as evidence of this call."""
        return _ENCODER.encode(
            _ResolvedEvent(
                canonical_call_id, self.digest, self.event, self.position, self.received_at, "event", self.traceparent
            )
        )


class _ResolvedEvent(msgspec.Struct, frozen=True, rename="camel"):
    """Fields in the order of their names, which is the order they are written in."""

    canonical_call_id: str
    digest: str
    event: msgspec.Raw
    position: Place
    received_at: str
    record: str
    traceparent: str | None


class _Record(msgspec.Struct, frozen=True, rename="camel", tag_field="record", kw_only=True):
    def to_bytes(self) -> bytes:
        """The record as it is written."""
        return _SORTED.encode(self)


class ParkRecord(_Record, frozen=True, tag="park", kw_only=True):
    """An event waits at this alias until the alias is linked; one with a canonical ID only has its claim checked."""

    alias: AliasKey
    canonical_call_id: CallId | None = None
    """The canonical ID that the event itself states; None where only aliases are known."""
    event: PassingEvent


class LinkRecord(_Record, frozen=True, tag="link", kw_only=True):
    """`alias` names the same call as `canonical_call_id` or as `other`; `said_by` is the source of the claim."""

    alias: AliasKey
    canonical_call_id: CallId | None = None
    other: AliasKey | None = None
    said_by: str
    position: Place
    hop: int = 0
    """How many aliases the claim has travelled over."""
    best: AliasKey | None = None
    """The best name that `other` knows of in its group; None where it says nothing of it."""
    minted: bool = False
    """Whether `canonical_call_id` is one that we made up, of the best name there was."""
    sent_from: int | None = None
    """The identity partition that waits for `HopDoneRecord`; None for links that intake wrote."""


class HopDoneRecord(_Record, frozen=True, tag="hop-done", kw_only=True):
    """Receipt to the sending partition: what the hop caused is confirmed."""

    hop_id: str


class ClockOnward(_Record, frozen=True, tag="clock", kw_only=True):
    """`evidence.ClockRecord`, to be passed on."""

    last_record_at: dict[str, int] = {}
    read_up_to: dict[str, int]
    sources: dict[str, int]
    via: int | None = None
    vias: int
    worker: str


class AccountCallRecord(_Record, frozen=True, tag="account-call", kw_only=True):
    """A call of an account, for reports that name the account alone; times in ms."""

    account: Annotated[str, msgspec.Meta(min_length=1)]
    began: int
    call: CallId
    ended: int


class AccountReportRecord(_Record, frozen=True, tag="account-report", kw_only=True):
    """A report that waits at `alias` asks for the call of an account; times in ms."""

    account: Annotated[str, msgspec.Meta(min_length=1)]
    alias: AliasKey
    around: int
    position: Place
    received_at: int


class CandidatesRecord(_Record, frozen=True, tag="candidates", kw_only=True):
    """The report that waits at `alias` may mean any of these calls."""

    alias: AliasKey
    candidates: tuple[CallId, ...]
    more: bool = False
    """Whether there are, or may have been, others."""
    position: Place


AnyRecord = (
    ParkRecord | LinkRecord | HopDoneRecord | ClockOnward | AccountCallRecord | AccountReportRecord | CandidatesRecord
)

_ENCODER = msgspec.json.Encoder()
_SORTED = msgspec.json.Encoder(order="sorted")
_PASSING = msgspec.json.Decoder(PassingEvent)
_SOURCE = msgspec.json.Decoder(_Source)
_TYPE = msgspec.json.Decoder(_Type)
_RECORD: msgspec.json.Decoder[AnyRecord] = msgspec.json.Decoder(AnyRecord)


def read_record(value: bytes | None) -> AnyRecord:
    """The record of the `identity` topic in these bytes; RecordError for anything else."""
    try:
        return _RECORD.decode(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"not an identity record: {error}") from None
