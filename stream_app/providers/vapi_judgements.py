"""The only place that knows how Vapi judges calls: its success evaluation, structured outputs and scorecards.

Summaries and what was extracted are content and stay away: of a structured output only what can be read as a judgement
comes through, a boolean, a small number or a word of a known scale.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from stream_app.core.events import Assertion, EvaluationCompleted
from stream_app.core.wire import Json
from stream_app.providers import judged_words
from stream_app.providers.reading import boolean, first, identifier, mapping, number, parsed, take, text
from stream_app.providers.restated import fitting
from stream_app.providers.vapi_call import Call, moment

_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)\s*%")
_HIGHEST = {"numericscale": 10.0, "percentagescale": 100.0}
"""Scales of a success evaluation that end in a number."""
_LARGEST_SCORE = 100.0
"""A larger number is no grade, but an amount, an account, a phone number."""
_MAX_JUDGED = 500
_SAYS_SUCCESS = re.compile(r"success|pass|achiev|resolv|complet|complian|objective|goal", re.IGNORECASE)
"""A question by this name is answered with yes when the call went well."""


def of_report(call: Call) -> list[EvaluationCompleted]:
    """Every judgement of a report."""
    return [*_success(call), *_outputs(call), *_scorecards(call)]


def _success(call: Call) -> Iterator[EvaluationCompleted]:
    analysis = next((found for place in (call.message, call.call) if (found := mapping(take(place, "analysis")))), {})
    verdict = take(analysis, "successEvaluation")
    if verdict is None or verdict == "":
        return
    rubric = call.setting("analysisPlan", "successEvaluationPlan", "rubric") or call.setting(
        "analysisPlan", "successEvaluationRubric"
    )
    yield _evaluation(
        call, "successEvaluation", "successEvaluation", evaluator="vapi/analysis", rubric_version=rubric,
        score=_score(verdict, _HIGHEST.get((rubric or "").lower())), label=judged_words.label(verdict, any_word=True),
        passed=judged_words.passed(verdict), at_ms=call.at_ms,
    )  # fmt: skip


def _score(verdict: Json, highest: float | None) -> float | None:
    """A number as a share of the scale's end, where that is known; else as it is stated. 0 is a score."""
    if isinstance(verdict, str) and (match := _PERCENT.fullmatch(verdict.strip())) is not None:
        return float(match[1]) / 100
    found = number(verdict)
    if found is None or abs(found) > _LARGEST_SCORE:
        return None
    return float(found) / highest if highest is not None else float(found)


def _outputs(call: Call) -> Iterator[EvaluationCompleted]:
    updated = next((take(place, "structuredOutputsLastUpdatedAt") for place in call.artifacts), None)
    at_ms = call.at_ms if moment(updated) is None else moment(updated)
    for id, output in _entries(call, "structuredOutputs"):
        result = parsed(take(output, "result"))
        # A schema of several fields may judge in some of them.
        verdict = first(result, "passed", "success", "successful") if isinstance(result, dict) else result
        score = _score(take(result, "score") if isinstance(result, dict) else result, None)
        passed, label = judged_words.passed(verdict), judged_words.label(verdict)
        if isinstance(result, bool) and not _SAYS_SUCCESS.search(text(output, "name") or ""):
            # "wants a callback: no" is no failure.
            passed, label = None, "true" if result else "false"
        if score is not None or label is not None:
            yield _evaluation(
                call, f"output:{id}", text(output, "name") or id, evaluator="vapi/structured-output",
                score=score, label=label, passed=passed, at_ms=at_ms,
            )  # fmt: skip


def _scorecards(call: Call) -> Iterator[EvaluationCompleted]:
    """Points out of a hundred."""
    for id, card in _entries(call, "scorecards"):
        normalised, points = number(card, "scoreNormalized"), number(card, "score")
        score = points if normalised is None else normalised / 100
        if score is None:
            continue
        yield _evaluation(
            call, f"scorecard:{id}", text(card, "name") or id, evaluator="vapi/scorecard", score=float(score),
            label=None, passed=boolean(card, "passed"), at_ms=call.at_ms,
        )  # fmt: skip


def _entries(call: Call, name: str) -> Iterator[tuple[str, Any]]:
    """(id, what was found) of an object that is keyed by ID, or of a list."""
    stated = next((found for place in call.artifacts if isinstance(found := take(place, name), dict | list)), None)
    pairs = list(stated.items()) if isinstance(stated, dict) else [(None, one) for one in stated or ()]
    for key, one in pairs[:_MAX_JUDGED]:
        id = text(identifier(one, "id") if key is None else key, limit=128)
        if id is not None and isinstance(one, dict):
            yield id, one


def _evaluation(
    call: Call, judged: str, rubric: str, *, at_ms: int | None, passed: bool | None, **fields: Any
) -> EvaluationCompleted:
    return call.tell(
        EvaluationCompleted,
        f"evaluation:{judged}",
        at_ms=at_ms,
        evaluation_id=fitting(f"{call.name}:{judged}"),
        test_run_id=call.names["aliases"].get("testRunId"),
        rubric=rubric,
        assertions=() if passed is None else (Assertion(name=rubric, passed=passed),),
        **fields,
    )
