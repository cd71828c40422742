"""The steps have their names where they happen, cost nothing in production, and no setting of the product can watch."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

import pytest

from stream_app.runtime import steps

RUNTIME = Path(steps.__file__).parent
PACKAGE = RUNTIME.parent


def calls_of(function: str, path: Path) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function
    ]


def test_the_tuple_has_every_step_once_and_in_the_same_order() -> None:
    assert get_args(steps.Step) == steps.STEPS
    assert len(set(steps.STEPS)) == len(steps.STEPS)


def test_nobody_watches_by_default() -> None:
    assert steps.watch is None
    steps.reached("folded")


def test_who_watches_is_told_and_may_stop_it_there(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(steps, "watch", told.append)
    for step in steps.STEPS:
        steps.reached(step)
    assert tuple(told) == steps.STEPS

    def stop(step: str) -> None:
        raise InterruptedError(step)

    monkeypatch.setattr(steps, "watch", stop)
    with pytest.raises(InterruptedError, match="committed"):
        steps.reached("committed")


def test_every_step_is_reached_somewhere_and_none_that_has_no_name() -> None:
    named: set[str] = set()
    for path in RUNTIME.glob("*.py"):
        for call in calls_of("reached", path):
            (step,) = call.args
            assert isinstance(step, ast.Constant), f"{path.name}:{call.lineno} reaches a step that is not a literal"
            named.add(str(step.value))
    assert named == set(steps.STEPS)


def test_no_part_of_the_product_watches() -> None:
    """The harness does, from an entry point of its own."""
    setters = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Attribute) and target.attr == "watch" for target in node.targets)
        and any(
            isinstance(target.value, ast.Name) and target.value.id == "steps"
            for target in node.targets
            if isinstance(target, ast.Attribute)
        )
    ]
    assert setters == []
