"""The only place where what a stage did becomes metrics, spans and trace headers on what it sends."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Literal, cast

import msgspec
from msgspec.structs import replace

from stream_app.core.dead_letters import DeadLetterReason
from stream_app.core.evidence_records import EventType
from stream_app.core.ordering import Order
from stream_app.core.orders import AlertKind, CompletedBy, SealOrder
from stream_app.core.packet import Packet
from stream_app.core.wire import WireError, read_json
from stream_app.pipeline.join import Ended, Observer
from stream_app.pipeline.ports import Effects, Headers, Incoming, Outgoing
from stream_app.settings import StageName
from stream_app.telemetry import Recorder, Telemetry
from stream_app.telemetry.catalogue import UNKNOWN_TYPE, AlertState
from stream_app.telemetry.propagation import carries_trace
from stream_app.telemetry.spans import OpenSpan, UnrecordedSpan
from stream_app.topics import DEAD_LETTERS, IDENTITY, INTAKE_TOPICS, JOIN_ALERTS, SEAL_ORDERS, SEAL_RETRY

_TYPES = {topic.name for topic in INTAKE_TOPICS}

OpensSpan = Callable[[Headers], AbstractContextManager[OpenSpan]]


Fold = Callable[[Sequence[Incoming]], Sequence[Effects]]


class _Position(msgspec.Struct):
    topic: str


class _Letter(msgspec.Struct):
    reason: str
    position: _Position


class _Alert(msgspec.Struct, rename="camel"):
    kind: str
    state: str


class _Order(msgspec.Struct, rename="camel"):
    completed_by: str


class _Document(msgspec.Struct):
    type: str


class _Event(msgspec.Struct):
    event: _Document


class _Park(msgspec.Struct):
    event: _Event
    record: Literal["park"]


_LETTER = msgspec.json.Decoder(_Letter)
_ALERT = msgspec.json.Decoder(_Alert)
_ORDER = msgspec.json.Decoder(_Order)
_PARK = msgspec.json.Decoder(_Park)


def instrumented(stage: StageName, telemetry: Telemetry, opens: OpensSpan, fold: Fold) -> Fold:
    """`fold` with its outcome counted, a span around each traced record, and what is sent carrying the trace on.

    The spans of a batch lie side by side: each shows how long its record was under way here.
    """
    identity = stage == "identity"

    def folded(batch: Sequence[Incoming]) -> Sequence[Effects]:
        traced = [index for index, incoming in enumerate(batch) if incoming.headers and carries_trace(incoming.headers)]
        effects = _traced(opens, fold, batch, traced) if traced else fold(batch)
        count(telemetry.recorder, stage, effects)
        if identity:
            _count_parked(telemetry.recorder, batch, effects)
        return effects

    return folded


def _traced(opens: OpensSpan, fold: Fold, batch: Sequence[Incoming], traced: list[int]) -> list[Effects]:
    """The fold with a span around each of the `traced`, which what comes of the record goes on under."""
    with ExitStack() as stack:
        spans = [_entered(stack, opens(batch[index].headers)) for index in traced]
        effects = list(fold(batch))
        for index, span in zip(traced, spans, strict=True):
            if index >= len(effects):
                break  # The fold ended before this record; it will come again.
            one = effects[index]
            ending = None if isinstance(span, UnrecordedSpan) else ending_of(batch[index], one)
            if ending is not None:
                span.set(disposition=ending)
            if one.sends:
                effects[index] = carried(one, span.headers())
    return effects


def _entered(stack: ExitStack, span: AbstractContextManager[OpenSpan]) -> OpenSpan:
    return span if isinstance(span, UnrecordedSpan) else stack.enter_context(span)


def ending_of(incoming: Incoming, effects: Effects) -> Literal["dead_letter", "parked"] | None:
    """How the record's way ended here, where it did; None when it goes on or is no event."""
    if any(send.topic == DEAD_LETTERS.name for send in effects.sends):
        return "dead_letter"
    return "parked" if incoming.topic == IDENTITY.name and _parked_type(incoming, effects) else None


