"""The identity gate: does one canonical ID stand for all of it."""

from __future__ import annotations

import pytest

from tests.core.gates.subjects import Case, called, holds, order_with, required, unnamed, with_conflict

CASES: tuple[Case, ...] = (
    ("block", with_conflict, "2 different contents"),
    ("block", lambda: unnamed("call"), "call is required"),
    ("warn", lambda: required("call"), "call is missing: never_seen"),
    ("warn", lambda: order_with(aliases={}), "no provider alias"),
    ("warn", lambda: called(agentVersion=...), "which agent version"),
)


@pytest.mark.parametrize("case", CASES)
def test_identity(case: Case) -> None:
    holds("identity", case)
