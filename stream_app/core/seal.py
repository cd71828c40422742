"""The only place where a seal order and what was gathered for it become a manifest: gates, status, every field.

Pure: the same order, the same source objects and the same software version give the same bytes. No clock is read;
all times come from the order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stream_app.core.artifacts import Artifact
from stream_app.core.canonical import canonical_bytes, hash_of
from stream_app.core.checklist import checklist_of
from stream_app.core.claims.checked import check_claims, claim_findings
from stream_app.core.events import Reference
from stream_app.core.evidence import KIND_ORDER, Kind
from stream_app.core.gates import Subject, check_all
from stream_app.core.gates.manifest import UNKNOWN_HASH
from stream_app.core.gates.selftest import gates_digest
from stream_app.core.identities import TRACE_SCHEME
from stream_app.core.manifest import ArtifactUris, Manifest, ManifestEvidence, ManifestReview, SelectionDetail
from stream_app.core.orders import Missing, SealOrder
from stream_app.core.packet import (
    Finding,
    GateResult,
    ProducedBy,
    RedactionNote,
    Status,
    SupersededVersion,
)
from stream_app.core.selection import Facts
from stream_app.core.shown import evaluation_of, segment_of, tool_evidence_of
from stream_app.core.transcripts import TranscriptReport
from stream_app.core.wav import Measured


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the outside world gave for one order."""

    absent: tuple[Missing, ...] = ()
    """Artifacts that the evidence names and that were withheld or could not be read."""
    artifacts: tuple[Artifact, ...] = ()
    """Final: stored in the packet bucket, or pointed to with digest and size."""
    transcript: TranscriptReport | None = None
    recording: Reference | None = None
    previous_hash: str | None = None
    """Hash of the superseded version's manifest; None for version 1, or when it could not be read."""
    measured: Measured | None = None
    """What the recording's own header says; None where it has none that is read."""
    recording_problem: str | None = None
    """Why a recording that claims to be a WAV is none."""
    leaks: tuple[str, ...] = ()
    """Kinds of personal data that the leak gate still finds in what is to leave; never the values."""
    found: frozenset[Kind] = frozenset()
    """Kinds that the order names as missing, and that were found when it was sealed."""
    redaction: RedactionNote | None = None
    """Who made the transcript safe to show; None where nothing was searched."""


def order_digest(order: SealOrder) -> str:
    """What identifies an order: `sha256:<hex>` over its canonical JSON. Raises canonical.CanonicalError.

    Fields at their defaults are left out, so that an order from before a release that adds one keeps its digest.
    """
    return hash_of(canonical_bytes(order.model_dump(mode="json", by_alias=True, exclude_defaults=True)))


def decide(
    order: SealOrder, facts: Facts, gathered: Gathered, produced_by: ProducedBy, digest: str | None = None
) -> Manifest:
    """The manifest of this version, whatever its status; a packet that gates block is sealed too.

    `digest` is the order's (`order_digest`), where the caller has it already.
    """
    missing = _missing((gap for gap in order.missing if gap.kind not in gathered.found), gathered.absent)
    supersedes = _supersedes(order, gathered)
    tools = tool_evidence_of(facts)
    evaluation = evaluation_of(facts)
    claims, compared = check_claims(facts, gathered.transcript)
    gates = check_all(
        Subject(
            order=order,
            facts=facts,
            missing=missing,
            artifacts=gathered.artifacts,
            transcript=gathered.transcript,
            recording=gathered.recording,
            tools=tools,
            evaluation=evaluation,
            supersedes=supersedes,
            claims=compared,
            measured=gathered.measured,
            recording_problem=gathered.recording_problem,
            leaks=gathered.leaks,
        )
    )
    call = facts.primary("call")
    figures_only = order.review.export_level == "aggregate_only"
    manifest = Manifest(
        packet_id=order.order_id,
        version=order.version,
        supersedes=supersedes,
        status=status_of(gates, missing),
        completed_by=order.completed_by,
        sealed_at=order.decided_at,
        ended_at=order.ended_at,
        canonical_call_id=order.canonical_call_id,
        provider_aliases=order.aliases,
        further_aliases=order.further_aliases,
        selection_reason=order.selection.reason,
        other_reasons=order.selection.other_reasons,
        priority=order.selection.priority,
        trigger=order.selection.trigger,
        selection=SelectionDetail(
            inclusion_probability=order.selection.inclusion_probability, stratum=order.selection.stratum
        ),
        agent_version=call.event.get("agentVersion") if call is not None else None,
        trace_id=order.aliases.get(TRACE_SCHEME),
        artifacts=ArtifactUris.of(gathered.artifacts),
        objects=gathered.artifacts,
        tool_evidence=() if figures_only else tools,
        evaluation_result=evaluation,
        redaction_state="redacted" if order.review.export_level == "redacted_packet" else order.review.export_level,
        export_level=order.review.export_level,
        retention_class=order.review.retention_class,
        required=order.review.required,
        missing=missing,
        unread_sources=order.unread_sources,
        conflicts=order.conflicts,
        findings=(*_findings(order, facts), *claim_findings(compared)),
        claims=None if figures_only else claims,
        redaction=gathered.redaction,
        gates=gates,
        review=ManifestReview(
            owner=order.review.owner,
            reviewers=order.review.reviewers,
            status="queued",
            due_at=order.decided_at + order.review.sla_ms,
            allowed_outcomes=order.review.allowed_outcomes,
        ),
        policy=order.policy,
        produced_by=produced_by,
        order_digest=digest or order_digest(order),
        evidence=tuple(
            ManifestEvidence(
                kind=item.kind,
                event_id=item.event_id,
                topic=item.position.topic,
                partition=item.position.partition,
                offset=item.position.offset,
                digest=item.digest,
            )
            for item in order.items
        ),
        gates_digest=gates_digest(),
        segment=segment_of(facts),
    )
    return manifest.model_copy(update={"checklist": checklist_of(manifest)})


def status_of(gates: Iterable[GateResult], missing: tuple[Missing, ...]) -> Status:
    """Blocked over incomplete over complete."""
    if any(result.verdict == "block" for result in gates):
        return "blocked"
    return "incomplete" if missing else "complete"


def _missing(ordered: Iterable[Missing], absent: tuple[Missing, ...]) -> tuple[Missing, ...]:
    """One entry a kind, in packet order; what sealing found out is closer to the truth than what the join knew."""
    by_kind = {gap.kind: gap for gap in (*ordered, *absent)}
    return tuple(by_kind[kind] for kind in KIND_ORDER if kind in by_kind)


def _supersedes(order: SealOrder, gathered: Gathered) -> SupersededVersion | None:
    if order.supersedes is None:
        return None
    return SupersededVersion(
        version=order.supersedes.version,
        manifest_hash=gathered.previous_hash or UNKNOWN_HASH,
        reason=order.supersedes.reason,
    )


def _findings(order: SealOrder, facts: Facts) -> Iterable[Finding]:
    """What was computed about the evidence: of its tool calls, its conflicts, its clocks."""
    for tool in facts.tools:
        for finding in tool.findings:
            yield Finding(finding=finding, tool_call_id=tool.tool_call_id, occurrence=tool.occurrence)
    for conflict in order.conflicts:
        yield Finding(finding="conflicting_contents", event_id=conflict.event_id)
    for item in order.items:
        if item.skewed:
            yield Finding(finding="clock_skew", event_id=item.event_id)
