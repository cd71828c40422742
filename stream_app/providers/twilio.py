"""The only place that knows how Twilio speaks: its callbacks of calls and recordings, Intelligence, Event Streams.

Sources: Twilio's documentation of each callback, and its SDK's resources (9.13). Forms are objects of text here. Twilio
names no tools and no agent version; a canonical ID rides in SIP headers, in the callback's query, or in `customer_key`.
"""

from __future__ import annotations

from typing import Any

from stream_app.core.events import CallEnded, EvaluationCompleted, Event, IdentityLinked
from stream_app.providers import artifacts, carriers, times
from stream_app.providers.adapter import Delivery, Normalised, Refused, event
from stream_app.providers.reading import first, fold, identifier, integer, items, mapping, number, parsed, take, text

ENDED = ("completed", "busy", "failed", "no-answer", "canceled")
"""`CallStatus` of a call that is over, one way or another."""
UNDER_WAY = ("queued", "initiated", "ringing", "in-progress", "answered")
RECORDING_NEVER = ("absent", "failed", "deleted")
RECORDING_LATER = ("in-progress", "paused", "stopped", "processing")


def normalize(delivery: Delivery) -> Normalised:
    """Which of Twilio's payloads is it?"""
    document = delivery.document
    if not isinstance(document, dict):
        raise Refused("not_readable", "neither a form nor a JSON object")
    if take(document, "specversion") is not None:
        return _event_stream(delivery)
    if take(document, "RecordingSid") is not None or take(document, "RecordingStatus") is not None:
        return _recording(delivery)
    if take(document, "TranscriptionEvent") is not None:
        return _transcription(delivery)
    if take(document, "operatorResults") is not None:
        return _operator_results(delivery)
    if take(document, "event_type") is not None and take(document, "transcript_sid") is not None:
        return _intelligence(delivery)
    if take(document, "CallStatus") is not None:
        return _status(delivery)
    raise Refused("unknown_shape", "none of Twilio's callbacks: no CallStatus, RecordingSid, TranscriptionEvent, …")


def _names(delivery: Delivery, document: dict[str, Any]) -> dict[str, Any]:
    """Who the call is: `canonical_call_id`, `aliases` and `trace_id` of its events."""
    sip = {key[len("SipHeader_") :]: value for key, value in document.items() if key.startswith("SipHeader_")}
    aliases: dict[str, str] = {}
    for scheme, found in (
        ("twilioCallSid", first(document, "CallSid", "call_sid")),
        ("twilioParentCallSid", take(document, "ParentCallSid")),
        ("sipCallId", first(document, "SipCallId", "SipHeader_X-Call-ID")),
    ):
        if (name := identifier(found)) is not None:
            aliases[scheme] = name
    return {
        "canonical_call_id": carriers.call_id(delivery.query, sip, document),
        "aliases": aliases,
        "trace_id": carriers.trace_id(delivery.query, sip),
    }


def _time(document: dict[str, Any]) -> int | None:
    """`Timestamp`: RFC 2822 in callbacks, ISO 8601 in transcriptions, Unix seconds where others pass them on."""
    stated = take(document, "Timestamp")
    return times.rfc2822(stated) or times.iso(stated) or times.seconds(stated)


def _status(delivery: Delivery) -> Normalised:
    """A status callback: the end of a call, or at least which names it has."""
    document = delivery.document
    status = (text(document, "CallStatus") or "").lower()
    names = _names(delivery, document)
    call, at = names["aliases"].get("twilioCallSid"), _time(document)
    if status in UNDER_WAY:
        return _link(delivery, names, f"{call}:{status}", at, "the call is not over")
    if status not in ENDED:
        raise Refused("unknown_shape", "CallStatus is none of Twilio's")
    if call is None:
        raise Refused("identity_missing", "no CallSid")
    duration = times.span_ms(take(document, "CallDuration"), unit_ms=1000)
    ended = delivery.received_ms if at is None else at
    started = None if duration is None or duration > ended else ended - duration
    return Normalised((
        event(
            CallEnded, delivery, id=f"{call}:ended", at_ms=at, ended_at=ended, duration_ms=duration,
            started_at=started, disconnect_reason=status,
            agent_version=carriers.agent_version(delivery.query, document), **names,
        ),
    ))  # fmt: skip


