"""The trace gate: an engineer can open the spans."""

from __future__ import annotations

import pytest

from tests.core.gates.subjects import Case, holds, optional, order_with, required, reviewed, unnamed

CASES: tuple[Case, ...] = (
    ("block", lambda: unnamed("trace"), "trace is required"),
    ("warn", lambda: required("trace"), "trace is missing"),
    ("warn", lambda: order_with(aliases={"livekitRoom": "r"}), "no trace ID"),
    ("pass", lambda: optional("trace"), ""),
    ("pass", lambda: reviewed(owner="qa", reviewers=("qa",), base=order_with(aliases={"livekitRoom": "r"})), ""),
)


@pytest.mark.parametrize("case", CASES)
def test_trace(case: Case) -> None:
    holds("trace", case)
