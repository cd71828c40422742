"""Quality gates a packet passes before it leaves: one file a gate, and the tuple `GATES` that makes them count.

A new gate is a file here with `check(subject) -> GateResult`, its name in `packet.GateName`, and a line below.
"""

from stream_app.core.gates import audio, evaluation, identity, manifest, review, tool_evidence, trace, transcript
from stream_app.core.gates.subject import Gate, Subject
from stream_app.core.packet import GateName, GateResult

GATES: tuple[tuple[GateName, Gate], ...] = (
    ("identity", identity.check),
    ("transcript", transcript.check),
    ("audio", audio.check),
    ("trace", trace.check),
    ("tool_evidence", tool_evidence.check),
    ("evaluation", evaluation.check),
    ("manifest", manifest.check),
    ("review", review.check),
)
"""Every gate, in the order in which a packet lists them."""


def check_all(subject: Subject) -> tuple[GateResult, ...]:
    """One result a gate, in the order of `GATES`."""
    return tuple(gate(subject) for _, gate in GATES)


__all__ = ["GATES", "Gate", "Subject", "check_all"]
