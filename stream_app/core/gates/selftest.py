"""The only place that tries the gates on their vectors, and takes the digest of their rules and vectors.

The digest stands in each manifest: two packets with the same digest were judged alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from stream_app.core.canonical import canonical_bytes, hash_of
from stream_app.core.gates import GATES, MODULES
from stream_app.core.gates.audio import TOLERANCE_MS, TOLERANCE_SHARE
from stream_app.core.gates.example import EXAMPLE, changed_example, subject_of
from stream_app.core.gates.subject import Gate
from stream_app.core.gates.vectors import VECTORS, Vector
from stream_app.core.packet import GateName, GateResult


@dataclass(frozen=True, slots=True)
class Tried:
    """One vector, and what its gate said."""

    vector: Vector
    result: GateResult

    @property
    def held(self) -> bool:
        """Whether the verdict is the one demanded, for the reason demanded."""
        told = self.vector.told
        return self.result.verdict == self.vector.verdict and (
            not self.result.reasons if not told else any(told in reason for reason in self.result.reasons)
        )


def try_gates(gates: Iterable[tuple[GateName, Gate]] = GATES, vectors: Iterable[Vector] = VECTORS) -> tuple[Tried, ...]:
    """Every vector on its gate, in their order; KeyError for a vector whose gate is not registered."""
    by_name = dict(gates)
    return tuple(Tried(one, by_name[one.gate](subject_of(changed_example(one.changes)))) for one in vectors)


def untried(gates: Iterable[tuple[GateName, Gate]] = GATES, vectors: Iterable[Vector] = VECTORS) -> tuple[str, ...]:
    """What the vectors leave out: a gate that none of them must reject a packet, or none pass one."""
    given = {(one.gate, one.verdict) for one in vectors}
    return tuple(
        f"{name} has no vector that must {verdict}"
        for name, _ in gates
        for verdict in ("block", "pass")
        if (name, verdict) not in given
    )


@cache
def gates_digest() -> str:
    """`sha256:<hex>` over the canonical JSON of every gate's rules, thresholds and vectors, and the example call."""
    return hash_of(
        canonical_bytes(
            {
                "example": EXAMPLE,
                "thresholds": {"audioMs": TOLERANCE_MS, "audioShare": TOLERANCE_SHARE},
                "gates": [
                    {
                        "gate": name,
                        "rules": list(module.RULES),
                        "vectors": [
                            {
                                "verdict": one.verdict,
                                "told": one.told,
                                "changes": [list(change) for change in one.changes],
                            }
                            for one in VECTORS
                            if one.gate == name
                        ],
                    }
                    for name, module in MODULES
                ],
            }
        )
    )
