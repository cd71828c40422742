"""The only place that knows judgements in OpenTelemetry: `gen_ai.evaluation.result` and what is written in its place.

Sources: GenAI semantic conventions 1.41 (a log record, or an event of the span that was judged) with the evaluator's
attributes as proposed there and as Azure and Bedrock write them; LiveKit Agents 1.8 (`judge_evaluation` spans, records
of its tagger). A score of 0.0 is a value. Explanations, reasons and instructions are content and stay away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stream_app.core.events import EvaluationCompleted
from stream_app.providers import carriers, judged_words
from stream_app.providers.adapter import Delivery, event
from stream_app.providers.otel_names import Names, Part, own_name
from stream_app.providers.otlp import LogRecord, Span
from stream_app.providers.reading import boolean, identifier, mapping, number, text
from stream_app.providers.restated import fitting, told

_EVENT = "gen_ai.evaluation"
_RESULT = "gen_ai.evaluation.result"
_NAME = "gen_ai.evaluation.name"
_SCORES = ("gen_ai.evaluation.score.value", "gen_ai.evaluation.score")
_LABELS = ("gen_ai.evaluation.score.label", "gen_ai.evaluation.label")
_IDS = ("gen_ai.evaluation.id",)
_EVALUATORS = (
    "gen_ai.evaluation.evaluator.name", "gen_ai.evaluation.evaluator.id", "gen_ai.evaluation.evaluator",
    "gen_ai.evaluator.name", "gen_ai.evaluator.id", "gen_ai.evaluation.evaluator_id",
    "aws.bedrock_agentcore.evaluator.name", "aws.bedrock_agentcore.evaluator.id",
)  # fmt: skip
_EVALUATOR_VERSIONS = ("gen_ai.evaluation.evaluator.version", "gen_ai.evaluator.version")
_RUBRIC_VERSIONS = ("gen_ai.evaluation.version", "gen_ai.evaluation.name.version")
_RUNS = ("test.suite.run.id", "test.run.id")
_LIVEKIT_SCOPE = "evaluations"
_LONGEST_LABEL = 64
"""A longer one is prose."""


@dataclass(frozen=True, slots=True)
class _Judgement:
    """One result, whichever way it was told."""

    part: Part
    values: Mapping[str, Any]
    name: str | None
    at_ms: int | None
    form: str
    """Whether a span's event, a span or a record told it: repeated within one form means judged again."""


def evaluations(
    delivery: Delivery, spans: Sequence[Span], records: Sequence[LogRecord], names: Names
) -> Iterator[EvaluationCompleted]:
    """The judgements of one trace; what is told as a record and as an event of the span is one."""
    seen: Counter[tuple[str, str]] = Counter()
    given: set[tuple[Any, ...]] = set()
    for judgement in _judgements(spans, records):
        score, label = _score(judgement.values), _label(judgement.values)
        error = text(judgement.values.get("error.type"), limit=_LONGEST_LABEL)
        if judgement.name is None and score is None and label is None:
            continue
        own = _evaluation_id(judgement)
        sent_again = (judgement.form, own, judgement.at_ms, score, label)
        if sent_again in given:
            continue
        seen[(judgement.form, own)] += 1
        count = seen[(judgement.form, own)]
        own = fitting(own if count == 1 else f"{own}:{count}")
        told_otherwise = (own, score, label)
        known = told_otherwise in given
        given |= {sent_again, told_otherwise}
        if known:
            continue
        failing = label is not None and judged_words.passed(label) is False
        by = names.stated_by(judgement.part)
        made = event(
            EvaluationCompleted, delivery, id=f"{own}:result:{by}", at_ms=judgement.at_ms, evaluation_id=own,
            test_run_id=_first(judgement.values, _RUNS) or carriers.test_run(judgement.values, judgement.part.resource),
            rubric=judgement.name, rubric_version=_first(judgement.values, _RUBRIC_VERSIONS),
            evaluator=_first(judgement.values, _EVALUATORS),
            evaluator_version=_first(judgement.values, _EVALUATOR_VERSIONS), score=score,
            # An evaluation that could not be made is told, so that nobody waits for it.
            label=label if label is not None or score is not None or error is None else f"error: {error}",
            failure_label=judgement.name if failing else None,
            span_id=judgement.part.span_id, **names.of(judgement.part, delivery.query),
        )  # fmt: skip
        yield told(made)


