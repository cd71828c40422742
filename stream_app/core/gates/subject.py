"""The only place for what a gate looks at: one packet before it leaves, and what its sources turned out to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from stream_app.core.artifacts import Artifact
from stream_app.core.claims import Compared
from stream_app.core.events import Reference
from stream_app.core.evidence import Kind
from stream_app.core.orders import Missing, SealOrder
from stream_app.core.packet import EvaluationResult, GateName, GateResult, SupersededVersion, ToolEvidence
from stream_app.core.selection import Facts
from stream_app.core.transcripts import TranscriptReport
from stream_app.core.wav import Measured


@dataclass(frozen=True, slots=True)
class Subject:
    """A packet about to be sealed. `transcript` is None when none was read; `artifacts` are final."""

    order: SealOrder
    facts: Facts
    missing: tuple[Missing, ...]
    artifacts: tuple[Artifact, ...]
    transcript: TranscriptReport | None
    recording: Reference | None
    """What its producer says of the recording that `artifacts` points to."""
    tools: tuple[ToolEvidence, ...]
    evaluation: EvaluationResult | None
    supersedes: SupersededVersion | None
    claims: Compared = field(default_factory=Compared)
    """What the agent said it did, beside what its tool calls prove."""
    measured: Measured | None = None
    """What the recording's own header says; None where it has none that is read."""
    recording_problem: str | None = None
    """Why a recording that claims to be a WAV is none."""
    leaks: tuple[str, ...] = ()
    """Kinds of personal data still found in what is to leave; never the values."""

    def artifact(self, name: str) -> Artifact | None:
        """The artifact of this name, if the packet has it."""
        return next((one for one in self.artifacts if one.name == name), None)

    def gap(self, kind: Kind) -> Missing | None:
        """The entry of `missing[]` for this kind."""
        return next((one for one in self.missing if one.kind == kind), None)

    def requires(self, kind: Kind) -> bool:
        """Whether the policy required this kind of this packet."""
        return kind in self.order.review.required

    @property
    def figures_only(self) -> bool:
        """Whether the packet's export level leaves artifacts out altogether."""
        return self.order.review.export_level == "aggregate_only"

    @property
    def raw(self) -> bool:
        """Whether the packet's export level is for readers who may see what is not redacted."""
        return self.order.review.export_level == "raw_restricted"


Gate = Callable[[Subject], GateResult]


def verdict(gate: GateName, *, block: list[str], warn: list[str]) -> GateResult:
    """The result with the worse of the two kinds of reasons; none of either passes."""
    if block:
        return GateResult(gate=gate, verdict="block", reasons=(*block, *warn))
    return GateResult(gate=gate, verdict="warn" if warn else "pass", reasons=tuple(warn))


def absence(subject: Subject, kind: Kind) -> tuple[list[str], list[str]]:
    """(block, warn) for a kind that is not there: named in `missing[]` it warns, required and unnamed it blocks."""
    gap = subject.gap(kind)
    if gap is not None:
        return [], [named(gap)]
    if subject.requires(kind):
        return [f"{kind} is required, absent, and not named as missing"], []
    return [], []


def named(gap: Missing) -> str:
    """How a gate warns of what `missing[]` names: the packet is honest about it, so no strictness makes it a block."""
    return f"{gap.kind} is missing: {gap.reason}"
