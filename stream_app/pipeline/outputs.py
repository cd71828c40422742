"""The only place where stages put their public records in the CloudEvents envelope: packets, alerts, dead letters."""

from __future__ import annotations

from typing import Literal

from stream_app.core import cloud_events
from stream_app.core.concealment import UNKEYED, Concealer
from stream_app.core.dead_letters import DeadLetter, DeadLetterReason
from stream_app.core.evidence import Position
from stream_app.core.orders import JoinAlert
from stream_app.pipeline.ports import Incoming, Outgoing
from stream_app.topics import DEAD_LETTERS, JOIN_ALERTS

Stage = Literal["intake", "identity", "join", "seal", "ledger", "review"]


def public(
    topic: str, stage: Stage, *, key: bytes | None, value: bytes, event_id: str, subject: str, time_ms: int
) -> Outgoing:
    """A record in CloudEvents binary mode; the same record again has the same `ce_id`."""
    headers = cloud_events.headers(
        type=cloud_events.event_type(topic),
        source=f"{cloud_events.SOURCE}/{stage}",
        id=event_id,
        subject=subject,
        time_ms=time_ms,
        schema=cloud_events.schema_uri(topic),
    )
    return Outgoing(topic, key, value, headers)


def alert(one: JoinAlert, stage: Stage, key: str) -> Outgoing:
    """An alert, keyed by what it is about."""
    return public(
        JOIN_ALERTS.name,
        stage,
        key=key.encode(),
        value=one.to_bytes(),
        event_id=f"{one.alert_id}/{one.state}",
        subject=key,
        time_ms=one.raised_at,
    )


def position_of(incoming: Incoming) -> Position:
    """Where the record stood."""
    return Position(topic=incoming.topic, partition=incoming.partition, offset=incoming.offset)


def dead_letter(
    incoming: Incoming,
    stage: Stage,
    reason: DeadLetterReason,
    detail: str,
    *,
    position: Position | None = None,
    received_at: int | None = None,
    value: bytes | None = None,
    concealer: Concealer = UNKEYED,
) -> Outgoing:
    """The record as a dead letter, under its own key; an inner stage may name the input record it stems from.

    Where the original is concealed, so is its key: a digest stands for it, by which equal keys stay together.
    """
    letter = DeadLetter.of(
        reason=reason,
        detail=detail,
        stage=stage,
        position=position or position_of(incoming),
        received_at=incoming.timestamp_ms if received_at is None else received_at,
        key=incoming.key,
        value=incoming.value if value is None else value,
        headers=incoming.headers,
        concealer=concealer,
    )
    key = incoming.key
    if key is not None and letter.concealed is not None:
        key = concealer.fingerprint(key)[:32].encode()
    return public(
        DEAD_LETTERS.name,
        stage,
        key=key,
        value=letter.to_bytes(),
        event_id=f"{letter.position.key()}/{stage}/{reason}",
        subject=letter.position.key(),
        time_ms=letter.received_at,
    )
