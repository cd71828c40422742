"""The only place that knows which spans are calls of tools, and where each kind keeps its arguments and its outcome.

Sources: GenAI semantic conventions 1.41 (`execute_tool`, and MCP's `tools/call`), LiveKit Agents 1.7 and 1.8
(`function_tool`), and what ADK, Strands, PydanticAI and the AI SDK write beside them. A span says nothing of the order
among calls in other batches, so no sequence is given: calls stand in the order of their times.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from stream_app.core.events import ToolCall
from stream_app.providers import otlp
from stream_app.providers.adapter import Delivery, event
from stream_app.providers.otel_names import Names
from stream_app.providers.otlp import Span
from stream_app.providers.reading import boolean, identifier, parsed, text
from stream_app.providers.restated import told
from stream_app.providers.tool_results import outcome

_IDS = ("gen_ai.tool.call.id", "lk.function_tool.id", "tool_call.id", "ai.toolCall.id")
_NAMES = ("gen_ai.tool.name", "lk.function_tool.name", "ai.toolCall.name", "mcp.tool.name")
_ARGUMENTS = (
    "gen_ai.tool.call.arguments", "lk.pii.function_tool.arguments", "lk.function_tool.arguments",
    "gcp.vertex.agent.tool_call_args", "tool_arguments", "ai.toolCall.args",
)  # fmt: skip
_RESULTS = (
    "gen_ai.tool.call.result", "lk.pii.function_tool.output", "lk.function_tool.output",
    "gcp.vertex.agent.tool_response", "tool_response", "ai.toolCall.result",
)  # fmt: skip
_STATUSES = ("gen_ai.tool.status", "tool.status", "tool.result_status")
_MARKS = (*_IDS, *_NAMES)
_PREFIXES = ("execute_tool ", "tools/call ", "running tool: ")
_MERGED = "(merged"
"""ADK adds a span that stands for several calls, each of which has its own."""
_TIMED_OUT = re.compile(r"time[ _-]?d?[ _-]?out|deadline[ _-]?exceeded", re.IGNORECASE)
_LONGEST_ERROR = 256


def is_tool(span: Span) -> bool:
    """Whether a span is one call of a tool, seen from the agent that calls."""
    values = span.attributes
    operation, method = text(values.get("gen_ai.operation.name")), text(values.get("mcp.method.name"))
    if method is not None:
        # The server's span tells again what the client's span told, and mostly cannot say of which call.
        return method == "tools/call" and (span.kind != "server" or _id(span) is not None)
    if operation is not None:
        return operation == "execute_tool" and _MERGED not in f"{span.name} {text(values.get('gen_ai.tool.name'))}"
    if span.name == "judge_evaluation" or "gen_ai.evaluation.name" in values:
        return False
    return span.name.startswith("execute_tool ") or any(values.get(name) is not None for name in _MARKS)


def tool_spans(spans: list[Span], names: Names) -> list[Span]:
    """The calls of tools of one trace, each once: a transport's span inside of a call is that call again."""
    return [span for span in spans if is_tool(span) and not _told_above(span, names)]


def with_outcome(span: Span) -> Span:
    """The span with the status it should have: a failed call often leaves it unset."""
    failed = is_tool(span) and _outcome(span)["status"] != "succeeded"
    return replace(span, status="error") if failed else span


def tool_calls(
    delivery: Delivery, spans: list[Span], names: Names, seen: Counter[tuple[str, str]]
) -> Iterator[ToolCall]:
    """The calls of tools of one trace. `seen` counts IDs within the document: a call may have several traces."""
    for span in sorted(tool_spans(spans, names), key=lambda span: (span.start_ns or span.end_ns or 0, span.number)):
        yield _tool_call(delivery, span, names, seen)


def _tool_call(delivery: Delivery, span: Span, names: Names, seen: Counter[tuple[str, str]]) -> ToolCall:
    named = names.of(span, delivery.query)
    place = span.span_id or f"span-{span.number}"
    own = _id(span) or place
    call = named["canonical_call_id"] or next(iter(named["aliases"].values()), span.trace_id) or ""
    seen[(call, own)] += 1
    whose = span.trace_id or call
    made = event(
        ToolCall, delivery, id=f"{whose}:{place}:tool:{names.stated_by(span)}", at_ms=span.end_ms or span.start_ms,
        tool_call_id=own, occurrence=seen[(call, own)], name=_name(span),
        arguments=parsed(_first(span, _ARGUMENTS)), result=parsed(_first(span, _RESULTS)),
        started_at=span.start_ms, latency_ms=span.duration_ms, span_id=span.span_id, **_outcome(span), **named,
    )  # fmt: skip
    return told(made)


def _told_above(span: Span, names: Names) -> bool:
    """Whether a span around this one is the same call; an agent that is a tool may number its own calls alike."""
    own, name = _id(span), _name(span)
    for depth, above in enumerate(names.ancestors(span)):
        if not is_tool(above) or _name(above) != name:
            continue
        if own is not None and own == _id(above):
            return True
        if own is None and depth == 0 and "mcp.method.name" in span.attributes:
            return True
    return False


def _id(span: Span) -> str | None:
    found = (identifier(span.attributes.get(name)) for name in _IDS)
    return next((one for one in found if one is not None and not one.startswith("<")), None)


def _name(span: Span) -> str:
    stated = next((found for name in _NAMES if (found := text(span.attributes.get(name))) is not None), None)
    if stated is not None:
        return stated
    prefix = next((one for one in _PREFIXES if span.name.startswith(one)), "")
    return text(span.name[len(prefix) :]) or "unnamed"


def _first(span: Span, names: tuple[str, ...]) -> Any:
    return next((value for name in names if (value := span.attributes.get(name)) is not None), None)


def _outcome(span: Span) -> dict[str, Any]:
    """`status` and `error` of the call: any sign of failure counts."""
    values = span.attributes
    stated = (text(_first(span, _STATUSES), limit=32) or "").lower()
    code = text(values.get("rpc.response.status_code"), limit=32)
    result = parsed(_first(span, _RESULTS))
    raised = next((one.attributes for one in span.events if one.name == "exception"), None)
    failed = (
        otlp.has_failed(span)
        or boolean(values.get("lk.function_tool.is_error")) is True
        or stated in ("error", "failed", "failure", "timeout", "timed_out", "cancelled")
        or code not in (None, "OK", "0")
        # An exception that was caught may have been recorded too; then the call says that it went well.
        or (raised is not None and span.status != "ok" and result is None)
    )
    if not failed:
        return outcome(result)
    kind = text(values.get("error.type")) or text((raised or {}).get("exception.type"))
    message = span.status_message or text((raised or {}).get("exception.message"))
    error = ": ".join(one for one in (kind, message) if one is not None) or (stated if stated != "error" else None)
    timed_out = stated in ("timeout", "timed_out") or _TIMED_OUT.search(error or "") is not None
    return outcome(result, failed=True, timed_out=timed_out, error=None if not error else error[:_LONGEST_ERROR])
