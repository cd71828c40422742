"""Vectors hold, and a gate that was weakened, or has none, is found out."""

from __future__ import annotations

from typing import get_args

import pytest

from stream_app.core.gates import GATES, MODULES, check_all
from stream_app.core.gates.example import changed_example, subject_of
from stream_app.core.gates.selftest import gates_digest, try_gates, untried
from stream_app.core.gates.vectors import VECTORS, Vector
from stream_app.core.packet import GateName, GateResult


@pytest.mark.parametrize("number", range(len(VECTORS)))
def test_every_vector_holds(number: int) -> None:
    (tried,) = try_gates(vectors=(VECTORS[number],))
    assert tried.held, (tried.vector, tried.result)


def test_a_rejected_vector_is_rejected_by_its_own_gate_alone() -> None:
    for one in VECTORS:
        if one.verdict == "block":
            blocking = [found.gate for found in check_all(subject_of(changed_example(one.changes)))
                        if found.verdict == "block"]  # fmt: skip
            assert blocking == [one.gate], one


def test_every_gate_has_rules_and_vectors() -> None:
    assert untried() == ()
    assert [name for name, _ in MODULES] == [name for name, _ in GATES] == list(get_args(GateName))
    assert all(module.RULES for _, module in MODULES)
    assert untried(vectors=[one for one in VECTORS if one.gate != "audio"]) == (
        "audio has no vector that must block",
        "audio has no vector that must pass",
    )


@pytest.mark.parametrize("name", get_args(GateName))
def test_a_gate_that_lets_everything_pass_fails_its_vectors(name: GateName) -> None:
    weak = [(known, (lambda _, known=known: GateResult(gate=known, verdict="pass")) if known == name else gate)
            for known, gate in GATES]  # fmt: skip
    assert {one.vector.gate for one in try_gates(weak) if not one.held} == {name}  # type: ignore[arg-type]


def test_the_right_verdict_for_another_reason_does_not_hold() -> None:
    (tried,) = try_gates(vectors=[Vector("review", "block", "a reason nobody gives", (("order.review.owner", " "),))])
    assert (tried.result.verdict, tried.held) == ("block", False)


def test_the_digest_changes_with_rules_and_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    from stream_app.core.gates import selftest, trace

    before = gates_digest.__wrapped__()
    assert before == gates_digest()
    monkeypatch.setattr(trace, "RULES", (*trace.RULES, "warn: another"))
    assert gates_digest.__wrapped__() != before
    monkeypatch.undo()
    monkeypatch.setattr(selftest, "VECTORS", VECTORS[:-1])
    assert gates_digest.__wrapped__() != before
