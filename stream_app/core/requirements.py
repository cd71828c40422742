"""The only place for what is present and what is missing of a call, kind by kind."""

from __future__ import annotations

from collections.abc import Sequence

from stream_app.core.calls import Evidence
from stream_app.core.evidence import Kind
from stream_app.core.orders import Missing
from stream_app.core.statements import ArtifactStated, CallStated, ToolStated

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
    keys = set()
    for item in items:
        tool = item.statement
        if isinstance(tool, ToolStated):
            keys.add((tool.tool_call_id, tool.occurrence))
    return len(keys)


def is_present(kind: Kind, items: Sequence[Evidence], call: Evidence | None) -> bool:
    """Whether the required kind is there. Tools are, when as many came as the call announced, or at least one."""
    stated = None if call is None else call.statement
    ended = stated if isinstance(stated, CallStated) else None
    if kind == "tools":
        count = tool_count(items)
        if ended is None or ended.expected_tool_calls is None:
            return count > 0 or (ended is not None and ended.tools_final is True)
        return count >= ended.expected_tool_calls
    artifact = kind in ("transcript", "recording")
    if artifact and ended is not None and (ended.transcript if kind == "transcript" else ended.recording) is not None:
        return True
    return any(item.kind == kind and (not artifact or _is_ready(item)) for item in items)


def _is_ready(item: Evidence) -> bool:
    stated = item.statement
    return isinstance(stated, ArtifactStated) and stated.availability == "ready" and stated.reference is not None


def declared_never(kind: Kind, items: Sequence[Evidence]) -> Evidence | None:
    """The statement that this artifact will never come, if there is one; the smallest event ID speaks."""
    smallest = None
    for item in items:
        if item.kind != kind or (smallest is not None and smallest.event_id <= item.event_id):
            continue
        stated = item.statement
        if isinstance(stated, ArtifactStated) and stated.availability == "never":
            smallest = item
    return smallest


def tools_settled(items: Sequence[Evidence], call: Evidence, since_end_ms: int | None, tool_settle: int) -> bool:
    """No more tool calls are to be waited for: all announced came, the source said so, or enough time has passed."""
    stated = call.statement
    assert isinstance(stated, CallStated)
    if stated.tools_final:
        return True
    if stated.expected_tool_calls is not None and tool_count(items) >= stated.expected_tool_calls:
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
                detail=never.statement.reason if never and isinstance(never.statement, ArtifactStated) else None,
                expected_from=EXPECTED_FROM[kind],
            )
        )
    return tuple(gaps)
