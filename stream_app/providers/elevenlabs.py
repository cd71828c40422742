"""The only place that knows how ElevenLabs speaks: its post-call webhooks, and what else its settings can switch on.

Sources: ElevenLabs' documentation of post-call webhooks and of OpenTelemetry traces, its SDK (2.78). The documents name
no `type` of the unredacted webhooks nor a body of machine detection: both are read by what they must hold.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from hashlib import sha256
from typing import Any

from stream_app.core.events import CallEnded, Reference
from stream_app.core.wire import Json
from stream_app.providers import artifacts, elevenlabs_calls, elevenlabs_traces, otlp, times
from stream_app.providers.adapter import Blob, Delivery, Normalised, Refused, event
from stream_app.providers.reading import first, identifier, items, mapping, take, text

FAILURE = "call_initiation_failure"
MACHINE_DETECTION = "answering_machine_detection"
NOT_OF_CALLS = (
    "voice_removal_notice", "voice_removal_notice_withdrawn", "voice_removed", "voice_library_removal_notice",
    "speech_to_text", "speech_to_text_transcription", "agent_qa", "flows",
)  # fmt: skip
"""Other webhooks of a workspace."""
_TRANSCRIPT = re.compile(r"(post_call|unredacted).*transcript|transcript.*unredacted")
_AUDIO = re.compile(r"(post_call|unredacted).*audio|audio.*unredacted")
_BLANK = re.compile(r"\s+")


def normalize(delivery: Delivery) -> Normalised:
    """Which of ElevenLabs' payloads is it?"""
    document = delivery.document
    if not isinstance(document, dict):
        raise Refused("not_readable", "not a JSON object")
    if otlp.holds(document):
        return elevenlabs_traces.normalize(delivery, {"otlp_traces": document}, None)
    stated = first(document, "type", "event_type")
    kind = (text(stated, limit=64) or "").lower()
    # Older payloads have no `data` around them.
    inner = take(document, "data")
    data = mapping(inner) if inner is not None else document
    said = first(document, "event_timestamp", "timestamp")
    unredacted = "unredacted" in kind
    if kind == FAILURE:
        return _failure(delivery, data, said)
    if kind == MACHINE_DETECTION:
        return _machine(delivery, data, said)
    if kind in NOT_OF_CALLS:
        raise Refused("nothing_to_report", "a webhook that is not about a call")
    if _AUDIO.search(kind):
        return _audio(delivery, data, said, unredacted=unredacted)
    if kind.endswith("_otel") or (stated is None and not items(take(data, "transcript")) and _has_traces(data)):
        return elevenlabs_traces.normalize(delivery, data, said)
    if _TRANSCRIPT.search(kind) or (stated is None and _is_conversation(data)):
        if not data:
            raise Refused("not_readable", "a transcript webhook without data")
        form = elevenlabs_calls.RAW if unredacted else "transcript" if kind else "conversation"
        call = elevenlabs_calls.read(delivery, data, form, said)
        return elevenlabs_traces.with_trace(call, *elevenlabs_traces.whole_trace(data))
    if stated is None and take(document, "called_number") is not None:
        return _initiation(delivery, document)
    raise Refused("unknown_shape", "type is none of ElevenLabs', and it is no conversation object")


def _is_conversation(data: dict[str, Any]) -> bool:
    return take(data, "conversation_id") is not None and any(
        isinstance(take(data, name), dict | list | str) for name in ("transcript", "metadata", "status", "analysis")
    )


def _has_traces(data: dict[str, Any]) -> bool:
    return otlp.holds(take(data, "otlp_traces"))


def _failure(delivery: Delivery, data: dict[str, Any], said: Json) -> Normalised:
    """The call never came to be: neither transcript nor recording can come."""
    body = mapping(take(data, "metadata", "body"))
    call = elevenlabs_calls.read(delivery, data, "failure", said)
    aliases = call.names["aliases"]
    aliases |= elevenlabs_calls.phone_names(text(data, "metadata", "type"), first(body, "CallSid", "call_sid"))
    names = call.names
    ended = times.rfc2822(take(body, "Timestamp")) or call.said_ms
    reason = (
        text(data, "failure_reason") or text(body, "CallStatus") or text(body, "sip_status") or "call initiation failed"
    )
    without = f"the call was never connected: {reason}"[:512]
    return Normalised((
        event(
            CallEnded, delivery, id=f"{call.prefix}:ended", at_ms=ended, disconnect_reason=reason,
            ended_at=delivery.received_ms if ended is None else ended, agent_id=text(data, "agent_id"),
            agent_version=text(data, "version_id"), expected_tool_calls=0, tools_final=True,
            duration_ms=times.span_ms(take(body, "CallDuration"), unit_ms=1000), **names,
        ),
        artifacts.never(delivery, "transcript", without, id=f"{call.prefix}:transcript", at_ms=ended, **names),
        artifacts.never(delivery, "recording", without, id=f"{call.prefix}:audio", at_ms=ended, **names),
    ))  # fmt: skip


def _machine(delivery: Delivery, data: dict[str, Any], said: Json) -> Normalised:
    """Whether a machine answered is no evidence of what the agent did; that the carrier's name stands there helps."""
    call = elevenlabs_calls.read(delivery, data, "machine", said)
    body = mapping(take(data, "metadata", "body"))
    sid = first(body, "CallSid", "call_sid") or first(data, "call_sid", "CallSid")
    call.names["aliases"].update(elevenlabs_calls.phone_names(text(data, "metadata", "type"), sid))
    return elevenlabs_calls.linked(call, "whether a machine answered says nothing about the call's evidence")


def _initiation(delivery: Delivery, document: dict[str, Any]) -> Normalised:
    """The question for a call's variables, before it begins."""
    call = elevenlabs_calls.read(delivery, document, "initiation", None)
    call.names["aliases"].update(elevenlabs_calls.phone_names(None, take(document, "call_sid")))
    return elevenlabs_calls.linked(call, "the call has not begun")


def _audio(delivery: Delivery, data: dict[str, Any], said: Json, *, unredacted: bool) -> Normalised:
    """The recording itself, inline: an MP3 of the whole call."""
    encoded = first(data, "full_audio", "audio_base64", "audio")
    if not isinstance(encoded, str):
        raise Refused("invalid_value", "no full_audio")
    try:
        content = b64decode(_BLANK.sub("", encoded), validate=True)
    except (binascii.Error, ValueError):
        raise Refused("invalid_value", "full_audio is not base64") from None
    if not content:
        raise Refused("invalid_value", "full_audio is empty")
    blob = Blob("audio/mpeg", content=content)
    reference = Reference(
        uri=blob.uri, sha256=sha256(content).hexdigest(), media_type=blob.media_type, size_bytes=len(content),
        redaction_state="unredacted" if unredacted else "unknown", producer="elevenlabs",
    )  # fmt: skip
    call = elevenlabs_calls.read(delivery, data, "audio", said)
    # Of two recordings of one moment the one with the larger ID speaks.
    kind = "raw-recording" if unredacted else "recording"
    id = f"{identifier(data, 'conversation_id')}:{kind}:{call.stamp}"
    ready = artifacts.ready(delivery, "recording", reference, id=id, at_ms=call.said_ms, **call.names)
    return Normalised((ready,), (blob,))
