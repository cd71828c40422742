"""The only place for the packet's public shape: what reviewers and subscribers get for one version of one call."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from stream_app.core.checklist import ChecklistLine
from stream_app.core.evidence import Kind
from stream_app.core.instants import Instant
from stream_app.core.model import Identifier, Model
from stream_app.core.orders import CompletedBy, Missing, PolicyRef, Priority, SelectionReason

Status = Literal["complete", "incomplete", "blocked"]
Verdict = Literal["pass", "warn", "block"]
GateName = Literal["identity", "transcript", "audio", "trace", "tool_evidence", "evaluation", "manifest", "review"]
ExportLevel = Literal["aggregate_only", "redacted_packet", "raw_restricted"]
ReviewStatus = Literal["queued", "reviewed", "promoted_to_test", "ignored"]


class GateResult(Model):
    """One gate's verdict, with its reasons where it did not pass."""

    gate: GateName
    verdict: Verdict
    reasons: tuple[str, ...] = ()


class Finding(Model):
    """Something computed about the evidence, not claimed by it."""

    finding: str
    tool_call_id: str | None = None
    occurrence: int | None = None
    event_id: str | None = None
    turn: int | None = None
    """Of the transcript, from 1."""
    action: str | None = None
    """What was claimed (`claims.rules`)."""


class ToolEvidence(Model):
    """One tool call in summary: keys and types, never values."""

    tool_call_id: Identifier
    occurrence: int
    name: str
    argument_summary: str | None
    result_summary: str | None
    status: str
    latency_ms: int | None
    retries: int
    side_effect_proof: str | None
    findings: tuple[str, ...]
    sequence: int | None = None
    """Its place among the call's tool calls, where its source says so."""
    idempotency_key: str | None = None
    """`key-1`, `key-2`, by first use in the call: which tool calls bear the same one, not which."""


class ClaimMade(Model):
    """The agent said in this turn (from 1) that it did something; the tool calls that prove it, `toolCallId/n`."""

    turn: int
    action: str
    rule: str
    proved_by: tuple[str, ...]


class ClaimCheck(Model):
    """What the agent said it did, beside what its tools show; by which rules, and how good they were measured to be."""

    rules: str
    """Version of the claim rules."""
    judged: bool
    reason: str | None
    """Why nothing was judged."""
    claims: tuple[ClaimMade, ...]
    precision: float
    recall: float
    measured_on: str


class RedactionNote(Model):
    """Who made the transcript safe to show, and with what; the report (places, never values) lies at `report_uri`."""

    by: Literal["provider", "us"]
    engine: str | None = None
    version: str | None = None
    model: str | None = None
    """The name model that was used beside the rules; None for rules alone."""
    counts: dict[str, int] = Field(default_factory=dict)
    """Masked places by type."""
    report_uri: str | None = None
    leaks_searched: bool = True


class EvaluationResult(Model):
    """How the call was judged, with what is needed to read the score later."""

    rubric: str | None
    rubric_version: str | None
    label: str | None
    score: float | None
    evaluator_version: str | None
    failure_label: str | None


class Review(Model):
    """The review block as first assigned."""

    owner: str
    due_at: Instant
    allowed_outcomes: tuple[str, ...]


class SupersededVersion(Model):
    """The version this packet replaces."""

    version: int
    manifest_hash: str
    reason: str


class ProducedBy(Model):
    """The software and configuration that made the packet."""

    version: str
    config_sha256: str


class PacketEvidence(Model):
    """Where one piece of the packet's evidence stood in its input topic."""

    kind: Kind
    event_id: Identifier
    topic: str
    partition: int
    offset: int


class Segment(Model):
    """The groups that call-ended puts a call in, as reports count by them; null where it names none."""

    agent_id: str | None = None
    queue: str | None = None
    language: str | None = None
    cohort: str | None = None


class Packet(Model):
    """One version of one call's evidence packet, as published on `packets`."""

    schema_version: Literal[1] = 1
    packet_id: str
    version: int
    supersedes: SupersededVersion | None
    status: Status
    completed_by: CompletedBy
    sealed_at: Instant
    canonical_call_id: Identifier
    provider_aliases: dict[str, str]
    selection_reason: SelectionReason
    other_reasons: tuple[SelectionReason, ...]
    priority: Priority
    trigger: str | None
    agent_version: str | None
    redacted_transcript_uri: str | None
    audio_uri: str | None
    trace_id: str | None
    tool_evidence: tuple[ToolEvidence, ...]
    evaluation_result: EvaluationResult | None
    redaction_state: Literal["redacted", "raw_restricted", "aggregate_only"]
    export_level: ExportLevel
    retention_class: str
    missing: tuple[Missing, ...]
    unread_sources: tuple[str, ...]
    findings: tuple[Finding, ...]
    gates: tuple[GateResult, ...]
    review_status: ReviewStatus
    review: Review
    manifest_uri: str
    manifest_hash: str
    policy: PolicyRef
    produced_by: ProducedBy
    evidence: tuple[PacketEvidence, ...]
    claims: ClaimCheck | None = None
    """None: there was no transcript to hear; the field is left out then."""
    redaction: RedactionNote | None = None
    """None: no transcript was searched for personal data here."""
    checklist: tuple[ChecklistLine, ...] | None = None
    """The hand-off checklist, a result a line; None in packets of older releases and in stubs."""
    segment: Segment | None = None
    """What groups of calls it belongs to; None where call-ended names none."""
    raw_transcript_uri: str | None = None
    """Of a raw_restricted packet, the transcript as it came, where restricted readers alone may read; in the body on
    `packets-restricted` only."""

    def to_dict(self) -> dict[str, Any]:
        """As any model, without what came with a later release and says nothing."""
        return without_absent(super().to_dict())


LATER_FIELDS = ("claims", "redaction", "gatesDigest", "checklist", "segment", "rawTranscriptUri")
"""Fields of packets and manifests that are left out where they are null: older ones stay as they are, to the byte."""


LATER_TOOL_FIELDS = ("sequence", "idempotencyKey")
"""The same of a tool call's row."""


def without_absent(document: dict[str, Any]) -> dict[str, Any]:
    """The document without LATER_FIELDS that are null."""
    kept = {name: value for name, value in document.items() if value is not None or name not in LATER_FIELDS}
    for field, later in (("findings", ("turn", "action")), ("toolEvidence", LATER_TOOL_FIELDS)):
        kept[field] = [
            {name: value for name, value in one.items() if value is not None or name not in later}
            for one in document[field]
        ]
    return kept


# Fields that exist for some packets only are left out of the JSON when they say nothing.
OPTIONAL_FINDING_FIELDS = ("toolCallId", "occurrence", "eventId", "turn", "action")
