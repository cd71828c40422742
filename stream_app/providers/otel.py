"""The only place that knows how OpenTelemetry speaks of calls: GenAI spans, log records and traces in OTLP's JSON.

Sources: GenAI semantic conventions 1.41 and opentelemetry-proto 1.x; LiveKit Agents and Pipecat write spans of their
own beside them. Protobuf becomes the same JSON before it comes here. A document is a batch: parts of traces of several
calls. Only a batch that holds a trace's root tells that the trace is complete, and only of Pipecat's is the root's end
the call's end: elsewhere one trace may be one turn. Prompts and messages stay in the spans.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from stream_app.core.events import Event, IdentityLinked, TraceCompleted
from stream_app.core.wire import Json
from stream_app.providers import otlp, pipecat_traces
from stream_app.providers.adapter import Delivery, Normalised, Refused, event
from stream_app.providers.otel_evaluations import evaluations
from stream_app.providers.otel_names import Names, how_many, is_pipecats
from stream_app.providers.otel_tools import is_tool, tool_calls, tool_spans, with_outcome
from stream_app.providers.otlp import LogRecord, Span
from stream_app.providers.reading import items, take, text
from stream_app.providers.restated import told

_SIGNALS = ("resourceSpans", "resourceLogs", "resourceMetrics")
_OPERATIONS = {
    "chat": "llm", "text_completion": "llm", "generate_content": "llm", "realtime_inference": "llm",
    "speech_to_text": "asr", "stt": "asr", "text_to_speech": "tts",
}  # fmt: skip
_KEY_SPANS = {
    "asr": "asr", "stt": "asr", "llm": "llm", "llm_request": "llm", "tts": "tts", "tts_request": "tts", "turn": "turn",
    "user_turn": "user_turn", "agent_turn": "agent_turn", "conversation": "conversation",
    "agent_session": "agent_session", "judge_evaluation": "judge_evaluation",
}  # fmt: skip
"""Names that voice pipelines give spans, and under which each is counted; all other spans say too little."""
_WORK = frozenset({"asr", "llm", "tts", "execute_tool"})
"""Of these, one inside of another is the same piece of work, seen once more further down."""


@dataclass(slots=True)
class _Trace:
    spans: list[Span] = field(default_factory=list)
    records: list[LogRecord] = field(default_factory=list)


def normalize(delivery: Delivery) -> Normalised:
    """What the spans and log records of a batch say of calls."""
    document = _one_document(delivery.document)
    events: dict[str, Event] = {}
    refusals: list[Refused] = []
    seen: Counter[tuple[str, str]] = Counter()
    for trace_id, trace in _traces(document):
        try:
            made: Iterable[Event] = list(_events(delivery, trace_id, trace, seen))
        except Refused as refused:
            refusals.append(refused)
            continue
        for one in made:
            events.setdefault(one.event_id, one)
    if not events:
        raise refusals[0] if refusals else Refused("nothing_to_report", "no tools, no judgements, no trace of a call")
    return Normalised(tuple(events.values()))


def _one_document(document: Json) -> Json:
    """A batch, or a list of batches (the lines of a file) as one."""
    if not isinstance(document, dict | list):
        raise Refused("not_readable", "neither a JSON object nor a list")
    parts = [part for part in (document if isinstance(document, list) else [document]) if otlp.holds(part)]
    if not parts:
        raise Refused("unknown_shape", "neither resourceSpans nor resourceLogs nor resourceMetrics")
    return {signal: [one for part in parts for one in items(take(part, signal))] for signal in _SIGNALS}


def _traces(document: Json) -> Iterator[tuple[str | None, _Trace]]:
    """What belongs together, in the order it is written in; what has no trace belongs to nothing else."""
    traces: dict[str, _Trace] = defaultdict(_Trace)
    alone: list[_Trace] = []
    for span in _once(otlp.spans(document)):
        if span.trace_id is None:
            alone.append(_Trace(spans=[span]))
        else:
            traces[span.trace_id].spans.append(span)
    for record in otlp.log_records(document):
        if record.trace_id is None:
            alone.append(_Trace(records=[record]))
        else:
            traces[record.trace_id].records.append(record)
    yield from traces.items()
    for trace in alone:
        yield None, trace


def _once(spans: Iterable[Span]) -> Iterable[Span]:
    """Each span once: batches are sent again, and some tracers announce a span before it has ended."""
    found: dict[Any, Span] = {}
    for span in spans:
        key = (span.trace_id, span.span_id) if span.span_id is not None else span.number
        known = found.get(key)
        if known is None or (known.end_ns is None and span.end_ns is not None):
            found[key] = span
    return found.values()


def _events(delivery: Delivery, trace_id: str | None, trace: _Trace, seen: Counter[tuple[str, str]]) -> Iterator[Event]:
    names = Names(trace_id, trace.spans, trace.records)
    said: list[Event] = [
        *tool_calls(delivery, trace.spans, names, seen),
        *evaluations(delivery, trace.spans, trace.records, names),
    ]
    if trace_id is not None and any(map(is_pipecats, trace.spans)):
        first = next((span for span in trace.spans if is_pipecats(span)), trace.spans[0])
        said += pipecat_traces.trace_events(delivery, trace_id, trace.spans, names.of(first, delivery.query))
    elif (root := _root(trace.spans)) is not None and trace_id is not None:
        said += _completed(delivery, trace_id, root, trace.spans, names)
    yield from said
    if not said and trace.spans:
        yield from _linked(delivery, trace_id, trace.spans, names)


def _root(spans: list[Span]) -> Span | None:
    """The span that nothing called; of several the one that began first. None while it has not ended."""
    roots = [span for span in spans if span.parent_span_id is None and span.end_ms is not None]
    return min(roots, key=lambda span: (span.start_ns or span.end_ns or 0, span.number), default=None)


def _completed(
    delivery: Delivery, trace_id: str, root: Span, spans: list[Span], names: Names
) -> Iterator[TraceCompleted]:
    """The trace is closed; said only of traces that have to do with calls, not of every request to a database."""
    named = names.of(root, delivery.query)
    counted = list(counted_spans(spans, names))
    if not counted and how_many(named) < 2:
        return
    if names.several:
        return
    made = event(
        TraceCompleted, delivery, id=f"{trace_id}:completed:{names.stated_by(root)}", at_ms=root.end_ms,
        span_id=root.span_id, key_spans=otlp.key_spans(counted), **named,
    )  # fmt: skip
    yield told(made)


def counted_spans(spans: list[Span], names: Names) -> Iterator[tuple[str, Span]]:
    """The spans of a trace that tell of speech, models and tools, by the name under which each is counted."""
    tools = {span.number for span in tool_spans(spans, names)}
    for span in spans:
        key = _key(span)
        if key is None or (key == "execute_tool" and span.number not in tools):
            continue
        above = next(names.ancestors(span), None)
        if key in _WORK and above is not None and _key(above) == key:
            continue
        yield key, with_outcome(replace(span, name=key))


def _key(span: Span) -> str | None:
    if is_tool(span):
        return "execute_tool"
    operation = text(span.attributes.get("gen_ai.operation.name"), limit=64)
    known = _KEY_SPANS.get(span.name)
    return known if known is not None or operation is None else _OPERATIONS.get(operation, operation)


def _linked(delivery: Delivery, trace_id: str | None, spans: list[Span], names: Names) -> Iterator[Event]:
    """No evidence, but the trace and a name of its call."""
    best = max(spans, key=lambda span: how_many(names.of(span, delivery.query)))
    named = names.of(best, delivery.query)
    if how_many(named) < 2 or names.several:
        return
    last = max((span.end_ms for span in spans if span.end_ms is not None), default=None)
    whose = trace_id or next(iter(named["aliases"].values()), named["canonical_call_id"])
    yield told(event(IdentityLinked, delivery, id=f"{whose}:names:{names.stated_by(best)}", at_ms=last, **named))
