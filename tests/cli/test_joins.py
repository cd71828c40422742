"""`stream-app joins list` in words; with real workers it is in tests/scenarios/test_whereabouts.py."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stream_app.cli import asking
from stream_app.cli.joins import joins

ROW = {
    "canonicalCallId": "call-1", "ageS": 725.0, "deadlineAt": "2026-06-03T18:55:00.000Z",
    "reasons": ["failed_tool_call"],
    "missing": [{"kind": "evaluation", "expectedFrom": "evaluation-completed"}],
}  # fmt: skip
FOUND = {
    "count": 3, "joins": [ROW], "unanswered": [],
    "by": {"source": {"evaluation-completed": 3, "tool-call": 1}, "missing": {}, "policy": {}},
}  # fmt: skip


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a worker is asked, and what it says."""
    said: dict[str, Any] = {"answer": (200, FOUND)}

    def ask(_settings: Any, _url: str | None, path: str, _within_s: float) -> Any:
        said["path"] = path
        return said["answer"]

    monkeypatch.setattr(asking, "ask", ask)
    return said


def listed(*words: str) -> Result:
    return CliRunner().invoke(joins, ["list", *words])


def test_the_oldest_calls_and_how_many_more_there_are(asked: dict[str, Any]) -> None:
    shown = listed("--missing", "evaluation", "--older-than", "10m", "--limit", "1")
    assert shown.exit_code == 0
    assert shown.output.splitlines() == [
        "  12m05s  call-1  deadline 2026-06-03T18:55:00.000Z  waits for evaluation (evaluation-completed)"
        "  for failed_tool_call",
        "and 2 more",
    ]
    assert asked["path"] == "/v1/joins?missing=evaluation&olderThan=10m&limit=1"


@pytest.mark.usefixtures("asked")
def test_counts_by_source() -> None:
    assert listed("--by", "source").output == "       3  evaluation-completed\n       1  tool-call\n"
    assert listed("--by", "missing").output == "no call waits\n"


@pytest.mark.usefixtures("asked")
def test_json_is_the_worker_s_answer() -> None:
    assert json.loads(listed("--json").output) == {**FOUND, "answeredBy": "worker"}


def test_an_answer_that_may_be_short_exits_1_and_none_exits_3(asked: dict[str, Any]) -> None:
    asked["answer"] = (200, {**FOUND, "unanswered": ["join/3"]})
    short = listed()
    assert short.exit_code == 1
    assert "join/3 did not answer" in short.output
    asked["answer"] = (503, {"detail": "no join answered", "unanswered": ["join/0"]})
    assert listed().exit_code == 3


@pytest.mark.parametrize("words", [("--missing", "x"), ("--older-than", "10"), ("--by", "owner"), ("--limit", "-1")])
def test_what_is_asked_wrongly_exits_2(words: tuple[str, str]) -> None:
    assert listed(*words).exit_code == 2