def _link(delivery: Delivery, names: dict[str, Any], id: str, at: int | None, otherwise: str) -> Normalised:
    """No evidence, but two names of one call."""
    known = len(names["aliases"]) + (names["canonical_call_id"] is not None) + (names["trace_id"] is not None)
    if known < 2:
        raise Refused("nothing_to_report", otherwise)
    return Normalised((event(IdentityLinked, delivery, id=id, at_ms=at, **names),))


def _recording(delivery: Delivery) -> Normalised:
    document = delivery.document
    status = (text(document, "RecordingStatus") or "completed").lower()
    names = _names(delivery, document)
    sid = identifier(document, "RecordingSid") or names["aliases"].get("twilioCallSid")
    started = times.rfc2822(take(document, "RecordingStartTime"))
    length = times.span_ms(take(document, "RecordingDuration"), unit_ms=1000)
    at = _time(document) or (None if started is None else started + (length or 0))
    if status in RECORDING_LATER:
        return _link(delivery, names, f"{sid}:{status}", at, "the recording is not ready")
    if status in RECORDING_NEVER:
        code = text(document, "ErrorCode", limit=32)
        reason = f"recording {status}" + (f" (Twilio error {code})" if code not in (None, "0") else "")
        return Normalised((artifacts.never(delivery, "recording", reason, id=f"{sid}:{status}", at_ms=at, **names),))
    link = text(document, "RecordingUrl", limit=2048)
    if status != "completed" or link is None:
        raise Refused(
            "unknown_shape", "a recording that is neither completed with its URL nor absent, failed or deleted"
        )
    channels = integer(document, "RecordingChannels")
    reference, blobs = artifacts.at_link(
        delivery, link, media_type="audio/wav", producer=_producer(document), duration_ms=length,
        channels=channels if channels in (1, 2) else None,
    )  # fmt: skip
    ready = artifacts.ready(delivery, "recording", reference, id=f"{sid}:completed", at_ms=at, **names)
    return Normalised((ready,), blobs)


def _producer(document: dict[str, Any]) -> str:
    """Which side is on which channel depends on what recorded, so it is said and nothing is assumed."""
    recorder = text(document, "RecordingSource", limit=64)
    return "twilio" if recorder is None else f"twilio/{recorder}"


def _transcription(delivery: Delivery) -> Normalised:
    """Live transcription comes utterance by utterance, which is no transcript: only its failure says something."""
    document = delivery.document
    names, at = _names(delivery, document), _time(document)
    kind, sid = text(document, "TranscriptionEvent") or "", identifier(document, "TranscriptionSid")
    if kind == "transcription-error":
        code = text(document, "TranscriptionErrorCode", limit=32) or "not stated"
        reason = f"live transcription failed (Twilio error {code})"
        return Normalised((artifacts.never(delivery, "log", reason, id=f"{sid}:error", at_ms=at, **names),))
    if kind not in ("transcription-started", "transcription-content", "transcription-stopped"):
        raise Refused("unknown_shape", "TranscriptionEvent is none of Twilio's")
    sequence = text(document, "SequenceId", limit=32)
    return _link(delivery, names, f"{sid}:{kind}:{sequence}", at, "an utterance is not a transcript")


