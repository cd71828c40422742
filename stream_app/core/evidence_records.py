"""The only place where the join reads records of `evidence`: the models of `evidence`, made fast.

Of an event only what folding needs is decoded; its document stays the very bytes that intake wrote, to be decoded
where a judgement looks at it and to be copied into a seal order as it is.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec.structs import replace

from stream_app.core.calls import BITS, UNTOLD, Piece
from stream_app.core.evidence import Kind, kind_of
from stream_app.core.identity_records import Place
from stream_app.core.instants import parse_instant

EventType = Literal[
    "call-ended", "tool-call", "artifact-ready", "trace-completed", "evaluation-completed", "call-reported",
    "selection-requested", "identity-linked",
]  # fmt: skip
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
_Sha256 = Annotated[str, msgspec.Meta(min_length=64, max_length=64)]
_NO_CONTROLS = re.compile(r"[^\x00-\x1f\x7f]+")


class RecordError(ValueError):
    """Bytes that are no record of the `evidence` topic."""


class _Event(msgspec.Struct, frozen=True, gc=False, rename="camel", tag_field="record", tag="event"):
    canonical_call_id: _Id
    digest: _Sha256
    event: msgspec.Raw
    position: Place
    received_at: str
    traceparent: str | None = None


class _Head(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What folding looks at in every event."""

    event_id: _Id
    type: EventType
    occurred_at: str
    source: str
    ended_at: str | None = None
    artifact: Literal["transcript", "recording", "log", "pcap"] | None = None
    transcript: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    recording: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    expected_tool_calls: int | None = None
    tools_final: bool = False


class Heard(msgspec.Struct, frozen=True, gc=False):
    """One event of a call, as it was read: a piece of evidence whose times nobody has compared with the broker's."""

    call_id: str
    type: EventType
    piece: Piece
    ended_at: int | None
    """The call's end, ms, where it is a call-ended."""

    def clamped(self, skew_ahead: int) -> Piece:
        """The piece; a time further in the future than `skew_ahead` ms is clamped to the broker's, and flagged."""
        piece = self.piece
        latest = piece.received_at + skew_ahead
        if piece.occurred_at > latest:
            return replace(piece, occurred_at=piece.received_at, skewed=True)
        if self.ended_at is not None and self.ended_at > latest:
            return replace(piece, skewed=True)
        return piece


class Clock(msgspec.Struct, frozen=True, rename="camel", tag_field="record", tag="clock"):
    """`evidence.ClockRecord`."""

    read_up_to: dict[str, int]
    sources: dict[str, int]
    vias: Annotated[int, msgspec.Meta(ge=1)]
    worker: str
    via: int | None = None
    last_record_at: dict[str, int] = {}


class Activation(msgspec.Struct, frozen=True, rename="camel", tag_field="record", tag="policy-activated"):
    """`evidence.PolicyActivated`; whether it holds a policy is for the policy's model to say."""

    sha256: _Sha256
    policy: dict[str, Any]


_EVENT = msgspec.json.Decoder(_Event)
_HEAD = msgspec.json.Decoder(_Head)
_OTHER: msgspec.json.Decoder[Clock | Activation] = msgspec.json.Decoder(Clock | Activation)
_KINDS: dict[tuple[str, str | None], Kind] = {}


def _kind(head: _Head) -> Kind:
    key = (head.type, head.artifact if head.type == "artifact-ready" else None)
    kind = _KINDS.get(key)
    if kind is None:
        if key == ("artifact-ready", None):
            raise RecordError("an artifact-ready that does not name its artifact")
        kind = _KINDS[key] = kind_of({"type": head.type, "artifact": head.artifact})
    return kind


def read_record(value: bytes | None) -> Heard | Clock | Activation:
    """The record in these bytes; RecordError for anything else."""
    data = value or b""
    try:
        try:
            record = _EVENT.decode(data)
        except msgspec.ValidationError:
            return _OTHER.decode(data)
        return _heard(record, _HEAD.decode(record.event))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RecordError(f"not an evidence record: {str(error)[:200]}") from None


def _heard(record: _Event, head: _Head) -> Heard:
    call_id, kind, place = record.canonical_call_id, _kind(head), record.position
    if not (call_id.isascii() and call_id.isprintable()) and not _NO_CONTROLS.fullmatch(call_id):
        raise RecordError("a canonical call ID with control characters")
    bits = BITS[kind]
    ended = None
    awaits = 0
    if kind == "call":
        if not head.tools_final:
            awaits = UNTOLD if head.expected_tool_calls is None else head.expected_tool_calls
        if head.ended_at is None:
            raise RecordError("a call-ended without its end")
        ended = parse_instant(head.ended_at)
        bits |= BITS["tools"]  # It may say that there are none.
        if head.transcript is not msgspec.UNSET:
            bits |= BITS["transcript"]
        if head.recording is not msgspec.UNSET:
            bits |= BITS["recording"]
    piece = Piece(
        kind, head.event_id, place.topic, place.partition, place.offset, parse_instant(record.received_at),
        parse_instant(head.occurred_at), False, record.digest, bytes(record.event), bits, record.traceparent,
        awaits,
    )  # fmt: skip
    return Heard(call_id, head.type, piece, ended)
