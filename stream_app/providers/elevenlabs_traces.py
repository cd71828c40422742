"""The only place that knows ElevenLabs' OpenTelemetry form: a conversation as spans instead of a conversation object.

Sources: ElevenLabs' documentation of OpenTelemetry traces, which names the spans but few attributes; further names are
those that receivers of real payloads publish. The spans are put back into a conversation object, so that all else is
read in one place. Spans of live monitoring are no evidence: they are parts, and the whole comes after the call.
"""

from __future__ import annotations

import re
from typing import Any

from stream_app.core.events import TraceCompleted
from stream_app.core.wire import Json
from stream_app.providers import elevenlabs_calls, otlp
from stream_app.providers.adapter import Delivery, Normalised, Refused, event
from stream_app.providers.elevenlabs_calls import Call
from stream_app.providers.otlp import Span
from stream_app.providers.reading import boolean, identifier, number, parsed, take, text

ROOT = "elevenlabs.conversation"
_TOOL = "elevenlabs.tool."
_VARIABLE = "elevenlabs.dynamic_variable."
_CRITERION = "elevenlabs.analysis.evaluation_criteria_results."
_ARGUMENTS = ("arguments", "parameters", "params_as_json", "params", "input")
_RESULTS = ("result", "result_value", "output", "response")
_RESULT = re.compile(r"""['"]result['"]\s*:\s*['"](success|failure|unknown)['"]""")
_SCORE = re.compile(r"""['"](score|max_score)['"]\s*:\s*(\d{1,9}(?:\.\d{1,9})?)""")
_BESIDE = (
    "status", "metadata", "analysis", "has_audio", "user_id", "version_id", "conversation_initiation_client_data",
)  # fmt: skip
_PLACES = {"turn": re.compile(r"elevenlabs\.turn\..*"), "tool": re.compile(r"elevenlabs\.tool\..*")}


def normalize(delivery: Delivery, data: dict[str, Any], said: Json) -> Normalised:
    """What the spans of one conversation say, and that its trace is complete."""
    root, spans = whole_trace(data)
    if root is None and identifier(data, "conversation_id") is None:
        raise Refused("nothing_to_report", "no trace of a whole conversation")
    return with_trace(elevenlabs_calls.read(delivery, conversation_of(data, root, spans), "otel", said), root, spans)


def whole_trace(data: dict[str, Any]) -> tuple[Span | None, list[Span]]:
    """The span of the whole conversation, None where there is none, and all spans of its trace."""
    spans = list(otlp.spans(take(data, "otlp_traces")))
    root = next((span for span in spans if span.name == ROOT and _own(span, "source") != "monitoring"), None)
    return root, [] if root is None else [span for span in spans if span.trace_id == root.trace_id]


def with_trace(call: Call, root: Span | None, spans: list[Span]) -> Normalised:
    """All that a call says, and its trace if that came with it."""
    if root is None or root.trace_id is None:
        return elevenlabs_calls.normalize(call)
    call.names["trace_id"] = root.trace_id
    made = elevenlabs_calls.normalize(call)
    trace = event(
        TraceCompleted, call.delivery, id=f"{call.prefix}:trace", at_ms=root.end_ms or call.ended_ms,
        span_id=root.span_id, key_spans=otlp.key_spans((_key(span.name), span) for span in spans), **call.names,
    )  # fmt: skip
    return Normalised((*made.events, trace), made.blobs)


