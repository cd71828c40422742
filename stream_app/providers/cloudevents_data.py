"""The only place for the names that free-form data give to the fields of our events.

Of every event only our own fields are taken, under our names or the usual ones. Times are RFC 3339 text, or ms where
the name says so (`endedAtMs`): a bare number could be in any unit, and is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from stream_app.core.events import (
    ArtifactReady,
    Assertion,
    CallEnded,
    CallQuality,
    CallReported,
    EvaluationCompleted,
    Event,
    IdentityLinked,
    KeySpan,
    Measures,
    RedactionState,
    SelectionRequested,
    SideEffect,
    ToolCall,
    TraceCompleted,
    Trigger,
)
from stream_app.core.wire import Json
from stream_app.providers import artifacts, carriers, times
from stream_app.providers.adapter import Blob, Delivery, Refused, staged_transcript
from stream_app.providers.cloudevents_types import Kind
from stream_app.providers.privacy import bare_link
from stream_app.providers.reading import boolean, first, identifier, integer, items, mapping, number, parsed, take, text
from stream_app.providers.tool_results import means_failure

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SEVERITIES: tuple[Literal["low", "medium", "high", "critical"], ...] = ("low", "medium", "high", "critical")
_STATUSES = {
    "succeeded": "succeeded", "success": "succeeded", "ok": "succeeded", "completed": "succeeded", "done": "succeeded",
    "failed": "failed", "failure": "failed", "error": "failed", "cancelled": "failed", "canceled": "failed",
    "timed_out": "timed_out", "timeout": "timed_out", "timedout": "timed_out", "invalid_result": "invalid_result",
}  # fmt: skip


@dataclass(slots=True)
class Made:
    """Data on the way to an event: `fields` are those of the model, without names and time."""

    delivery: Delivery
    data: dict[str, Any]
    kind: Kind
    id: str
    at_ms: int | None
    model: type[Event] = IdentityLinked
    fields: dict[str, Any] = field(default_factory=dict)
    blobs: tuple[Blob, ...] = ()


def _moment(data: Json, *names: str) -> int | None:
    for name in names:
        found = times.iso(take(data, name)) or times.millis(take(data, f"{name}Ms"))
        if found is not None:
            return found
    return None


def _length(data: Json, name: str) -> int | None:
    found = integer(data, f"{name}Ms")
    if found is not None:
        return found
    seconds = first(data, f"{name}Seconds", f"{name}Secs", f"{name}Sec")
    return times.span_ms(seconds, unit_ms=1000)


def _call_ended(made: Made) -> Made:
    data = made.data
    ended = _moment(data, "ended_at", "end_time", "end_timestamp", "ended", "disconnected_at")
    made.at_ms = _moment(data, "occurred_at") or made.at_ms or ended
    started, length = _moment(data, "started_at", "start_time", "start_timestamp", "started"), _length(data, "duration")
    ended = ended if ended is not None else made.at_ms
    measures = take(data, "measures")
    quality = first(measures, "call_quality") or take(data, "call_quality")
    shares = {name: _share(measures, name) for name in ("min_asr_confidence", "min_intent_confidence")}
    counts = {name: integer(measures, name) for name in ("max_silence_ms", "p95_response_ms", "interruptions")}
    channels = integer(data, "channels")
    made.model = CallEnded
    made.fields = {
        **{name: text(data, name) for name in ("account_ref", "queue", "language", "cohort", "region")},
        "agent_id": text(data, "agent_id"),
        "agent_version": carriers.agent_version(data),
        "workflow_agent": boolean(data, "workflow_agent") is True,
        "ended_at": made.delivery.received_ms if ended is None else ended,
        "started_at": started,
        "duration_ms": length if length is not None or started is None or ended is None else max(0, ended - started),
        "disconnect_reason": text(
            first(data, "disconnect_reason", "reason", "end_reason", "ended_reason", "hangup_cause")
        ),
        "channels": channels if channels is not None and channels <= 64 else None,
        "expected_tool_calls": integer(data, "expected_tool_calls"),
        "tools_final": boolean(data, "tools_final") is True,
        "measures": Measures(
            **shares, **counts,
            call_quality=CallQuality(**{n: number(quality, n) for n in ("mos", "packet_loss_pct", "jitter_ms")})
            if isinstance(quality, dict) else None,
        ),
        "transcript": _reference(made, take(data, "transcript"), "transcript_url", "transcript_uri")
        or _inline(made, take(data, "transcript")),
        "recording": _reference(made, take(data, "recording"), "recording_url", "recording_uri"),
    }  # fmt: skip
    return made


def _share(document: Json, name: str) -> float | None:
    found = number(document, name)
    return float(found) if found is not None and 0 <= found <= 1 else None


def _reference(made: Made, value: Json, *links: str) -> Any:
    """An artifact's address and what is said of it: an object, a bare link, or a link beside the other data."""
    link = text(first(value, "uri", "url", "location", "href") if isinstance(value, dict) else value, limit=2048)
    if (link is None or bare_link(link) is None) and links:
        link = text(first(made.data, *links), limit=2048)
    if link is None or bare_link(link) is None:
        return None
    digest = (text(value, "sha256") or "").lower() if isinstance(value, dict) else ""
    channels = integer(value, "channels")
    reference, blobs = artifacts.at_link(
        made.delivery, link, media_type=text(first(value, "media_type", "content_type", "mime_type")),
        redaction_state=_redaction(value), sha256=digest if _SHA256.fullmatch(digest) else None,
        size_bytes=integer(first(value, "size_bytes", "size")), producer=text(value, "producer"),
        duration_ms=_length(value, "duration"), channels=channels if channels and channels <= 64 else None,
    )  # fmt: skip
    made.blobs += blobs
    return reference


