"""The only place where what a stage did becomes metrics, spans and trace headers on what it sends."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal

from msgspec.structs import replace

from stream_app.core.orders import SealOrder
from stream_app.core.packet import Packet
from stream_app.core.wire import WireError, read_json
from stream_app.pipeline.join import Ended, Observer
from stream_app.pipeline.ports import Effects, Headers, Incoming, Outgoing
from stream_app.settings import StageName
from stream_app.telemetry import Recorder, Telemetry
from stream_app.telemetry.catalogue import UNKNOWN_TYPE
from stream_app.telemetry.spans import OpenSpan
from stream_app.topics import DEAD_LETTERS, IDENTITY, INTAKE_TOPICS, JOIN_ALERTS, SEAL_ORDERS, SEAL_RETRY

_TYPES = {topic.name for topic in INTAKE_TOPICS}

OpensSpan = Callable[[Headers], AbstractContextManager[OpenSpan]]


def instrumented(
    stage: StageName, telemetry: Telemetry, opens: OpensSpan, handle: Callable[[Incoming], Effects]
) -> Callable[[Incoming], Effects]:
    """`handle` with a span around it, its outcome counted, and its records carrying the trace on."""

    def handled(incoming: Incoming) -> Effects:
        with opens(incoming.headers) as span:
            effects = handle(incoming)
            ending = ending_of(incoming, effects)
            if ending is not None:
                span.set(disposition=ending)
            headers = span.headers()
        if ending == "parked":
            telemetry.recorder.event(_parked_type(incoming), "parked")
        count(telemetry.recorder, stage, effects)
        return carried(effects, headers)

    return handled


def ending_of(incoming: Incoming, effects: Effects) -> Literal["dead_letter", "parked"] | None:
    """How the record's way ended here, where it did; None when it goes on or is no event."""
    if any(send.topic == DEAD_LETTERS.name for send in effects.sends):
        return "dead_letter"
    waits = incoming.topic == IDENTITY.name and not effects.sends and b'"record":"park"' in (incoming.value or b"")
    return "parked" if waits else None


def _parked_type(incoming: Incoming) -> str:
    parked = read_json(incoming.value or b"{}")["event"]["event"]["type"]
    return parked if parked in _TYPES else UNKNOWN_TYPE


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


def count(recorder: Recorder, stage: StageName, effects: Effects) -> None:
    """Count dead letters, alerts and orders from the records that say so: what is counted is what is sent."""
    for send in effects.sends:
        if send.topic == DEAD_LETTERS.name:
            letter = read_json(send.value or b"{}")
            recorder.dead_letter(stage, letter["reason"])
            topic = letter["position"]["topic"]
            recorder.event(topic if topic in _TYPES else UNKNOWN_TYPE, "dead_letter")
        elif send.topic == JOIN_ALERTS.name:
            alert = read_json(send.value or b"{}")
            recorder.join_alert(alert["kind"], alert["state"])
        elif send.topic == SEAL_ORDERS.name:
            recorder.seal_ordered(read_json(send.value or b"{}")["completedBy"])


def join_observer(recorder: Recorder) -> Observer:
    """Counts how each event ended in the join, and how late deadlines fired against this machine's clock."""

    def observe(ended: Mapping[tuple[str, Ended], int], fired: Sequence[SealOrder]) -> None:
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
