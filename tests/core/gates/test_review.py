"""The review gate: somebody owns it and knows the outcomes."""

from __future__ import annotations

import pytest

from tests.core.gates.subjects import Case, holds, reviewed

CASES: tuple[Case, ...] = (
    ("block", lambda: reviewed(owner=" "), "no owner"),
    ("block", lambda: reviewed(allowed_outcomes=()), "no outcome"),
    ("block", lambda: reviewed(sla_ms=0), "due before"),
    ("warn", lambda: reviewed(allowed_outcomes=("bug",)), "cannot choose no_issue"),
)


@pytest.mark.parametrize("case", CASES)
def test_review(case: Case) -> None:
    holds("review", case)