def _inline(made: Made, value: Json) -> Any:
    """A transcript that came with the data: its turns, and nothing else of what stands around them."""
    said: list[dict[str, Any]] = []
    for turn in items(value if isinstance(value, list) else first(value, "turns", "messages")):
        speaker = text(first(turn, "speaker", "role", "participant"), limit=64)
        words = next((one for name in ("text", "content", "message") if isinstance(one := take(turn, name), str)), None)
        if speaker is not None and words is not None:
            start = integer(turn, "start_ms")
            said.append({"speaker": speaker, "text": words} | ({} if start is None else {"startMs": start}))
    if not said:
        return None
    reference, blob = staged_transcript({"turns": said}, redacted=_redaction(value) == "redacted")
    made.blobs += (blob,)
    return reference


def _redaction(value: Json) -> RedactionState:
    """What is said of it and no more: `redacted` counts where somebody wrote it."""
    stated = text(value, "redaction_state", limit=32)
    if stated is not None:
        return next((one for one in get_args(RedactionState) if one == stated.lower()), "unknown")
    flag = boolean(value, "redacted")
    return "unknown" if flag is None else "redacted" if flag else "unredacted"


def _artifact_ready(made: Made) -> Made:
    data = made.data
    kinds = [made.kind.hint, *(text(data, name, limit=32) for name in ("artifact", "artifact_type", "kind"))]
    artifact = next(
        (one.lower() for one in kinds if one and one.lower() in ("transcript", "recording", "log", "pcap")), None
    )
    availability = (text(first(data, "availability", "status"), limit=32) or "").lower()
    inner = first(data, "reference", "artifact_reference")
    made.model, made.at_ms = ArtifactReady, _moment(data, "occurred_at") or made.at_ms or _moment(data, "ready_at")
    never = availability in ("never", "failed", "absent", "unavailable", "deleted")
    reference = None if never else _reference(made, data if inner is None else inner)
    if artifact == "transcript" and reference is None and not never:
        reference = _inline(made, first(data, "transcript") or data)
    if artifact is None or (reference is None and not never):
        raise Refused("invalid_value", "artifact-ready: artifact, or neither a reference nor that it will never come")
    made.fields = {
        "artifact": artifact,
        "availability": "never" if never else "ready",
        "reason": text(first(data, "reason", "detail"))
        or (availability if never and availability != "never" else None),
        "reference": reference,
    }
    return made


def _tool_call(made: Made) -> Made:
    data = made.data
    own = identifier(first(data, "tool_call_id", "tool_use_id", "invocation_id", "id"))
    name = text(first(data, "tool_name", "name", "function_name", "tool"))
    if own is None or name is None:
        raise Refused("invalid_value", "tool-call: toolCallId, name")
    started = _moment(data, "started_at", "start_time")
    made.model = ToolCall
    made.at_ms = _moment(data, "occurred_at") or made.at_ms or _moment(data, "ended_at", "completed_at") or started
    error, result = take(data, "error"), parsed(first(data, "result", "output", "response"))
    failure = text(error) or text(first(error, "message", "type", "code")) or text(data, "error_type")
    side = mapping(take(data, "side_effect"))
    kind = (text(side, "kind", limit=32) or "").lower()
    latency = _length(data, "latency")
    made.fields = {
        "tool_call_id": own,
        "occurrence": integer(data, "occurrence") or 1,
        "sequence": integer(data, "sequence"),
        "name": name,
        "arguments": parsed(first(data, "arguments", "args", "parameters", "input")),
        "result": result,
        "status": _status(made, failure, result),
        "error": failure,
        "started_at": started,
        "latency_ms": _length(data, "duration") if latency is None else latency,
        "retries": integer(data, "retries") or 0,
        "side_effect": SideEffect(
            kind="write" if kind == "write" else "read", proof=text(side, "proof"),
            idempotency_key=text(side, "idempotency_key"),
        ) if kind in ("read", "write") else None,
    }  # fmt: skip
    return made


