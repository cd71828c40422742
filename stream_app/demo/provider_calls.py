"""The only place for the calls of `demo-providers`: what each provider that saw a call sends of it, in order.

Made up by us to the documented shapes. Nobody knows all names of a call: they hold together by what each pair of
payloads shares. Times are minutes before the demo, as they would be.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any, Literal

from stream_app.core.instants import format_instant

Via = Literal["webhook", "record"]


@dataclass(frozen=True)
class Sent:
    """One payload: over HTTP with its provider's signature, or as a record of `provider-records`."""

    provider: str
    via: Via
    document: Any


@dataclass(frozen=True)
class ProviderCall:
    """One call as several providers see it, and what must come of it."""

    name: str
    call_id: str
    sent: tuple[Sent, ...]
    aliases: Mapping[str, str]
    status: Literal["complete", "incomplete"] | None
    """Incomplete where nobody sends a transcript that is stated to be redacted; None: a stranger's, so not known."""
    tools: int
    """Tool calls in its packet, however many reported them."""
    failed_tools: int


class SampleError(Exception):
    """A sample of the given directory cannot be used; the message says which."""


def own_calls(now_ms: int) -> tuple[ProviderCall, ...]:
    """The two calls of the project's own."""
    return _room_behind_a_trunk(now_ms - 240_000), _agent_behind_a_number(now_ms - 180_000)


def sample_calls(directory: Path) -> tuple[ProviderCall, ...]:
    """Calls in files of `events` (`provider`, `payload`) with what is `expected` of them. Raises SampleError."""
    paths = sorted(directory.glob("*.json")) if directory.is_dir() else [directory]
    if not paths:
        raise SampleError(f"no .json files in {directory}")
    return tuple(_sample(path) for path in paths)


