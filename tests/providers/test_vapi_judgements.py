"""Vapi's judgements: scores by their scale, verdicts as labels, and no content."""

from __future__ import annotations

from typing import Any

import pytest

from stream_app.core.events import EvaluationCompleted
from tests.providers.trying import Trying

VAPI = Trying("vapi")


def test_judgements_come_with_their_rubric_and_zero_is_a_score() -> None:
    judged = {event.rubric: event for event in VAPI.of(EvaluationCompleted, VAPI.own("end-of-call-report"))}
    assert set(judged) == {"successEvaluation", "csat", "resolved", "Quality", "Tone"}
    assert judged["successEvaluation"].label == "failure"
    assert [(one.name, one.passed) for one in judged["successEvaluation"].assertions] == [("successEvaluation", False)]
    assert judged["successEvaluation"].rubric_version == "PassFail"
    assert judged["csat"].score == 0.0
    assert judged["resolved"].label == "failure"
    assert judged["Quality"].score == 0.0
    assert judged["Tone"].score == 0.85
    assert all(event.test_run_id == "run-3" for event in judged.values())


@pytest.mark.parametrize(
    ("verdict", "rubric", "score", "label"),
    [
        ("true", None, None, "success"),
        (True, None, None, "success"),
        ("0", None, 0.0, None),
        ("7", "NumericScale", 0.7, None),
        ("85%", None, 0.85, None),
        (40, "PercentageScale", 0.4, None),
        ("Strongly Disagree", "LikertScale", None, "Strongly Disagree"),
        ("escalated", None, None, "escalated"),
        ("Jane Doe was helped well.", None, None, None),
    ],
)
def test_success_is_read_by_its_scale(verdict: Any, rubric: str | None, score: float | None, label: str | None) -> None:
    document = VAPI.own("end-of-call-report")
    document["message"]["analysis"]["successEvaluation"] = verdict
    document["message"]["assistant"]["analysisPlan"]["successEvaluationPlan"]["rubric"] = rubric
    evaluation = VAPI.of(EvaluationCompleted, document)[0]
    assert (evaluation.score, evaluation.label) == (score, label)


def test_a_boolean_that_is_not_about_success_is_no_failure() -> None:
    document = VAPI.own("end-of-call-report")
    document["message"]["artifact"]["structuredOutputs"] = {"so-9": {"name": "wantsCallback", "result": False}}
    (judged,) = [one for one in VAPI.of(EvaluationCompleted, document) if one.rubric == "wantsCallback"]
    assert (judged.label, judged.assertions) == ("false", ())
