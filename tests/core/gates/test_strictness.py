"""Strictness by policy: warnings may block, safe gates never soften, honest absence never blocks."""

from __future__ import annotations

from typing import get_args

import pytest

from stream_app.core.gate_rows import MAY_ADVISE
from stream_app.core.gates.strictness import tempered
from stream_app.core.gates.subject import named
from stream_app.core.orders import Missing
from stream_app.core.packet import GateName, GateResult

GAP = Missing(kind="trace", reason="never_seen")


def result(gate: GateName, verdict: str, *reasons: str) -> GateResult:
    return GateResult(gate=gate, verdict=verdict, reasons=reasons)  # type: ignore[arg-type]


@pytest.mark.parametrize("gate", get_args(GateName))
def test_usual_strictness_changes_nothing(gate: GateName) -> None:
    for verdict in ("pass", "warn", "block"):
        one = result(gate, verdict, *(("a",) if verdict != "pass" else ()))
        assert tempered(one, None, ()) == tempered(one, "required", ()) == one


def test_a_strict_gate_blocks_what_it_would_warn_of() -> None:
    assert tempered(result("trace", "warn", "no trace ID"), "strict", ()).verdict == "block"
    assert tempered(result("trace", "pass"), "strict", ()).verdict == "pass"


def test_absence_that_missing_names_never_blocks() -> None:
    assert tempered(result("trace", "warn", named(GAP)), "strict", (GAP,)).verdict == "warn"
    assert tempered(result("trace", "warn", named(GAP)), "strict", ()).verdict == "block"
    assert tempered(result("trace", "warn", named(GAP), "no trace ID"), "strict", (GAP,)).verdict == "block"


@pytest.mark.parametrize("gate", get_args(GateName))
def test_only_gates_that_guard_nothing_can_be_made_advisory(gate: GateName) -> None:
    softened = tempered(result(gate, "block", "a"), "advisory", ())
    assert (softened.verdict == "warn") == (gate in MAY_ADVISE)
    assert softened.reasons == ("a",)
