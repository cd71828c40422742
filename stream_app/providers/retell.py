"""The only place that knows how Retell speaks: its webhooks, the call object itself, and requests to custom functions.

Sources: as in `retell_call`. `call_ended` and `call_analyzed` hold the same call object, the latter with its analysis;
either may come first, and either may be lost: each is read whole. Summaries and extracted data are content.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stream_app.core.events import (
    ArtifactKind,
    ArtifactReady,
    Assertion,
    CallEnded,
    EvaluationCompleted,
    Event,
    IdentityLinked,
    Measures,
    RedactionState,
)
from stream_app.providers import artifacts, carriers, judged_words, times
from stream_app.providers.adapter import Blob, Delivery, Normalised, Refused, event, staged_transcript
from stream_app.providers.reading import boolean, fold, mapping, take, text
from stream_app.providers.restated import fitting, told
from stream_app.providers.retell_call import Call, free_fields, lists_tools, read, spoken, tools
from stream_app.providers.turns import document_of

ENDED = ("call_ended", "call_analyzed")
UNDER_WAY = (
    "call_started", "transcript_updated",
    "transfer_started", "transfer_bridged", "transfer_cancelled", "transfer_ended",
)  # fmt: skip
"""A transcript that is not final is none, and where a call was moved to is a phone number."""
NOT_OF_CALLS = ("chat_started", "chat_ended", "chat_analyzed", "call_inbound", "chat_inbound")
OVER = ("ended", "error", "not_connected")
"""`call_status` of a call that is over."""
NEVER_CONNECTED = (
    "dial_busy", "dial_failed", "dial_no_answer", "invalid_destination", "telephony_provider_permission_denied",
    "telephony_provider_unavailable", "sip_routing_error", "concurrency_limit_reached", "no_concurrency_fallback",
    "no_valid_payment", "user_declined", "marked_as_spam", "registered_call_timeout", "error_user_not_joined",
)  # fmt: skip
"""Reasons for which a call ends that nobody answered."""
_MAX_LINK = 8192


def normalize(delivery: Delivery) -> Normalised:
    """Which of Retell's payloads is it?"""
    document = delivery.document
    if not isinstance(document, dict):
        raise Refused("not_readable", "not a JSON object")
    kind = (text(document, "event", limit=64) or text(document, "event_type", limit=64) or "").lower()
    inner = mapping(take(document, "call")) or mapping(take(document, "data"))
    if kind in ENDED:
        return _over(read(delivery, inner or document, kind))
    if kind in UNDER_WAY:
        return _linked(read(delivery, inner or document, kind), "the call is not over")
    if kind in NOT_OF_CALLS:
        raise Refused("nothing_to_report", "a chat, or a call that is yet to be taken")
    if kind:
        raise Refused("unknown_shape", "event is none of Retell's")
    if inner and (take(document, "name") is not None or take(document, "args") is not None):
        return _function(read(delivery, inner, "custom-function"))
    if take(document, "call_id") is not None and any(
        take(document, name) is not None for name in ("call_status", "call_type", "agent_id")
    ):
        return _asked_for(read(delivery, document, "get-call"))
    raise Refused("unknown_shape", "neither a webhook with its event nor a call object")


def _asked_for(call: Call) -> Normalised:
    """A call object itself, as GET /v2/get-call gives it."""
    status = (text(call.data, "call_status", limit=64) or "").lower()
    if status in OVER or times.millis(take(call.data, "end_timestamp")) is not None:
        return _over(call)
    return _linked(call, "the call is not over")


def _function(call: Call) -> Normalised:
    """A request to a custom function: it is not answered yet, but those before it are."""
    done = tools(call, finished=False)
    if not done:
        return _linked(call, "a function was asked for, which does not say that it did anything")
    return Normalised(tuple(done))


def _linked(call: Call, otherwise: str) -> Normalised:
    """No evidence, but two names of one call. Every webhook says so: it happened once, when the call began."""
    known = len(call.names["aliases"]) + sum(call.names[one] is not None for one in ("canonical_call_id", "trace_id"))
    if known < 2:
        raise Refused("nothing_to_report", otherwise)
    id = f"{call.name}:names"
    return Normalised((told(event(IdentityLinked, call.delivery, id=id, at_ms=call.started_ms, **call.names)),))


def _over(call: Call) -> Normalised:
    """The call is over; whatever the object holds of it."""
    made = tools(call, finished=True)
    never = _never_connected(call)
    count = len(made) if lists_tools(call) or never else None
    events: list[Event] = [_ended(call, count), *made, *_judgements(call)]
    blobs: list[Blob] = []
    for kind, found in (("transcript", _transcript(call)), ("recording", _recording(call))):
        artifact: ArtifactKind = "transcript" if kind == "transcript" else "recording"
        if call.stores_nothing:
            events.append(_never(call, artifact, "content is not stored (data_storage_setting: basic_attributes_only)"))
        elif found is not None:
            events.append(found[0])
            blobs += found[1]
        elif never:
            reason = f"the call was never connected: {call.ended_reason or 'no reason given'}"
            events.append(_never(call, artifact, reason))
        elif artifact == "transcript" and _silent(call):
            events.append(_never(call, artifact, "nothing was said in the call"))
    if not call.stores_nothing and (log := _at_link(call, "log", "public_log_url", None, "unknown")) is not None:
        events.append(log[0])
        blobs += log[1]
    return Normalised(tuple(events), tuple(blobs))


