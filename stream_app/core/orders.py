"""The only place for what the join sends out: orders to seal a call, and alerts for people."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

from pydantic import Field

from stream_app.core.evidence import Kind, Position
from stream_app.core.instants import Instant
from stream_app.core.model import Identifier, Model, Sha256
from stream_app.core.statements import Statement, statement_of
from stream_app.core.tool_rules import ToolRules

CompletedBy = Literal["all_evidence", "deadline", "reason_deadline", "orphan_deadline", "operator"]
SelectionReason = Literal[
    "customer_reported", "failed_tool_call", "unsafe_or_noncompliant", "regression_candidate",
    "low_confidence_turn", "latency_or_silence", "scheduled_sample", "executive_report_sample",
]  # fmt: skip
Priority = Literal["highest", "high", "medium", "low"]
MissingReason = Literal[
    "never_seen", "declared_never", "schema_rejected", "fetch_failed", "redaction_failed", "withheld_by_policy"
]
AlertKind = Literal[
    "stuck", "timed_out", "orphan", "identity_conflict", "source_silent", "review_overdue", "review_ownerless",
    "report_ambiguous",
]  # fmt: skip


class Missing(Model):
    """One kind of evidence that a policy requires and that is not there."""

    kind: Kind
    reason: MissingReason
    detail: str | None = None
    expected_from: str | None = None


class Item(Model):
    """One accepted piece of evidence: the reduced event, where it stood, and its digest."""

    kind: Kind
    event_id: Identifier
    position: Position
    received_at: Instant
    occurred_at: Instant
    """The event's own time, clamped to the broker's where it lay in the future."""
    skewed: bool = False
    digest: Sha256
    event: dict[str, Any]
    traceparent: str | None = None

    @cached_property
    def statement(self) -> Statement:
        """What the event states, for decisions."""
        return statement_of(self.event)


class Conflict(Model):
    """One event ID with different contents: the packet is blocked, all digests are kept."""

    event_id: Identifier
    digests: tuple[Sha256, ...]
    positions: tuple[Position, ...]


class ReviewTerms(Model):
    """What the policy row of the selection reason says about the review."""

    owner: str
    reviewers: tuple[str, ...]
    sla_ms: int
    allowed_outcomes: tuple[str, ...]
    retention_class: str
    export_level: Literal["aggregate_only", "redacted_packet", "raw_restricted"] = "redacted_packet"
    required: tuple[Kind, ...] = ()
    """All kinds that policy required of this packet."""
    gates: dict[str, Literal["strict", "advisory"]] = Field(default_factory=dict)
    """Gates that are stricter or milder with this packet than usual."""

    def to_dict(self) -> dict[str, Any]:
        """As any model, without what came with a later release and says nothing."""
        document = super().to_dict()
        if not self.gates:
            del document["gates"]
        return document


class Selection(Model):
    """Why this call is reviewed: the highest reason first, the rest listed."""

    reason: SelectionReason
    other_reasons: tuple[SelectionReason, ...] = ()
    priority: Priority
    trigger: str | None = None
    inclusion_probability: float | None = None
    stratum: dict[str, str | None] | None = None


class Supersedes(Model):
    """Which version this one replaces, and why; the sealer adds that version's manifest hash."""

    version: int
    reason: Literal["late_evidence", "higher_reason", "conflict", "operator"]


class PolicyRef(Model):
    """Which policy decided."""

    version: str
    sha256: Sha256


class SealOrder(Model):
    """Seal version n of this call, now, with exactly this evidence."""

    schema_version: Literal[1] = 1
    order_id: str
    """`canonicalCallId/version`, the later packet's ID."""
    canonical_call_id: Identifier
    version: int
    supersedes: Supersedes | None = None
    completed_by: CompletedBy
    decided_at: Instant
    """Latest clamped `occurredAt` of the evidence, or at a deadline its due time; never a worker's clock."""
    ended_at: Instant
    """The call's (clamped) end, or the anchor that stands for it; dates the packet's place in the store."""
    aliases: dict[str, str]
    further_aliases: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Scheme -> its other values, where one scheme has several (two egresses of one room)."""
    selection: Selection
    review: ReviewTerms
    policy: PolicyRef
    missing: tuple[Missing, ...] = ()
    unread_sources: tuple[str, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    items: tuple[Item, ...]
    """In packet order: by kind, then the kind's own order, then event ID."""
    tool_rules: ToolRules | None = None
    """What the call's policy knows of tools, where it knows something."""

    def to_dict(self) -> dict[str, Any]:
        """As any model, without rules that there are not: orders stay as they were before there were any."""
        document = super().to_dict()
        if document["toolRules"] is None:
            del document["toolRules"]
        if not document["review"]["gates"]:
            del document["review"]["gates"]
        return document


class AlertMissing(Model):
    """What a stuck join waits for, and from whom."""

    kind: Kind
    expected_from: str
    last_seen: Position | None = None


class JoinAlert(Model):
    """A stuck, timed-out or orphaned call, an identity conflict, a silent source; and `resolved` for each."""

    schema_version: Literal[1] = 1
    alert_id: str
    kind: AlertKind
    state: Literal["firing", "resolved"]
    raised_at: Instant
    canonical_call_id: Identifier | None = None
    missing: tuple[AlertMissing, ...] = ()
    since: Instant
    deadline_at: Instant | None = None
    runbook_url: str
    detail: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As any model, without an empty `detail`."""
        document = super().to_dict()
        if document["detail"] is None:
            del document["detail"]
        return document


class SealRetry(Model):
    """A seal order whose source object could not be read, and when to try again (wall clock: it is not a decision)."""

    schema_version: Literal[1] = 1
    attempt: int
    first_failed_at: Instant
    not_before: Instant
    failure: str
    failing: dict[str, int] = Field(default_factory=dict)
    """What failed -> the attempt with which it began to fail without a break."""
    order: SealOrder
