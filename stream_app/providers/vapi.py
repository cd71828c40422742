"""The only place that knows how Vapi speaks: its server messages, from the first ring to the end-of-call report.

Sources: as in `vapi_call`, which reads a message's call; tools, artifacts and judgements have rooms of their own. A
request (tool-calls, transfer-destination-request) is no evidence that anything was done; chats and sessions are no
calls.
"""

from __future__ import annotations

from typing import Any

from stream_app.core.events import CallEnded, Event, Measures
from stream_app.providers import times, vapi_artifacts, vapi_judgements, vapi_tools
from stream_app.providers.adapter import Blob, Delivery, Normalised, Refused
from stream_app.providers.reading import identifier, integer, items, mapping, take, text
from stream_app.providers.vapi_call import Call, agent_id, agent_version, read

CALL_TYPES = ("inboundphonecall", "outboundphonecall", "webcall", "vapi.websocketcall")
STATUSES = ("scheduled", "queued", "ringing", "in-progress", "forwarding", "ended", "not-found", "deletion-failed")
NOTHING_DONE = (
    "assistant-request", "conversation-update", "hang", "handoff-destination-request", "knowledge-base-request",
    "model-output", "phone-call-control", "speech-update", "transcript", "transfer-destination-request",
    "transfer-update", "user-interrupted", "language-change-detected", "language-changed", "voice-input",
    "voice-request", "call.endpointing.request", "call.delete.failed", "metadata",
)  # fmt: skip
"""Messages of a call under way: what they say is in the report too, or is no evidence."""
FAMILIES = ("chat.", "session.", "campaign", "assistant.", "workflow.", "transcript[")
"""Begin of kinds of which none is evidence."""
_REQUESTS = ("tool-calls", "tool-call", "function-call")


def normalize(delivery: Delivery) -> Normalised:
    """Which of Vapi's messages is it?"""
    document = delivery.document
    if not isinstance(document, dict):
        raise Refused("not_readable", "not a JSON object")
    message = mapping(take(document, "message")) or document
    kind = _kind(message)
    if kind is None or kind in CALL_TYPES:
        return _asked_for(delivery, document)
    beside = document if message is not document else {}
    call = read(delivery, message, mapping(take(message, "call")) or mapping(take(beside, "call")), kind)
    if kind == "end-of-call-report":
        return _report(call)
    if kind == "status-update":
        return _status(call)
    if kind in _REQUESTS:
        return _request(call)
    if kind == "call.artifact.upload":
        return _made(call, [], vapi_artifacts.of_upload(call), "every artifact was stored")
    if kind == "call.deleted":
        gone = [vapi_artifacts.never(call, one, "the call was deleted at Vapi") for one in ("transcript", "recording")]
        return Normalised(tuple(gone))
    if kind in NOTHING_DONE or kind.startswith(FAMILIES):
        raise Refused("nothing_to_report", "a message of a call under way, or of none")
    raise Refused("unknown_shape", "type is none of Vapi's server messages")


def _kind(message: dict[str, Any]) -> str | None:
    """`type`; some old tool requests do without."""
    kind = (text(message, "type", limit=128) or "").lower() or None
    if kind is None and vapi_tools.requested(message):
        return "tool-calls"
    return kind


def _asked_for(delivery: Delivery, document: dict[str, Any]) -> Normalised:
    """A call object itself, as GET /call/{id} gives it: how a report that was lost is made good."""
    status = (text(document, "status", limit=64) or "").lower()
    known = status in STATUSES or (text(document, "type", limit=64) or "").lower() in CALL_TYPES
    if identifier(document, "id") is None or not known:
        raise Refused("unknown_shape", "neither a message with its type nor a call object")
    call = read(delivery, document, document, "get-call")
    if status == "ended" or (not status and call.ended_ms is not None):
        return _report(call)
    return call.linked("the call is not over")


def _status(call: Call) -> Normalised:
    """The status of a call changed; that it ended is known here some seconds before the report."""
    if (text(call.message, "status", limit=64) or "").lower() != "ended":
        return call.linked("the call is not over")
    return Normalised((_ended(call, None),))


def _request(call: Call) -> Normalised:
    """The model wants a tool. What came of the tools before it stands in the conversation so far."""
    done = vapi_tools.of_request(call)
    if not done:
        return call.linked("a tool was asked for, which does not say that it did anything")
    return Normalised(tuple(done))


def _report(call: Call) -> Normalised:
    """The call is over, and everything about it is there."""
    tools = vapi_tools.of_call(call)
    known = call.messages is not None or vapi_artifacts.never_connected(call)
    events: list[Event] = [_ended(call, len(tools) if known else None), *tools, *vapi_judgements.of_report(call)]
    return _made(call, events, vapi_artifacts.of_report(call), "nothing")


def _made(call: Call, events: list[Event], more: tuple[list[Any], list[Blob]], otherwise: str) -> Normalised:
    if not events and not more[0]:
        return call.linked(otherwise)
    return Normalised((*events, *more[0]), tuple(more[1]))


def _ended(call: Call, tools: int | None) -> CallEnded:
    """`tools`: how many there were, where the message lists them all."""
    started, ended, lasted = call.started_ms, call.ended_ms, _duration(call)
    if ended is None:
        ended = times.after(started, lasted)
    if started is not None and ended is not None:
        # What is stated beside the times is rounded, or what is billed.
        lasted = ended - started if ended >= started else None
    at_ms = ended if call.said_ms is None and call.ended_ms is None else call.at_ms
    stated = next((ms for ms in (ended, at_ms) if ms is not None), call.delivery.received_ms)
    language = call.setting("transcriber", "language")
    return call.tell(
        CallEnded,
        "ended",
        at_ms=at_ms,
        ended_at=stated,
        started_at=started,
        duration_ms=lasted,
        disconnect_reason=call.ended_reason,
        agent_id=agent_id(call),
        agent_version=agent_version(call),
        language=None if language == "multi" else language,
        channels=vapi_artifacts.channels(call),
        expected_tool_calls=tools,
        tools_final=tools is not None,
        measures=_measures(call),
    )


def _duration(call: Call) -> int | None:
    for name, unit in (("durationMs", 1), ("durationSeconds", 1000), ("durationMinutes", 60_000)):
        for place in (call.message, call.call):
            if (found := times.span_ms(take(place, name), unit_ms=unit)) is not None:
                return found
    return None


def _measures(call: Call) -> Measures:
    """Turn latencies are in ms; the assistant is the one who is interrupted."""
    metrics = next((found for place in call.artifacts if (found := mapping(take(place, "performanceMetrics")))), {})
    spans = (times.span_ms(take(one, "turnLatency"), unit_ms=1) for one in items(take(metrics, "turnLatencies")))
    latencies = sorted(span for span in spans if span is not None)
    p95 = latencies[-(-len(latencies) * 95 // 100) - 1] if latencies else None
    return Measures(p95_response_ms=p95, interruptions=integer(metrics, "numAssistantInterrupted"))
