"""All tests run, each once, and what went wrong in one part is said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools import side_by_side

TESTS = Path(__file__).parents[1]


def test_every_test_file_is_in_one_part() -> None:
    chosen = side_by_side.parts(TESTS)
    found = [
        file for part in chosen for one in part for file in ([one] if one.is_file() else sorted(one.rglob("test_*.py")))
    ]
    assert sorted(found) == sorted(TESTS.rglob("test_*.py"))
    assert all(one.exists() for part in chosen for one in part), "a room that is named is there"


def test_the_worst_part_decides_and_is_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name, body in (("good", "assert True"), ("bad", "assert 6 * 9 == 42, 'the question was another one'")):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"test_{name}.py").write_text(f"def test_one() -> None:\n    {body}\n")
    assert side_by_side.run([[tmp_path / "good"]], dict(os.environ)) == 0
    assert side_by_side.run([[tmp_path / "bad"], [tmp_path / "good"]], dict(os.environ)) == 1
    said = capfd.readouterr().out
    assert "the question was another one" in said
    assert said.count("good: 1 passed") == 2
    assert "bad: 1 failed" in said


def test_a_stack_that_is_given_is_used_and_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(side_by_side.STACK, "somewhere")
    with side_by_side.stack() as directory:
        assert directory == "somewhere"