def _parked_type(incoming: Incoming, effects: Effects) -> str | None:
    """The type of the event that now waits at its alias; None where the record is none, or went on."""
    if effects.sends or effects.in_turn or effects.receipts:
        return None
    try:
        parked = _PARK.decode(incoming.value or b"").event.event.type
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return parked if parked in _TYPES else UNKNOWN_TYPE


def _count_parked(recorder: Recorder, batch: Sequence[Incoming], effects: Sequence[Effects]) -> None:
    types = Counter(_parked_type(incoming, one) for incoming, one in zip(batch, effects, strict=True))
    for parked, number in types.items():
        if parked is not None:
            recorder.event(parked, "parked", count=number)


def seal_outcome(effects: Effects) -> Literal["stored", "conflict", "retried", "failed"]:
    """What came of a seal order, from the records that say so."""
    for send in effects.sends:
        if send.topic == SEAL_RETRY.name:
            return "retried"
        if send.topic == DEAD_LETTERS.name:
            reason = read_json(send.value or b"{}")["reason"]
            return "conflict" if reason == "order_conflict" else "failed"
    return "stored"


def carried(effects: Effects, headers: Headers) -> Effects:
    """The same effects; every record without trace context gets this one."""
    if not headers or not effects.sends:
        return effects
    return replace(
        effects,
        sends=tuple(
            send if any(name == "traceparent" for name, _ in send.headers) else _with(send, headers)
            for send in effects.sends
        ),
    )


def _with(send: Outgoing, headers: Headers) -> Outgoing:
    return replace(send, headers=send.headers + headers)


def count(recorder: Recorder, stage: StageName, effects: Sequence[Effects]) -> None:
    """Count dead letters, alerts and orders from the records that say so: what is counted is what is sent.

    The recorder refuses what lies outside its closed sets, so what is decoded here need not be checked.
    """
    ordered: list[str] = []
    for one in effects:
        for send in one.sends:
            if send.topic == SEAL_ORDERS.name:
                ordered.append(_ORDER.decode(send.value or b"").completed_by)
            elif send.topic == DEAD_LETTERS.name:
                letter = _LETTER.decode(send.value or b"")
                recorder.dead_letter(stage, cast(DeadLetterReason, letter.reason))
                topic = letter.position.topic
                recorder.event(topic if topic in _TYPES else UNKNOWN_TYPE, "dead_letter")
            elif send.topic == JOIN_ALERTS.name:
                alert = _ALERT.decode(send.value or b"")
                recorder.join_alert(cast(AlertKind, alert.kind), cast(AlertState, alert.state))
    for completed_by, number in Counter(ordered).items():
        recorder.seal_ordered(cast(CompletedBy, completed_by), count=number)


def join_observer(recorder: Recorder) -> Observer:
    """Counts how each event ended in the join, and how late deadlines fired against this machine's clock."""

    def observe(ended: Mapping[tuple[EventType, Ended], int], fired: Sequence[Order]) -> None:
        for (event_type, disposition), count in ended.items():
            recorder.event(event_type, disposition, count=count)
        for order in fired:
            # A later version waits for its settling, and is dated by its evidence: nothing in it was due.
            first = order.supersedes is None
            if first and order.completed_by in ("deadline", "reason_deadline", "orphan_deadline"):
                recorder.deadline_fired(overshoot_s=max(0.0, time.time() - order.decided_at / 1000))

    return observe


def packet_observer(recorder: Recorder) -> Callable[[Packet, SealOrder], None]:
    """Counts packets, what they lack, and the time since their last evidence reached the broker."""

    def observe(packet: Packet, order: SealOrder) -> None:
        last = max(item.received_at for item in order.items)
        recorder.packet_published(
            status=packet.status,
            reason=packet.selection_reason,
            latency_s=max(0.0, time.time() - last / 1000),
            missing=[(gap.kind, gap.reason) for gap in packet.missing],
        )

    return observe


def traceparents(incoming: Incoming) -> list[str]:
    """Trace contexts of all evidence in a seal order, or the retry that carries it: what the packet links to."""
    try:
        document = read_json(incoming.value or b"{}")
        order = document.get("order", document)
        return [item["traceparent"] for item in order["items"] if item.get("traceparent")]
    except (WireError, KeyError, TypeError, AttributeError):
        return []  # Not an order: the sealer says so with a dead letter.
