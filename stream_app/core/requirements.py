"""The only place for what is present and what is missing of a call, kind by kind."""

from __future__ import annotations

from collections.abc import Sequence

from stream_app.core.calls import Evidence
from stream_app.core.evidence import Kind
from stream_app.core.orders import Missing

EXPECTED_FROM: dict[Kind, str] = {
    "call": "call-ended",
    "transcript": "artifact-ready",
    "recording": "artifact-ready",
    "log": "artifact-ready",
    "tools": "tool-call",
    "trace": "trace-completed",
    "evaluation": "evaluation-completed",
    "report": "call-reported",
    "selection": "selection-requested",
    "identity": "identity-linked",
}
"""The topic that a kind of evidence comes from."""


_SIMPLE: frozenset[Kind] = frozenset(EXPECTED_FROM) - {"tools", "transcript", "recording"}


def tool_count(items: Sequence[Evidence]) -> int:
    """Distinct tool keys seen."""
    return len({(item.event["toolCallId"], item.event["occurrence"]) for item in items if item.kind == "tools"})


def is_present(kind: Kind, items: Sequence[Evidence], call: Evidence | None) -> bool:
    """Whether the required kind is there. Tools are, when as many came as the call announced, or at least one."""
    if kind == "tools":
        expected = call.event.get("expectedToolCalls") if call else None
        if expected is None:
            return tool_count(items) > 0 or bool(call and call.event.get("toolsFinal"))
        return bool(tool_count(items) >= expected)
    artifact = kind in ("transcript", "recording")
    if artifact and call and kind in call.event:
        return True
    for item in items:
        if item.kind == kind and (
            not artifact or (item.event["availability"] == "ready" and "reference" in item.event)
        ):
            return True
    return False


def declared_never(kind: Kind, items: Sequence[Evidence]) -> Evidence | None:
    """The statement that this artifact will never come, if there is one; the smallest event ID speaks."""
    statements = [item for item in items if item.kind == kind and item.event.get("availability") == "never"]
    return min(statements, key=lambda item: item.event_id, default=None)


def tools_settled(items: Sequence[Evidence], call: Evidence, since_end_ms: int | None, tool_settle: int) -> bool:
    """No more tool calls are to be waited for: all announced came, the source said so, or enough time has passed."""
    expected = call.event.get("expectedToolCalls")
    if expected is not None and tool_count(items) >= expected:
        return True
    if call.event.get("toolsFinal"):
        return True
    return since_end_ms is not None and since_end_ms >= tool_settle


def missing_of(required: tuple[Kind, ...], items: Sequence[Evidence], call: Evidence | None) -> tuple[Missing, ...]:
    """Each required kind that is not there, with its reason."""
    gaps = []
    seen = {item.kind for item in items}
    for kind in required:
        # A kind that is not an artifact, or tools, is there as soon as one piece of it is.
        if kind in seen and kind in _SIMPLE:
            continue
        if is_present(kind, items, call):
            continue
        never = declared_never(kind, items)
        gaps.append(
            Missing(
                kind=kind,
                reason="declared_never" if never else "never_seen",
                detail=never.event.get("reason") if never else None,
                expected_from=EXPECTED_FROM[kind],
            )
        )
    return tuple(gaps)
