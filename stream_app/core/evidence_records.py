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
from stream_app.core.statements import (
    ArtifactStated,
    CallStated,
    DisputeStated,
    EvaluationStated,
    LinkStated,
    MergeStated,
    ReportStated,
    SelectionStated,
    SettledStated,
    Statement,
    ToolStated,
    TraceStated,
    decode_statement,
)

EventType = Literal[
    "call-ended", "tool-call", "artifact-ready", "trace-completed", "evaluation-completed", "call-reported",
    "selection-requested", "identity-linked", "identity-disputed", "identity-settled", "identity-merged",
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


class Heard(msgspec.Struct, frozen=True, gc=False):
    """One event of a call, as it was read: a piece of evidence whose times nobody has compared with the broker's."""

    call_id: str
    piece: Piece
    ended_at: int | None
    """The call's end, ms, where it is a call-ended."""

    @property
    def type(self) -> EventType:
        """The event's type."""
        return TYPES[type(self.piece.statement)]

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
_OTHER: msgspec.json.Decoder[Clock | Activation] = msgspec.json.Decoder(Clock | Activation)
TYPES: dict[type, EventType] = {
    CallStated: "call-ended",
    ToolStated: "tool-call",
    EvaluationStated: "evaluation-completed",
    ArtifactStated: "artifact-ready",
    TraceStated: "trace-completed",
    ReportStated: "call-reported",
    SelectionStated: "selection-requested",
    LinkStated: "identity-linked",
    DisputeStated: "identity-disputed",
    SettledStated: "identity-settled",
    MergeStated: "identity-merged",
}
"""Event types by what their events state."""
_CALL_BITS = BITS["call"] | BITS["tools"]
"""It may say that there are no tool calls."""
_KIND_BY_ARTIFACT: dict[str, Kind] = {
    name: kind_of({"type": "artifact-ready", "artifact": name}) for name in ("transcript", "recording", "log", "pcap")
}
_KINDS: dict[type, Kind] = {
    stated: kind_of({"type": name}) for stated, name in TYPES.items() if name != "artifact-ready"
}


def read_record(value: bytes | None) -> Heard | Clock | Activation:
    """The record in these bytes; RecordError for anything else."""
    data = value or b""
    try:
        try:
            record = _EVENT.decode(data)
        except msgspec.ValidationError:
            return _OTHER.decode(data)
        return _heard(record, decode_statement(record.event))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RecordError(f"not an evidence record: {str(error)[:200]}") from None


def _heard(record: _Event, statement: Statement) -> Heard:
    call_id, place = record.canonical_call_id, record.position
    if not (call_id.isascii() and call_id.isprintable()) and not _NO_CONTROLS.fullmatch(call_id):
        raise RecordError("a canonical call ID with control characters")
    ended = None
    awaits = 0
    if isinstance(statement, CallStated):
        kind: Kind = "call"
        bits = _CALL_BITS
        if not statement.tools_final:
            awaits = UNTOLD if statement.expected_tool_calls is None else statement.expected_tool_calls
        ended = parse_instant(statement.ended_at)
        if statement.transcript is not None:
            bits |= BITS["transcript"]
        if statement.recording is not None:
            bits |= BITS["recording"]
    else:
        kind = (
            _KIND_BY_ARTIFACT[statement.artifact] if isinstance(statement, ArtifactStated) else _KINDS[type(statement)]
        )
        bits = BITS[kind]
    piece = Piece(
        kind, statement.event_id, place.topic, place.partition, place.offset, parse_instant(record.received_at),
        parse_instant(statement.occurred_at), False, record.digest, bytes(record.event), bits, record.traceparent,
        awaits,
    )  # fmt: skip
    piece.__dict__["statement"] = statement
    return Heard(call_id, piece, ended)