def _intelligence(delivery: Delivery) -> Normalised:
    """Intelligence v2 says only that a transcript can be asked for by its SID; `customer_key` is the user's own."""
    document = delivery.document
    if text(document, "event_type") != "voice_intelligence_transcript_available":
        raise Refused("unknown_shape", "event_type is none of Twilio Intelligence's")
    sid = identifier(document, "transcript_sid")
    key = identifier(document, "customer_key")
    names = _names(delivery, document)
    canonical = names["canonical_call_id"] or key
    aliases = {**names["aliases"], **({} if sid is None else {"twilioTranscriptSid": sid})}
    if canonical is None and len(aliases) < 2:
        raise Refused("identity_missing", "no customer_key: only Twilio knows which call this transcript is of")
    reference, blobs = artifacts.at_link(
        delivery, f"https://intelligence.twilio.com/v2/Transcripts/{sid}/Sentences", media_type="application/json",
        producer="twilio/intelligence",
    )  # fmt: skip
    names |= {"canonical_call_id": canonical, "aliases": aliases}
    return Normalised(
        (artifacts.ready(delivery, "transcript", reference, id=f"{sid}:available", at_ms=None, **names),), blobs
    )


def _operator_results(delivery: Delivery) -> Normalised:
    """Intelligence v3: each operator's result is a judgement, with the versions of operator and configuration."""
    document = delivery.document
    conversation = identifier(document, "conversationId")
    configuration = take(document, "intelligenceConfiguration")
    at = times.iso(first(document, "dateCreated", "timestamp"))
    events: list[Event] = []
    for number_, result in enumerate(items(take(document, "operatorResults"))):
        operator = identifier(result, "operator", "id") or text(result, "operator", "friendlyName") or "unnamed"
        names = _names(delivery, mapping(document))
        if conversation is not None:
            names["aliases"]["twilioConversation"] = conversation
        for reference in items(take(result, "referenceIds")):
            if isinstance(reference, str) and reference.startswith("CA"):
                names["aliases"].setdefault("twilioCallSid", reference)
        label, score = _judged(parsed(take(result, "result")))
        own = identifier(result, "id") or f"{conversation}:{operator}:{number_}"
        events.append(event(
            EvaluationCompleted, delivery, id=f"{own}:result", at_ms=times.iso(take(result, "dateCreated")) or at,
            evaluation_id=own, rubric=text(result, "operator", "friendlyName") or operator,
            rubric_version=text(configuration, "version"), evaluator=f"twilio/{operator}"[:256],
            evaluator_version=text(result, "operator", "version"), score=score, label=label, **names,
        ))  # fmt: skip
    if not events:
        raise Refused("nothing_to_report", "no operator gave a result")
    return Normalised(tuple(events))


def _judged(result: Any) -> tuple[str | None, float | None]:
    """(label, score) of a classification; what an operator extracts or writes is content and stays away."""
    if isinstance(result, dict):
        score = number(first(result, "score", "probability", "confidence"))
        return text(first(result, "label", "classification", "category"), limit=128), None if score is None else float(
            score
        )
    return None, None


def _event_stream(delivery: Delivery) -> Normalised:
    """Event Streams: a CloudEvent around the parameters of the callback that was made, if one was."""
    document = delivery.document
    data = mapping(take(document, "data"))
    parameters = mapping(take(data, "request", "parameters"))
    sid = identifier(first(data, "CallSid", "sid", "call_sid"))
    kind = text(document, "type") or ""
    inner = {"CallSid": sid, **parameters} if sid is not None and sid.startswith("CA") else dict(parameters)
    status = kind.rpartition(".")[2]
    if fold(status) in {fold(one) for one in ENDED} and ".call." in kind:
        inner.setdefault("CallStatus", status)
    if take(inner, "Timestamp") is None:
        inner["Timestamp"] = take(data, "timestamp")
    if not any(take(inner, name) is not None for name in ("CallStatus", "RecordingSid", "TranscriptionEvent")):
        raise Refused("nothing_to_report", "an event that is neither of a call's status nor of a recording")
    return normalize(Delivery(inner, delivery.source, delivery.received_ms, delivery.query))
