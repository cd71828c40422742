"""The only place that knows Pipecat's spans: of the conversation, of each turn, and of stt, llm, tts and tools in it.

Sources: Pipecat 1.14 (`utils/tracing`). Only the conversation's span has the attributes that an application adds. It is
exported last, alone or with the last turns: what a document does not hold was in another one. So the end of a call and
of its trace are said with that span only, and figures of the whole call only where every turn is there. What was said,
heard and asked stays in the spans.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from stream_app.core.events import CallEnded, Event, IdentityLinked, Measures, ToolCall, TraceCompleted
from stream_app.core.wire import digest_of
from stream_app.providers import carriers, otlp
from stream_app.providers.adapter import Delivery, Normalised, Refused, event
from stream_app.providers.otlp import Span
from stream_app.providers.reading import boolean, identifier, integer, parsed, text
from stream_app.providers.times import span_ms
from stream_app.providers.tool_results import outcome

CONVERSATION, TURN, TOOL_CALL, TOOL_RESULT = "conversation", "turn", "llm_tool_call", "llm_tool_result"
NAMES = (CONVERSATION, TURN, "stt", "llm", "tts", "llm_setup", "llm_request", "llm_response", TOOL_CALL, TOOL_RESULT)
_TWILIO_SID = re.compile(r"CA[0-9a-fA-F]{32}")
_ALIASES = {
    "conversation.id": "pipecatConversationId",
    "gen_ai.conversation.id": "pipecatConversationId",
    "twilio.call_sid": "twilioCallSid",
    "twilio.callsid": "twilioCallSid",
    "call_sid": "twilioCallSid",
    "callsid": "twilioCallSid",
    "twilio.stream_sid": "twilioStreamSid",
    "sip.call_id": "sipCallId",
    "livekit.room.name": "livekitRoom",
    "livekit.room.sid": "livekitRoomSid",
}
"""Attributes, in lower case, that name the call."""


def normalize(delivery: Delivery) -> Normalised:
    """What the spans of each trace in a document say."""
    traces: dict[str, list[Span]] = defaultdict(list)
    known: set[tuple[str, str]] = set()
    nameless = False
    for span in otlp.spans(delivery.document):
        if span.name not in NAMES and not (span.scope or "").startswith("pipecat"):
            continue
        if span.trace_id is None:
            nameless = True
            continue
        # An exporter that tried twice may have both of its batches in one document.
        if span.span_id is None or (span.trace_id, span.span_id) not in known:
            traces[span.trace_id].append(span)
        known.add((span.trace_id, span.span_id or ""))
    if nameless and not traces:
        raise Refused("identity_missing", "spans without a trace ID of 32 hex digits")
    if not traces:
        raise Refused("nothing_to_report", "no spans of Pipecat")
    events = [one for trace_id, spans in traces.items() for one in trace_events(delivery, trace_id, spans)]
    if not events:
        raise Refused("nothing_to_report", "spans of a conversation that goes on, and one name of it")
    return Normalised(tuple(events))


def trace_events(
    delivery: Delivery, trace_id: str, spans: list[Span], names: dict[str, Any] | None = None
) -> Iterator[Event]:
    """What the spans of one trace say; `names` where whoever read them already knows who the call is."""
    whole = next((span for span in spans if span.name == CONVERSATION), None)
    if names is None:
        names = _names(delivery, trace_id, spans, whole)
    # What is said of a span depends on which others came with it: other company, another report.
    company = digest_of(sorted(f"{span.span_id}:{span.number if span.span_id is None else ''}" for span in spans))[:12]
    prefix = f"{trace_id}:{company}"
    tools = list(_tools(delivery, prefix, spans, names))
    yield from tools
    if whole is not None and whole.end_ms is not None:
        yield _ended(delivery, prefix, whole, spans, names)
        yield event(
            TraceCompleted, delivery, id=f"{prefix}:trace", at_ms=whole.end_ms, span_id=whole.span_id,
            key_spans=otlp.key_spans((span.name or "unnamed", span) for span in spans), **names,
        )  # fmt: skip
    elif not tools and len(names["aliases"]) + (names["canonical_call_id"] is not None):
        last = max((span.end_ms for span in spans if span.end_ms is not None), default=None)
        yield event(IdentityLinked, delivery, id=f"{prefix}:names", at_ms=last, **names)


def _names(delivery: Delivery, trace_id: str, spans: list[Span], whole: Span | None) -> dict[str, Any]:
    """Who the call is: the conversation's span knows best, every other one may know."""
    ordered = [whole, *spans] if whole is not None else spans
    places = (delivery.query, *(span.attributes for span in ordered), ordered[0].resource)
    aliases: dict[str, str] = {}
    for span in ordered:
        for name, value in span.attributes.items():
            scheme = _ALIASES.get(name.lower())
            if scheme is not None and (found := identifier(value)) is not None:
                aliases.setdefault(scheme, found)
    conversation = aliases.get("pipecatConversationId", "")
    if _TWILIO_SID.fullmatch(conversation):
        aliases.setdefault("twilioCallSid", conversation)
    if (run := carriers.test_run(*places)) is not None:
        aliases["testRunId"] = run
    return {"canonical_call_id": carriers.call_id(*places), "aliases": aliases, "trace_id": trace_id}


