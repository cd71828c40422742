"""The only place where a gate's verdict meets the policy's strictness (`core.gate_rows` says what the words mean)."""

from __future__ import annotations

from stream_app.core.gate_rows import MAY_ADVISE
from stream_app.core.gates.subject import named
from stream_app.core.orders import Missing
from stream_app.core.packet import GateResult


def tempered(result: GateResult, strictness: str | None, missing: tuple[Missing, ...]) -> GateResult:
    """The result as it counts. None means `required`."""
    if strictness == "strict" and result.verdict == "warn":
        honest = {named(gap) for gap in missing}
        if any(reason not in honest for reason in result.reasons):
            return result.model_copy(update={"verdict": "block"})
    if strictness == "advisory" and result.verdict == "block" and result.gate in MAY_ADVISE:
        return result.model_copy(update={"verdict": "warn"})
    return result