def _status(made: Made, failure: str | None, result: Any) -> str:
    """What is stated, unless the result gives it the lie; what is stated nowhere must not be a success."""
    stated = (text(first(made.data, "status", "outcome"), limit=32) or "").lower().replace("-", "_")
    known = made.kind.hint or _STATUSES.get(stated)
    if known in ("failed", "timed_out", "invalid_result"):
        return known
    success = next(
        (found for name in ("success", "successful") if (found := boolean(made.data, name)) is not None), None
    )
    error = take(made.data, "error") not in (None, False, "", {}, [])
    if failure is not None or error or success is False or boolean(made.data, "is_error") or means_failure(result):
        return "failed"
    if known is None and success is None and result is None:
        raise Refused("invalid_value", "tool-call: neither a status nor a result")
    return "succeeded"


def _evaluation(made: Made) -> Made:
    data = made.data
    rubric = text(first(data, "rubric", "metric", "criterion", "name"))
    passed = boolean(first(data, "passed", "success"))
    score = number(first(data, "score", "value"))
    checks = [
        Assertion(
            name=named, passed=flag,
            severity=next((one for one in _SEVERITIES if one == text(item, "severity")), None),
        )
        for item in items(take(data, "assertions"))
        if (named := text(first(item, "name", "assertion"))) and (flag := boolean(item, "passed")) is not None
    ]  # fmt: skip
    if not checks and passed is not None:
        checks = [Assertion(name=rubric or "passed", passed=passed)]
    made.model, made.at_ms = (
        EvaluationCompleted,
        _moment(data, "occurred_at") or made.at_ms or _moment(data, "completed_at"),
    )
    made.fields = {
        "evaluation_id": identifier(first(data, "evaluation_id", "id")) or made.id[:256],
        "test_run_id": carriers.test_run(data),
        "rubric": rubric,
        "rubric_version": text(data, "rubric_version"),
        "evaluator": text(first(data, "evaluator", "judge")),
        "evaluator_version": text(first(data, "evaluator_version", "judge_version")),
        "score": None if score is None else float(score),
        "label": text(first(data, "label", "verdict", "outcome", "result"), limit=128)
        or (None if passed is None else "pass" if passed else "fail"),
        "failure_label": text(data, "failure_label", limit=128),
        "assertions": tuple(checks),
        "policy_flags": tuple(one for flag in items(take(data, "policy_flags")) if (one := text(flag, limit=128))),
    }
    return made


def _trace_completed(made: Made) -> Made:
    data = made.data
    made.model = TraceCompleted
    made.at_ms = _moment(data, "occurred_at") or made.at_ms or _moment(data, "completed_at", "ended_at")
    spans = [
        KeySpan(name=name, count=count, p95_ms=integer(one, "p95_ms"), errors=integer(one, "errors") or 0)
        for one in items(first(data, "key_spans", "spans"))
        if (name := text(one, "name")) and (count := integer(one, "count")) is not None
    ]
    made.fields = {"key_spans": tuple(spans[:256])}
    return made


def _call_reported(made: Made) -> Made:
    data = made.data
    reporter = (text(first(data, "reported_by", "reporter"), limit=32) or "customer").lower()
    made.model, made.at_ms = CallReported, _moment(data, "occurred_at") or made.at_ms or _moment(data, "reported_at")
    made.fields = {
        "report_id": identifier(first(data, "report_id", "ticket_id", "id")),
        "reported_by": "support" if reporter == "support" else "customer",
        "symptom": text(first(data, "symptom", "description", "reason")),
        "account_ref": text(data, "account_ref"),
        "around": _moment(data, "around"),
    }
    return made


def _selection_requested(made: Made) -> Made:
    data = made.data
    trigger = (text(first(data, "trigger", "reason"), limit=64) or "").lower().replace("-", "_")
    if trigger not in get_args(Trigger):
        raise Refused("invalid_value", "selection-requested: trigger")
    made.model, made.at_ms = (
        SelectionRequested,
        _moment(data, "occurred_at") or made.at_ms or _moment(data, "requested_at"),
    )
    made.fields = {
        "trigger": trigger,
        "requested_by": text(first(data, "requested_by", "requester")),
        "note": text(data, "note"),
    }
    return made


def _identity_linked(made: Made) -> Made:
    made.at_ms = _moment(made.data, "occurred_at") or made.at_ms
    return made


KINDS: dict[str, Callable[[Made], Made]] = {
    "call-ended": _call_ended,
    "evaluation-completed": _evaluation,
    "tool-call": _tool_call,
    "artifact-ready": _artifact_ready,
    "trace-completed": _trace_completed,
    "call-reported": _call_reported,
    "selection-requested": _selection_requested,
    "identity-linked": _identity_linked,
}
"""How the data of each kind are read."""