def _judgements(spans: Sequence[Span], records: Sequence[LogRecord]) -> Iterator[_Judgement]:
    for span in spans:
        told_inside = False
        for one in span.events:
            name = one.name or text(one.attributes.get("event.name")) or ""
            if _is_event(name):
                told_inside = True
                yield _Judgement(span, one.attributes, _rubric(name, one.attributes), one.time_ms, "event")
        if not told_inside and _is_judging(span):
            values = _of_judge(span) if span.name == "judge_evaluation" else span.attributes
            rubric = _rubric(span.name, values)
            yield _Judgement(span, values, rubric, span.end_ms or span.start_ms, "span")
    for record in records:
        tagged = _of_tagger(record)
        if tagged is not None:
            yield _Judgement(record, tagged, text(tagged.get(_NAME)), record.time_ms, "record")
            continue
        name = record.event_name or text(record.body) or ""
        if _is_event(name) or _NAME in record.attributes:
            yield _Judgement(record, record.attributes, _rubric(name, record.attributes), record.time_ms, "record")


def _is_event(name: str) -> bool:
    return name == _EVENT or name.startswith(f"{_EVENT}.")


def _is_judging(span: Span) -> bool:
    """LiveKit's spans around a judge, and spans that stand for the event where there are no events."""
    if span.name == "judge_evaluation":
        return True
    judged = _is_event(span.name) or _NAME in span.attributes
    return judged and (_score(span.attributes) is not None or _label(span.attributes) is not None)


def _rubric(event_name: str, values: Mapping[str, Any]) -> str | None:
    """What was judged; Azure's older events say it in their own name."""
    stated = text(values.get(_NAME))
    if stated is None and _is_event(event_name) and event_name not in (_EVENT, _RESULT, f"{_RESULT}s"):
        return text(event_name[len(_EVENT) + 1 :])
    return stated or (event_name if event_name == "judge_evaluation" else None)


def _of_judge(span: Span) -> Mapping[str, Any]:
    """LiveKit's judge; the one of its tests says only whether the message failed, as if it were a tool."""
    values = {_EVALUATORS[0]: "livekit/judge", **span.attributes}
    failed = boolean(values.get("lk.function_tool.is_error"))
    if _label(values) is None and failed is not None:
        values[_LABELS[0]] = "fail" if failed else "pass"
    if span.status == "error":
        values.setdefault("error.type", "_OTHER")
    return values


def _of_tagger(record: LogRecord) -> Mapping[str, Any] | None:
    """LiveKit's session report as records: one for each judge, and one for the outcome of the session."""
    if record.scope != _LIVEKIT_SCOPE and record.attributes.get("logger.name") != _LIVEKIT_SCOPE:
        return None
    judged, outcome = mapping(record.attributes.get("evaluation")), mapping(record.attributes.get("outcome"))
    if judged:
        return {_NAME: text(judged.get("name")), _LABELS[0]: judged.get("verdict"), _EVALUATORS[0]: "livekit/judge"}
    if outcome:
        return {_NAME: "session_outcome", _LABELS[0]: outcome.get("outcome"), _EVALUATORS[0]: "livekit/tagger"}
    return None


def _evaluation_id(judgement: _Judgement) -> str:
    """The same for the same judgement, whatever came with it."""
    stated = next((found for name in _IDS if (found := identifier(judgement.values.get(name))) is not None), None)
    part = judgement.part
    of = (
        part.trace_id, part.span_id, identifier(judgement.values.get("gen_ai.response.id")), own_name(part), stated,
        judgement.name,
    )  # fmt: skip
    return ":".join(one for one in of if one is not None) or f"{judgement.form}-{part.number}"


def _score(values: Mapping[str, Any]) -> float | None:
    found = next((one for name in _SCORES if (one := _as_score(values.get(name))) is not None), None)
    return None if found is None else float(found)


def _as_score(value: Any) -> float | int | None:
    return int(value) if isinstance(value, bool) else number(value)


def _label(values: Mapping[str, Any]) -> str | None:
    for name in _LABELS:
        stated = values.get(name)
        if isinstance(stated, bool):
            return "pass" if stated else "fail"
        if (found := text(stated)) is not None:
            return found if len(found) <= _LONGEST_LABEL else None
    return None


def _first(values: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((found for name in names if (found := text(values.get(name), limit=256)) is not None), None)
