"""`stream-app gates`: what it says, and that a gate that lets things pass is a negative answer."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from stream_app.cli.gates import gates
from stream_app.core.gates import GATES, selftest, vectors
from stream_app.core.gates.selftest import gates_digest


def test_the_gates_hold_and_their_digest_is_said() -> None:
    result = CliRunner().invoke(gates, ["selftest"])
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1] == gates_digest()
    assert len(result.output.splitlines()) == len(GATES) + 1


def test_each_vector_is_told_in_json() -> None:
    result = CliRunner().invoke(gates, ["selftest", "--json"])
    document = json.loads(result.output)
    assert document["ok"] is True
    assert len(document["vectors"]) == len(vectors.VECTORS)
    assert {row["gate"] for row in document["vectors"] if row["verdict"] == "block"} == {name for name, _ in GATES}


def test_a_vector_that_does_not_hold_is_exit_1(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = vectors.Vector("review", "block", "no owner", ())
    given = (*vectors.VECTORS, wrong)
    monkeypatch.setattr(selftest.try_gates, "__defaults__", (GATES, given))
    result = CliRunner().invoke(gates, ["selftest"])
    assert result.exit_code == 1
    assert "FAILED review" in result.output


def test_the_rules_are_told_gate_by_gate() -> None:
    told = json.loads(CliRunner().invoke(gates, ["rules", "--json"]).output)
    assert list(told) == [name for name, _ in GATES]
    assert "audio\n" in CliRunner().invoke(gates, ["rules"]).output