def _ended(call: Call, count: int | None) -> CallEnded:
    """`count`: how many tool calls there were, where the payload lists them."""
    ended = call.delivery.received_ms if call.at_ms is None else call.at_ms
    places = free_fields(call.delivery, call.data)
    return call.tell(
        CallEnded,
        "ended",
        at_ms=call.at_ms,
        ended_at=ended,
        started_at=call.started_ms,
        duration_ms=call.duration_ms,
        disconnect_reason=call.ended_reason,
        agent_id=text(call.data, "agent_id"),
        agent_version=carriers.agent_version(*places) or text(call.data, "agent_version"),
        channels=2 if _link(call, "scrubbed_recording_multi_channel_url", "recording_multi_channel_url") else None,
        expected_tool_calls=count,
        tools_final=count is not None,
        measures=Measures(p95_response_ms=times.span_ms(take(call.data, "latency", "e2e", "p95"), unit_ms=1)),
    )


def _never_connected(call: Call) -> bool:
    status = (text(call.data, "call_status", limit=64) or "").lower()
    return status == "not_connected" or (call.ended_reason in NEVER_CONNECTED and not spoken(call)[0])


def _silent(call: Call) -> bool:
    """Whether there is a transcript with nothing in it; where only scrubbed ones are kept, it may not be made yet."""
    if fold(text(call.data, "data_storage_setting", limit=64) or "") == "everythingexceptpii":
        return False
    written = take(call.data, "transcript")
    return written == "" or (written is None and lists_tools(call))


def _judgements(call: Call) -> Iterator[EvaluationCompleted]:
    """Success, sentiment, voicemail; `custom_analysis_data` and the summary are content."""
    analysis = mapping(take(call.data, "call_analysis"))
    successful = boolean(analysis, "call_successful")
    if successful is not None:
        yield _judgement(call, "call_successful", "success" if successful else "failure", successful)
    if (sentiment := judged_words.label(take(analysis, "user_sentiment"), any_word=True)) is not None:
        yield _judgement(call, "user_sentiment", sentiment, None)
    voicemail = boolean(analysis, "in_voicemail")
    if voicemail is not None:
        yield _judgement(call, "in_voicemail", "voicemail" if voicemail else "no_voicemail", None)


def _judgement(call: Call, rubric: str, label: str, passed: bool | None) -> EvaluationCompleted:
    return call.tell(
        EvaluationCompleted,
        f"evaluation:{rubric}",
        at_ms=call.at_ms,
        evaluation_id=fitting(f"{call.name}:{rubric}"),
        test_run_id=call.names["aliases"].get("testRunId"),
        rubric=rubric,
        evaluator="retell/call_analysis",
        label=label,
        assertions=() if passed is None else (Assertion(name=rubric, passed=passed),),
    )


Found = tuple[ArtifactReady, tuple[Blob, ...]]


def _transcript(call: Call) -> Found | None:
    turns, redacted = spoken(call)
    if not turns:
        return None
    reference, blob = staged_transcript(document_of(turns), redacted=redacted)
    return _ready(call, "transcript", reference, redacted), (blob,)


def _recording(call: Call) -> Found | None:
    """The best recording: one without personal data, then one with a channel for each side."""
    states: tuple[tuple[str, RedactionState], ...] = (("scrubbed_", "redacted"), ("", "unredacted"))
    for prefix, state in states:
        for name, channels in ((f"{prefix}recording_multi_channel_url", 2), (f"{prefix}recording_url", None)):
            if (found := _at_link(call, "recording", name, channels, state)) is not None:
                return found
    return None


def _at_link(
    call: Call, artifact: ArtifactKind, name: str, channels: int | None, state: RedactionState
) -> Found | None:
    link = _link(call, name)
    if link is None:
        return None
    media_type = "audio/wav" if link.partition("?")[0].lower().endswith(".wav") else None
    try:
        reference, blobs = artifacts.at_link(
            call.delivery, link, media_type=media_type, redaction_state=state, channels=channels, producer="retell",
            expiring=boolean(call.data, "opt_in_signed_url") is True,
        )  # fmt: skip
    except Refused:
        return None  # A broken link is no reason to lose what else the payload says.
    return _ready(call, artifact, reference, state == "redacted"), blobs


def _link(call: Call, *names: str) -> str | None:
    for name in names:
        value = take(call.data, name)
        if isinstance(value, str) and "://" in value and len(value) <= _MAX_LINK:
            return value
    return None


def _ready(call: Call, artifact: ArtifactKind, reference: Any, redacted: bool) -> ArtifactReady:
    # Of two reports of one moment the one with the larger ID speaks: what was scrubbed later must.
    id = f"{call.name}:{artifact}:{'2-redacted' if redacted else '1-raw'}:{call.kind}"
    return told(artifacts.ready(call.delivery, artifact, reference, id=id, at_ms=call.at_ms, **call.names))


def _never(call: Call, artifact: ArtifactKind, reason: str) -> ArtifactReady:
    id = f"{call.name}:{artifact}:never:{call.kind}"
    return told(artifacts.never(call.delivery, artifact, reason[:512], id=id, at_ms=call.at_ms, **call.names))
