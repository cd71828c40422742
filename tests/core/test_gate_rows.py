"""What a policy may say of gates: by reason and level, never so that a packet becomes unsafe."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from stream_app.core.gate_rows import MAY_ADVISE, GateRow, strictness_of
from stream_app.core.packet import GateName


def row(**fields: object) -> GateRow:
    return GateRow.from_dict({"gate": "trace", "strictness": "strict", **fields})


def test_the_first_row_that_fits_a_gate_decides() -> None:
    rows = (
        row(reasons=["scheduled_sample"], strictness="required"),
        row(),
        row(gate="review", strictness="advisory", levels=["aggregate_only"]),
    )
    assert strictness_of(rows, "failed_tool_call", "redacted_packet") == {"trace": "strict"}
    assert strictness_of(rows, "scheduled_sample", "redacted_packet") == {}
    assert strictness_of(rows, "scheduled_sample", "aggregate_only") == {"review": "advisory"}
    assert strictness_of((), "failed_tool_call", "redacted_packet") == {}


@pytest.mark.parametrize("gate", get_args(GateName))
def test_no_policy_softens_what_keeps_others_safe(gate: str) -> None:
    if gate in MAY_ADVISE:
        assert row(gate=gate, strictness="advisory").strictness == "advisory"
    else:
        with pytest.raises(ValidationError, match="cannot be advisory"):
            row(gate=gate, strictness="advisory")
    assert row(gate=gate).strictness == "strict"


@pytest.mark.parametrize("fields", [{"gate": "smell"}, {"strictness": "off"}, {"reasons": ["boredom"]}, {"x": 1}])
def test_unknown_words_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        row(**fields)
