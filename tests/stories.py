"""Events of whole-call stories, as producers write them: for the simulator, and for the real broker."""

from __future__ import annotations

from typing import Any

from stream_app.core.instants import format_instant

START_MS = 1_780_512_000_000
"""2026-06-03T18:40:00Z, the end of the call in every story unless it says otherwise."""

SECOND = 1000
MINUTE = 60_000


def event(
    kind: str, event_id: str, *, call: str | None = "call-1", at: int = START_MS, **fields: Any
) -> dict[str, Any]:
    """One public event at `at` ms."""
    document = {
        "schemaVersion": 1,
        "eventId": event_id,
        "type": kind,
        "source": f"test/{kind}",
        "occurredAt": format_instant(at),
        **fields,
    }
    if call is not None:
        document["canonicalCallId"] = call
    return document


def reference(name: str) -> dict[str, Any]:
    """A redacted artifact in the provider's bucket."""
    media_type = "audio/wav" if name in ("audio.wav", "recording") else "application/json"
    return {"uri": f"s3://provider-drop/Redacted/{name}", "mediaType": media_type, "redactionState": "redacted"}


def call_ended(event_id: str = "ended", *, end: int = START_MS, **fields: Any) -> dict[str, Any]:
    """A call of three minutes with transcript and recording, no tools."""
    stated = {
        "endedAt": format_instant(end),
        "startedAt": format_instant(end - 3 * MINUTE),
        "channels": 2,
        "expectedToolCalls": 0,
        "agentVersion": "agent@1",
        "transcript": reference("transcript.json"),
        "recording": reference("audio.wav"),
    }
    return event("call-ended", event_id, at=fields.pop("at", end), **{**stated, **fields})


def evaluation(event_id: str = "judged", *, failed: bool = False, **fields: Any) -> dict[str, Any]:
    """A judgement; a failed one is a reason to review."""
    label = {"label": "task_failed", "failureLabel": "not_done"} if failed else {"label": "task_completed"}
    stated = {"evaluationId": event_id, "rubric": "r", "rubricVersion": "1", "evaluatorVersion": "1", "score": 0.5}
    return event("evaluation-completed", event_id, **{**stated, **label, **fields})


def tool(event_id: str = "tool", *, status: str = "succeeded", number: int = 1, **fields: Any) -> dict[str, Any]:
    """A tool call; a failed one is a reason to review."""
    stated = {"toolCallId": f"tc_{number}", "sequence": number, "name": "lookup", "status": status, "latencyMs": 20}
    return event("tool-call", event_id, **{**stated, **fields})


def trace(event_id: str = "traced", **fields: Any) -> dict[str, Any]:
    """A closed trace."""
    return event("trace-completed", event_id, **{"traceId": "ab" * 16, "keySpans": [], **fields})


def artifact(kind: str, event_id: str = "", *, never: bool = False, **fields: Any) -> dict[str, Any]:
    """An artifact that is ready, or never will be."""
    stated: dict[str, Any] = {"artifact": kind, "availability": "never" if never else "ready"}
    stated |= {"reason": "switched_off"} if never else {"reference": reference(kind)}
    return event("artifact-ready", event_id or f"{kind}-ready", **{**stated, **fields})
