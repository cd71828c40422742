"""The evaluation gate: a score that can be interpreted."""

from __future__ import annotations

import pytest

from tests.core.gates.subjects import Case, evaluated, holds, required, unnamed

CASES: tuple[Case, ...] = (
    ("block", lambda: unnamed("evaluation"), "evaluation is required"),
    ("block", lambda: evaluated(rubric=...), "no rubric"),
    ("block", lambda: evaluated(rubricVersion=...), "no rubric version"),
    ("block", lambda: evaluated(evaluatorVersion=...), "no evaluator version"),
    ("block", lambda: evaluated(score=..., label=...), "neither score nor label"),
    ("warn", lambda: required("evaluation"), "evaluation is missing"),
    ("warn", lambda: evaluated(failureLabel=...), "no failure label"),
    ("pass", lambda: evaluated(score=...), ""),
    ("pass", lambda: evaluated(score=0.0, label=...), ""),
    ("pass", lambda: evaluated(failureLabel=..., assertions=[]), ""),
)


@pytest.mark.parametrize("case", CASES)
def test_evaluation(case: Case) -> None:
    holds("evaluation", case)
