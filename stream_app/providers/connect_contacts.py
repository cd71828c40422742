"""The only place that reads Connect's contact events and contact records: that a call ended, how, and who it was.

A contact record is sent again, at least once and whenever something is added to it (the users' own attributes too, so
perhaps a name of the call): what tells its versions apart is `LastUpdateTimestamp`, and each is a report of its own.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from stream_app.core.events import CallEnded, CallQuality, Event, IdentityLinked, Measures
from stream_app.core.wire import Json
from stream_app.providers import artifacts, carriers, times
from stream_app.providers.adapter import Blob, Delivery, Normalised, Refused, event
from stream_app.providers.connect_files import reference_to
from stream_app.providers.connect_names import contact_in, names_of
from stream_app.providers.reading import boolean, first, fold, items, mapping, number, take, text

ENDED = frozenset({"disconnected", "completed"})
UNDER_WAY = frozenset({
    "initiated", "connectedtosystem", "contactdataupdated", "queued", "connectedtoagent", "paused", "resumed",
    "amddisabled", "webrtcapi",
})  # fmt: skip
OTHER_CHANNELS = frozenset({"chat", "task", "email"})


def contact_event(delivery: Delivery) -> Normalised:
    """An event of EventBridge: best effort, unordered, and perhaps twice."""
    document = delivery.document
    detail = mapping(take(document, "detail"))
    kind = fold(text(detail, "eventType") or "")
    contact = contact_in(take(detail, "contactId"))
    if kind not in ENDED and kind not in UNDER_WAY:
        raise Refused("unknown_shape", "eventType is none of Connect's contact events")
    _voice_only(detail)
    names = names_of(delivery, detail, contact, chained=True)
    told = times.iso(take(document, "time")) or times.iso(take(detail, "updatedTimestamp"))
    ended = times.iso(take(detail, "disconnectTimestamp"))
    if kind not in ENDED:
        at = told or times.iso(first(detail, "initiationTimestamp", "enqueueTimestamp"))
        return Normalised((_linked(delivery, names, f"{contact}:{kind}:{at}", at),))
    if contact is None:
        raise Refused("identity_missing", "no contactId")
    at = ended or told
    begins = _begin(detail)
    over = at if at is not None else delivery.received_ms
    return Normalised((
        event(
            CallEnded, delivery, id=f"{contact}:{kind}", at_ms=at, ended_at=over, started_at=begins,
            duration_ms=_between(begins, over), queue=text(take(detail, "queueInfo"), "queueName"),
            agent_version=carriers.agent_version(mapping(take(detail, "Attributes")), mapping(take(detail, "tags"))),
            disconnect_reason=text(first(detail, "disconnectReason", "outboundStrategyDisconnectReason")),
            measures=_measures(detail), **names,
        ),
    ))  # fmt: skip


def contact_record(delivery: Delivery) -> Normalised:
    """A contact record (CTR) of the stream."""
    record = mapping(delivery.document)
    contact = contact_in(take(record, "ContactId"))
    if contact is None:
        raise Refused("identity_missing", "no ContactId")
    _voice_only(record)
    names = names_of(delivery, record, contact, chained=True)
    ended = times.iso(take(record, "DisconnectTimestamp"))
    updated = times.iso(take(record, "LastUpdateTimestamp"))
    version = f"{contact}:record:{updated if updated is not None else _digest(record)}"
    attributes = mapping(take(record, "Attributes"))
    found: list[Event] = []
    if ended is not None:
        begins = _begin(record)
        found.append(
            event(
                CallEnded, delivery, id=version, at_ms=updated or ended, ended_at=ended,
                started_at=begins, duration_ms=_between(begins, ended), queue=text(record, "Queue", "Name"),
                disconnect_reason=text(record, "DisconnectReason"), language=_language(record),
                agent_id=text(first(record, "AiAgentId", "ai_agent_id")) or text(attributes, "agentId"),
                agent_version=carriers.agent_version(attributes, mapping(take(record, "Tags"))),
                measures=_measures(record), **names,
            )
        )  # fmt: skip
    recordings, blobs = _recordings(delivery, record, version, updated or ended, names)
    found += recordings
    if ended is not None and boolean(_analytics(record), "enabled") is False:
        reason = "Contact Lens conversational analytics was switched off for this contact"
        found.append(
            artifacts.never(delivery, "transcript", reason, id=f"{version}:analytics-off", at_ms=ended, **names)
        )
    if not found:
        found.append(_linked(delivery, names, f"{version}:names", updated))
    return Normalised(tuple(found), blobs)


def _recordings(
    delivery: Delivery, record: dict[str, Any], version: str, at: int | None, names: dict[str, Any]
) -> tuple[list[Event], tuple[Blob, ...]]:
    """`Recording`, and `Recordings` where there are several: each of them once."""
    found: dict[str, Event] = {}
    blobs: tuple[Blob, ...] = ()
    for one in [*items(take(record, "Recordings")), take(record, "Recording")]:
        status, kind = fold(text(one, "Status") or ""), fold(text(first(one, "MediaStreamType", "Type")) or "audio")
        if kind != "audio":
            continue
        location = text(one, "Location", limit=2048)
        name = sha256((location or "").encode()).hexdigest()[:16]
        if status == "deleted":
            why = text(one, "DeletionReason", limit=200)
            reason = "the recording was deleted" + (f": {why}" if why else "")
            never = artifacts.never(
                delivery, "recording", reason, id=f"{version}:recording:{name}:deleted", at_ms=at, **names
            )
            found.setdefault(never.event_id, never)
        elif location is not None and status in ("available", ""):
            reference, more = reference_to(delivery, location, media_type="audio/wav")
            ready = artifacts.ready(
                delivery, "recording", reference, id=f"{version}:recording:{name}", at_ms=at, **names
            )
            if ready.event_id not in found:
                found[ready.event_id] = ready
                blobs += more
    return list(found.values()), blobs


def _linked(delivery: Delivery, names: dict[str, Any], id: str, at: int | None) -> IdentityLinked:
    """No evidence, but two names of one call. One contact under both its names links nothing new."""
    known = set(names["aliases"].values()) | {names["canonical_call_id"], names["trace_id"]} - {None}
    if len(known) < 2:
        raise Refused("nothing_to_report", "the call is not over")
    return event(IdentityLinked, delivery, id=id, at_ms=at, **names)


def _voice_only(detail: Json) -> None:
    if fold(text(detail, "channel") or "") in OTHER_CHANNELS:
        raise Refused("nothing_to_report", "a contact that is no voice call")


def _begin(detail: Json) -> int | None:
    return times.iso(take(detail, "connectedToSystemTimestamp")) or times.iso(take(detail, "initiationTimestamp"))


def _between(begin: int | None, end: int) -> int | None:
    return None if begin is None or begin > end else end - begin


def _measures(detail: Json) -> Measures:
    """`QualityMetrics`: the worse side's audio quality, on the scale of 1 to 5."""
    scores = [
        score
        for side in ("Agent", "Customer")
        if (score := number(detail, "QualityMetrics", side, "Audio", "QualityScore")) is not None and 0 < score <= 5
    ]
    return Measures(call_quality=CallQuality(mos=min(scores))) if scores else Measures()


def _analytics(record: Json) -> dict[str, Any]:
    return mapping(take(record, "ContactLens", "ConversationalAnalytics", "Configuration"))


def _language(record: Json) -> str | None:
    return (
        text(first(record, "LanguageCode", "Language"))
        or text(_analytics(record), "LanguageConfiguration", "LanguageLocale")
        or text(_analytics(record), "LanguageLocale")
    )


def _digest(record: dict[str, Any]) -> str:
    """In place of the time of a record that has none: the same record again has the same."""
    return sha256(json.dumps(record, sort_keys=True, default=str).encode()).hexdigest()[:16]