def _sample(path: Path) -> ProviderCall:
    try:
        document = json.loads(path.read_text())
        expected = document["expected"]
        sent = tuple(
            Sent(
                "livekit" if one["provider"].startswith("livekit") else one["provider"],
                "webhook" if one["transport"] in ("http-form", "http-json") else "record",
                one["payload"],
            )
            for one in document["events"]
        )
        aliases = {_SCHEMES[kind]: value for _, kind, value in expected["aliases"] if kind in _SCHEMES}
        return ProviderCall(
            path.stem, expected["canonical_call_id"], sent, aliases, None,
            expected["tool_calls"], expected["failed_tool_calls"],
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SampleError(f"{path}: {type(error).__name__}: {error}") from None


_SCHEMES = {
    "call_sid": "twilioCallSid", "room_sid": "livekitRoomSid", "room_name": "livekitRoom", "sip_call_id": "sipCallId",
    "job_id": "livekitJob", "egress_id": "livekitEgress",
}  # fmt: skip


def _room_behind_a_trunk(at_ms: int) -> ProviderCall:
    """A LiveKit room that a Twilio trunk calls: Twilio knows its CallSid, LiveKit the room, the agent its trace."""
    call, room, sid = "demo-room-1", "demo-room-1", "CA" + "d0" * 16
    trace, conversation = "d1" * 16, "demo-room-1"
    end_ms = at_ms + 120_000
    where = {"sid": "RM_demoRoom1", "name": room, "metadata": json.dumps({"canonicalCallId": call})}
    where |= {"creationTimeMs": str(at_ms), "creationTime": str(at_ms // 1000)}
    caller = {
        "sid": "PA_demoCaller1", "identity": "sip_caller", "kind": "SIP", "state": "DISCONNECTED",
        "joinedAtMs": str(at_ms + 1000), "joinedAt": str(at_ms // 1000 + 1), "disconnectReason": "CLIENT_INITIATED",
        "attributes": {"sip.twilio.callSid": sid, "sip.callID": "SCL_demo1", "sip.phoneNumber": "+15005550006"},
    }  # fmt: skip
    spans = _spans(
        trace, at_ms, conversation, call,
        tools=(("lookup_order", "call_d1", None), ("issue_refund", "call_d2", "RuntimeError: gateway answered 502")),
    )  # fmt: skip
    return ProviderCall(
        "a LiveKit room behind a Twilio trunk", call,
        (
            Sent("twilio", "webhook", _status(sid, at_ms, "ringing", 0)),
            Sent("otel", "record", spans),
            Sent("livekit", "webhook", {
                "event": "participant_left", "id": "EV_demo1", "createdAt": str(end_ms // 1000), "room": where,
                "participant": caller,
            }),
            Sent("twilio", "webhook", _status(sid, end_ms, "completed", 2) | {"CallDuration": "119"}),
            Sent("twilio", "webhook", _status(sid, at_ms + 2000, "in-progress", 1)),  # Late, as happens.
            Sent("livekit", "webhook", {
                "event": "room_finished", "id": "EV_demo2", "createdAt": str(end_ms // 1000 + 20), "room": where,
            }),
            Sent("cloudevents", "record", _judgement("demo-judged-1", end_ms + 30_000, call)),
            Sent("cloudevents", "record", _judgement("demo-judged-1", end_ms + 30_000, call)),  # Sent again.
        ),
        {"twilioCallSid": sid, "livekitRoom": room, "livekitRoomSid": "RM_demoRoom1"}, "incomplete",
        tools=2, failed_tools=1,
    )  # fmt: skip


def _agent_behind_a_number(at_ms: int) -> ProviderCall:
    """A Retell agent on a Twilio number: Retell names Twilio's CallSid, and scrubs its transcript."""
    call, retell, sid = "demo-agent-2", "call_demoAgent2", "CA" + "e0" * 16
    end_ms = at_ms + 60_000
    turns = [
        {"role": "agent", "content": "Hello, how can I help?", "words": [{"word": "Hello", "start": 0.4, "end": 0.8}]},
        {"role": "user", "content": "Cancel my order.", "words": [{"word": "Cancel", "start": 3.0, "end": 3.4}]},
    ]  # fmt: skip
    calls = [
        {"role": "tool_call_invocation", "tool_call_id": "t1", "name": "cancel_order", "arguments": '{"order": "W1"}'},
        {"role": "tool_call_result", "tool_call_id": "t1", "successful": False, "content": "Error: order not found"},
    ]  # fmt: skip
    about = {
        "call_id": retell, "call_type": "phone_call", "agent_id": "agent_demo", "agent_version": 4,
        "call_status": "ended", "direction": "inbound", "from_number": "+15005550006", "to_number": "+15005550001",
        "telephony_identifier": {"twilio_call_sid": sid}, "start_timestamp": at_ms, "end_timestamp": end_ms,
        "duration_ms": 60_000, "disconnection_reason": "user_hangup", "metadata": {"canonicalCallId": call},
    }  # fmt: skip
    told = about | {
        "transcript_object": turns, "transcript_with_tool_calls": [turns[0], turns[1], *calls],
        "scrubbed_transcript_with_tool_calls": [turns[0], turns[1], *calls],
    }  # fmt: skip
    analysis = {"call_summary": "A caller wanted to cancel.", "call_successful": False, "user_sentiment": "Negative"}
    trace = "e1" * 16
    return ProviderCall(
        "a Retell agent on a Twilio number", call,
        (
            Sent("twilio", "webhook", _status(sid, end_ms, "completed", 2) | {"CallDuration": "60"}),
            Sent("retell", "webhook", {"event": "call_started", "call": about | {"call_status": "ongoing"}}),
            Sent("retell", "webhook", {"event": "call_ended", "call": told}),
            Sent("retell", "webhook", {"event": "call_analyzed", "call": told | {"call_analysis": analysis}}),
            Sent("cloudevents", "record", _judgement("demo-judged-2", end_ms + 90_000, call)),
            Sent("otel", "record", _spans(trace, at_ms, "demo-agent-2", call, tools=())),
        ),
        {"twilioCallSid": sid, "retellCallId": retell}, "complete", tools=1, failed_tools=1,
    )  # fmt: skip


def _status(sid: str, at_ms: int, status: str, number: int) -> dict[str, str]:
    return {
        "CallSid": sid, "AccountSid": "AC" + "0" * 32, "ApiVersion": "2010-04-01", "Direction": "inbound",
        "From": "+15005550006", "To": "+15005550001", "CallStatus": status, "SequenceNumber": str(number),
        "CallbackSource": "call-progress-events", "Timestamp": formatdate(at_ms / 1000),
    }  # fmt: skip


def _spans(
    trace: str, at_ms: int, conversation: str, call: str, *, tools: tuple[tuple[str, str, str | None], ...]
) -> dict[str, Any]:
    """A whole trace: its root, a model's turn, and tools; one that failed says so by its error type."""

    def span(number: int, name: str, parent: int | None, failed: str | None = None, **attributes: str) -> Any:
        return {
            "traceId": trace, "spanId": f"{number:016x}", "name": name, "kind": 1,
            **({} if parent is None else {"parentSpanId": f"{parent:016x}"}),
            "startTimeUnixNano": str((at_ms + 1000 * number) * 1_000_000),
            "endTimeUnixNano": str((at_ms + 1000 * number + 400) * 1_000_000),
            "attributes": [
                {"key": key.replace("__", "."), "value": {"stringValue": value}} for key, value in attributes.items()
            ],
            "status": {} if failed is None else {"code": 2, "message": failed},
        }  # fmt: skip

    spans = [
        span(1, "conversation", None, gen_ai__conversation__id=conversation),
        span(2, "chat model", 1, gen_ai__operation__name="chat", gen_ai__conversation__id=conversation),
    ]
    for number, (name, id, failed) in enumerate(tools, start=3):
        more = {} if failed is None else {"error__type": failed.partition(":")[0]}
        spans.append(
            span(
                number, f"execute_tool {name}", 2, failed, gen_ai__operation__name="execute_tool",
                gen_ai__tool__name=name, gen_ai__tool__call__id=id, gen_ai__conversation__id=conversation, **more,
            )
        )  # fmt: skip
    return {
        "resourceSpans": [{"resource": _resource(call), "scopeSpans": [{"scope": {"name": "demo"}, "spans": spans}]}]
    }


def _judgement(id: str, at_ms: int, call: str) -> dict[str, Any]:
    """A judgement as a company's own evaluator puts it on a bus: a structured CloudEvent."""
    return {
        "specversion": "1.0", "id": id, "source": "/demo/judge", "type": "com.example.evaluation.completed",
        "time": format_instant(at_ms), "subject": call, "datacontenttype": "application/json",
        "data": {
            "evaluationId": id, "rubric": "task_success", "rubricVersion": "3", "evaluator": "demo-judge",
            "evaluatorVersion": "1.2", "score": 0.0, "label": "failed", "failureLabel": "task_failed",
        },
    }  # fmt: skip


def _resource(call: str) -> dict[str, Any]:
    values = {"service.name": "demo-agent", "service.version": "2026.09.3", "voice.call.id": call}
    return {"attributes": [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]}
