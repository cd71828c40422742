"""The only place for what a policy says of gates: how strict each is, by the packet's reason and export level.

`required` is usual: a gate warns and blocks as it was written. `strict`: what it warns of blocks too, but for absence
that `missing[]` names. `advisory`: it only warns; not for gates that judge a conflict, a leak, a channel or a proof.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, model_validator

from stream_app.core.conditions import Strict
from stream_app.core.orders import SelectionReason
from stream_app.core.packet import ExportLevel, GateName

Strictness = Literal["strict", "required", "advisory"]
MAY_ADVISE: tuple[GateName, ...] = ("trace", "evaluation", "review")
"""Gates that a policy may make advisory; the others are what makes a packet safe."""


class GateRow(Strict):
    """How strict one gate is. No reasons, no levels: with every packet."""

    gate: GateName
    strictness: Strictness
    reasons: Annotated[tuple[SelectionReason, ...], Field(max_length=8)] = ()
    levels: Annotated[tuple[ExportLevel, ...], Field(max_length=3)] = ()

    @model_validator(mode="after")
    def _safe(self) -> GateRow:
        if self.strictness == "advisory" and self.gate not in MAY_ADVISE:
            raise ValueError(f"{self.gate} keeps others safe and cannot be advisory; {', '.join(MAY_ADVISE)} can")
        return self


def strictness_of(rows: Iterable[GateRow], reason: str, level: str) -> dict[str, Literal["strict", "advisory"]]:
    """Gates that are not as usual with such a packet. The first row that fits a gate decides."""
    found: dict[str, Strictness] = {}
    for row in rows:
        if (not row.reasons or reason in row.reasons) and (not row.levels or level in row.levels):
            found.setdefault(row.gate, row.strictness)
    return {gate: strictness for gate, strictness in found.items() if strictness != "required"}