def conversation_of(data: dict[str, Any], root: Span | None, spans: list[Span]) -> dict[str, Any]:
    """The conversation object these spans were made of, as far as they tell; what stands beside them counts first."""
    values = {} if root is None else {**root.resource, **root.attributes}
    began_ns, began = (None, None) if root is None else (root.start_ns, root.start_ms)
    duration = number(values.get("elevenlabs.session.duration_ms"))
    if duration is None and root is not None:
        duration = root.duration_ms
    transcript: list[dict[str, Any]] = []
    for span in sorted(spans, key=lambda span: (span.start_ns or 0, span.number)):
        turn: dict[str, Any] = {"created_at_unix_ms": span.start_ms}
        if span.start_ns is not None and began_ns is not None:
            turn["time_in_call_secs"] = max(0, span.start_ns - began_ns) / 1e9
        if span.name.startswith(_TOOL):
            call, result = _tool(span)
            transcript.append({**turn, "role": "agent", "tool_calls": [call], "tool_results": [result]})
            continue
        transcript += [
            {**turn, "role": role, "message": said, "interrupted": _own(span, "interrupted")}
            for role in ("user", "agent")
            if isinstance(said := _own(span, f"{role}.text"), str)
        ]
    beside = {name: found for name in _BESIDE if (found := take(data, name)) is not None}
    made = {
        "conversation_id": identifier(data, "conversation_id") or identifier(values.get("elevenlabs.conversation_id")),
        "agent_id": text(data, "agent_id") or text(values.get("elevenlabs.agent_id")),
        "version_id": text(values.get("elevenlabs.version_id")),
        "user_id": values.get("elevenlabs.user_id"),
        "status": text(values.get("elevenlabs.status")),
        "transcript": transcript,
        "metadata": {
            "start_time_unix_secs": None if began is None else began / 1000,
            "call_duration_secs": None if duration is None else duration / 1000,
            "termination_reason": values.get("elevenlabs.termination_reason"),
            "main_language": values.get("elevenlabs.main_language"),
            "phone_call": {
                name: values.get(f"elevenlabs.telephony.{name}")
                for name in ("type", "call_sid", "stream_sid", "call_id")
            },
        },
        "analysis": {
            "call_successful": values.get("elevenlabs.analysis.call_successful"),
            "call_success_score": values.get("elevenlabs.analysis.call_success_score"),
            "evaluation_criteria_results": _criteria(values),
        },
        "conversation_initiation_client_data": {
            "dynamic_variables": {
                name[len(_VARIABLE) :]: value for name, value in values.items() if name.startswith(_VARIABLE)
            }
        },
    }
    return made | beside


def _own(span: Span, name: str) -> Any:
    return span.attributes.get(f"elevenlabs.{name}")


def _key(name: str) -> str:
    """One key for all turns and one for all tools: their names are numbers, or the user's."""
    short = name.removeprefix("elevenlabs.").removeprefix("recv.")
    return next((key for key, place in _PLACES.items() if place.fullmatch(name)), short) or "unnamed"


def _tool(span: Span) -> tuple[dict[str, Any], dict[str, Any]]:
    """A tool's span as a call and its result. Without an ID of the request the span's own stands for it."""
    values = {name[len(_TOOL) :]: value for name, value in span.attributes.items() if name.startswith(_TOOL)}
    own = next((found for name in ("request_id", "call_id", "id") if (found := identifier(values.get(name)))), None)
    request = own or span.span_id or f"span-{span.number}"
    seconds = number(values.get("latency_secs"))
    latency = number(values.get("latency_ms"))
    if seconds is None:
        latency = span.duration_ms if latency is None else latency
        seconds = None if latency is None else latency / 1000
    stated = (text(values.get("status"), limit=32) or "").lower()
    failed = otlp.has_failed(span) or stated in ("error", "failed", "failure", "timeout", "timed_out")
    error = text(values.get("error_type")) or text(span.attributes.get("error.type"))
    call = {
        "request_id": request,
        "tool_name": text(values.get("name")) or span.name[len(_TOOL) :] or "unnamed",
        "params_as_json": next((values[name] for name in _ARGUMENTS if values.get(name) is not None), None),
    }
    result = {
        "request_id": request,
        "result_value": next((values[name] for name in _RESULTS if values.get(name) is not None), None),
        "is_error": failed or boolean(values.get("is_error")) is True,
        "is_blocked": values.get("is_blocked"),
        "error_type": error or (stated if stated in ("timeout", "timed_out") else None),
        "tool_latency_secs": seconds,
    }
    return call, result


def _criteria(values: dict[str, Any]) -> dict[str, Any]:
    """Results by criterion: an attribute each, or one that holds it whole, as JSON or as Python writes it."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if not name.startswith(_CRITERION):
            continue
        criterion, _, field = name[len(_CRITERION) :].rpartition(".")
        if criterion and field in ("result", "score", "max_score", "rationale", "criteria_id", "scoring_mode"):
            known = found.setdefault(criterion, {})
            if isinstance(known, dict):
                known[field] = value
            continue
        whole = parsed(value)
        if isinstance(whole, str) and (match := _RESULT.search(whole)):
            whole = {"result": match[1], **dict(_SCORE.findall(whole))}
        found.setdefault(name[len(_CRITERION) :], whole)
    return found