def _ended(delivery: Delivery, prefix: str, whole: Span, spans: list[Span], names: dict[str, Any]) -> CallEnded:
    """The end of the conversation's span is the end of the call, as the pipeline saw it."""
    values = {**whole.resource, **whole.attributes}
    return event(
        CallEnded, delivery, id=f"{prefix}:ended", at_ms=whole.end_ms, ended_at=whole.end_ms,
        started_at=whole.start_ms, duration_ms=whole.duration_ms, span_id=whole.span_id,
        agent_id=text(values.get("gen_ai.agent.id")) or text(values.get("gen_ai.agent.name")),
        agent_version=carriers.agent_version(delivery.query, values) or text(values.get("gen_ai.agent.version"))
        or text(values.get("service.version")),
        measures=_measures([span for span in spans if span.name == TURN]), **names,
    )  # fmt: skip


def _measures(turns: list[Span]) -> Measures:
    numbers = sorted(found for span in turns if (found := integer(span.attributes.get("turn.number"))) is not None)
    if not numbers or numbers != list(range(1, len(turns) + 1)):
        return Measures()
    latencies = [span_ms(span.attributes.get("turn.user_bot_latency_seconds"), unit_ms=1000) for span in turns]
    # The last turn counts as interrupted only because the conversation ended: nobody spoke over the agent.
    interrupted = [
        span for span in turns
        if boolean(span.attributes.get("turn.was_interrupted"))
        and not boolean(span.attributes.get("turn.ended_by_conversation_end"))
    ]  # fmt: skip
    return Measures(
        interruptions=len(interrupted), p95_response_ms=otlp.p95([one for one in latencies if one is not None])
    )


def _tools(delivery: Delivery, prefix: str, spans: list[Span], names: dict[str, Any]) -> Iterator[ToolCall]:
    """Tools of realtime services: a result's span says how a call ended, the call's own what was asked.

    The call's span names only the first of several calls that were made together. A call without a result says nothing
    yet, unless making it failed.
    """
    asked: dict[str | None, list[Span]] = defaultdict(list)
    results: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start_ns or 0, span.number)):
        if span.name == TOOL_CALL:
            asked[_id(span)].append(span)
        elif span.name == TOOL_RESULT:
            results.append(span)
    seen: Counter[str] = Counter()
    for result in results:
        own = _id(result)
        waiting = asked[own] if own is not None else []
        yield _tool(delivery, prefix, waiting.pop(0) if waiting else None, result, seen, names)
    for waiting in asked.values():
        for call in waiting:
            if otlp.has_failed(call):
                yield _tool(delivery, prefix, call, None, seen, names)


def _id(span: Span) -> str | None:
    return identifier(span.attributes.get("tool.call_id"))


def _tool(
    delivery: Delivery, prefix: str, call: Span | None, result: Span | None, seen: Counter[str], names: dict[str, Any]
) -> ToolCall:
    both = [span for span in (result, call) if span is not None]
    last = both[0]
    own = next((found for span in both if (found := _id(span)) is not None), None)
    own = own or last.span_id or f"span-{last.number}"
    seen[own] += 1
    stated = "" if result is None else (text(result.attributes.get("tool.result_status")) or "").lower()
    error = next((found for span in both if (found := text(span.attributes.get("error.type"))) is not None), None)
    answer = None if result is None else parsed(result.attributes.get("tool.result"))
    failed = stated == "error" or any(map(otlp.has_failed, both))
    began, ended = (None if call is None else call.start_ns), last.start_ns if result is not None else last.end_ns
    return event(
        ToolCall, delivery, id=f"{prefix}:tool:{last.span_id or last.number}",
        at_ms=last.end_ms, tool_call_id=own, occurrence=seen[own],
        name=next((found for span in both if (found := text(span.attributes.get("tool.function_name")))), "unnamed"),
        arguments=None if call is None else parsed(call.attributes.get("tool.arguments")), result=answer,
        started_at=None if call is None else call.start_ms, span_id=last.span_id,
        latency_ms=None if began is None or ended is None or ended < began else round((ended - began) / 1e6),
        **outcome(answer, failed=failed, error=error), **names,
    )  # fmt: skip
