"""Judgements in spans and log records: once each, 0 as a value, versions where they are said."""

from __future__ import annotations

from stream_app.core.events import EvaluationCompleted
from tests.providers.trying import Trying

OTEL = Trying("otel")


def test_a_record_is_a_judgement() -> None:
    (made,) = OTEL.of(EvaluationCompleted, OTEL.own("evaluation-record"))
    assert made.rubric
    assert made.score is not None or made.label is not None


def test_what_is_told_in_a_span_and_again_in_a_record_is_told_once() -> None:
    document = OTEL.own("evaluation-in-span-and-record")
    made = OTEL.of(EvaluationCompleted, document)
    assert [(event.score, event.label) for event in made] == [(0.0, "fail"), (1.0, "pass")]
    assert len({event.evaluation_id for event in made}) == 2, "one that was judged again is another"


def test_an_evaluation_that_failed_is_told_so_that_nobody_waits() -> None:
    (made,) = OTEL.of(EvaluationCompleted, OTEL.own("evaluation-that-failed"))
    assert (made.score, (made.label or "").partition(":")[0]) == (None, "error")
