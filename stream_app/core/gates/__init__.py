"""Quality gates a packet passes before it leaves: one file a gate, and the tuple `GATES` that makes them count.

A new gate is a file here with `RULES` and `check(subject) -> GateResult`, its name in `packet.GateName`, a line below,
and vectors in `vectors`: a packet that it must pass, and one for each thing that it must reject.
"""

from typing import Protocol

from stream_app.core.gates import audio, evaluation, identity, manifest, review, tool_evidence, trace, transcript
from stream_app.core.gates.strictness import tempered
from stream_app.core.gates.subject import Gate, Subject
from stream_app.core.packet import GateName, GateResult


class GateModule(Protocol):
    """What the file of a gate holds."""

    @property
    def RULES(self) -> tuple[str, ...]:  # noqa: N802
        """What it blocks and warns of, in words."""
        ...


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

MODULES: tuple[tuple[GateName, GateModule], ...] = (
    ("identity", identity),
    ("transcript", transcript),
    ("audio", audio),
    ("trace", trace),
    ("tool_evidence", tool_evidence),
    ("evaluation", evaluation),
    ("manifest", manifest),
    ("review", review),
)
"""The same, with their rules in words."""


def check_all(subject: Subject) -> tuple[GateResult, ...]:
    """One result a gate, in the order of `GATES`, as strict as the policy is with it."""
    return tuple(tempered(gate(subject), subject.order.review.gates.get(name), subject.missing) for name, gate in GATES)


__all__ = ["GATES", "MODULES", "Gate", "Subject", "check_all"]
