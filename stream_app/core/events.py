"""The only place for the public input events: what producers send about a call, field by field.

Source of the fields: the contract by example. Schemas may gain optional fields; none is ever renamed or dropped.
Units stand in the names (`Ms`, `Pct`); timestamps are RFC 3339 UTC. A top-level `traceId` counts as an alias.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StrictBool, StringConstraints, model_validator

from stream_app.core.instants import Instant
from stream_app.core.model import Identifier, Model, Sha256, Text

Scheme = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]
MAX_INTEGER = 2**53 - 1
"""A larger one has no canonical JSON form (RFC 8785), so no manifest could hold it."""
Count = Annotated[int, Field(ge=0, le=MAX_INTEGER, strict=True)]
Millis = Annotated[int, Field(ge=0, le=MAX_INTEGER, strict=True)]
Number = Annotated[float, Field(strict=True)]
Share = Annotated[float, Field(ge=0, le=1, strict=True)]
RedactionState = Literal["redacted", "unredacted", "unknown", "raw_restricted", "aggregate_only"]
ToolStatus = Literal["succeeded", "failed", "timed_out", "invalid_result"]
ArtifactKind = Literal["transcript", "recording", "log", "pcap"]


class Reference(Model):
    """Where an artifact lies, and what its producer says of it. `redaction_state` counts only when stated."""

    uri: Annotated[
        str, StringConstraints(min_length=1, max_length=2048, pattern=r"^[a-z][a-z0-9+.-]*://[^\x00-\x20]+$")
    ]
    sha256: Sha256 | None = None
    media_type: Text | None = None
    size_bytes: Count | None = None
    redaction_state: RedactionState = "unknown"
    producer: Text | None = None
    channels: Annotated[int, Field(ge=1, le=64, strict=True)] | None = None
    duration_ms: Millis | None = None


class Event(Model):
    """What every event says: who sent it, what it is, when it happened, which call it belongs to."""

    TYPE: ClassVar[str] = ""

    schema_version: Literal[1]
    event_id: Identifier
    type: Text
    source: Text
    occurred_at: Instant
    canonical_call_id: Identifier | None = None
    aliases: dict[Scheme, Identifier] = Field(default_factory=dict, max_length=64)
    trace_id: Identifier | None = None
    span_id: Identifier | None = None


class CallQuality(Model):
    """Line quality as the telephony provider measured it."""

    mos: Number | None = None
    packet_loss_pct: Number | None = None
    jitter_ms: Number | None = None


class Measures(Model):
    """Figures of the whole call that selection compares with thresholds."""

    min_asr_confidence: Share | None = None
    min_intent_confidence: Share | None = None
    max_silence_ms: Millis | None = None
    p95_response_ms: Millis | None = None
    interruptions: Count | None = None
    call_quality: CallQuality | None = None


class CallEnded(Event):
    """The call is over; anchors its deadlines."""

    TYPE: ClassVar[str] = "call-ended"

    type: Literal["call-ended"]
    agent_id: Text | None = None
    agent_version: Text | None = None
    workflow_agent: StrictBool = False
    account_ref: Text | None = None
    queue: Text | None = None
    language: Text | None = None
    cohort: Text | None = None
    region: Text | None = None
    started_at: Instant | None = None
    ended_at: Instant
    duration_ms: Millis | None = None
    disconnect_reason: Text | None = None
    channels: Annotated[int, Field(ge=0, le=64, strict=True)] | None = None
    known_values: Annotated[tuple[Text, ...], Field(max_length=64)] | None = None
    """What this call's transcript must not show, in any spoken form: the caller's number, name, account."""
    expected_tool_calls: Count | None = None
    tools_final: StrictBool = False
    measures: Measures = Field(default_factory=Measures)
    transcript: Reference | None = None
    recording: Reference | None = None


class SideEffect(Model):
    """What a tool call changed outside, and what proves it."""

    kind: Literal["read", "write"]
    idempotency_key: Text | None = None
    proof: Text | None = None


class ToolCall(Event):
    """One tool call of the voice agent; keyed by (toolCallId, occurrence), since providers reuse IDs inside a call."""

    TYPE: ClassVar[str] = "tool-call"

    type: Literal["tool-call"]
    tool_call_id: Identifier
    occurrence: Annotated[int, Field(ge=1, strict=True)] = 1
    sequence: Count | None = None
    name: Text
    arguments: Any = None
    result: Any = None
    status: ToolStatus
    error: str | None = None
    started_at: Instant | None = None
    latency_ms: Millis | None = None
    retries: Count = 0
    side_effect: SideEffect | None = None


class Assertion(Model):
    """One check an evaluator made."""

    name: Text
    passed: StrictBool
    severity: Literal["low", "medium", "high", "critical"] | None = None


class EvaluationCompleted(Event):
    """An evaluator's judgement; a score without its rubric and version cannot be read later."""

    TYPE: ClassVar[str] = "evaluation-completed"

    type: Literal["evaluation-completed"]
    evaluation_id: Identifier
    test_run_id: Identifier | None = None
    rubric: Text | None = None
    rubric_version: Text | None = None
    evaluator: Text | None = None
    evaluator_version: Text | None = None
    score: Number | None = None
    label: Text | None = None
    failure_label: Text | None = None
    assertions: tuple[Assertion, ...] = ()
    policy_flags: tuple[Text, ...] = ()


class ArtifactReady(Event):
    """A transcript, recording, log or capture exists, or never will (`availability: never` with its reason)."""

    TYPE: ClassVar[str] = "artifact-ready"

    type: Literal["artifact-ready"]
    artifact: ArtifactKind
    availability: Literal["ready", "never"]
    reason: Text | None = None
    reference: Reference | None = None


class KeySpan(Model):
    """Summary of one kind of span in a trace; never all spans."""

    name: Text
    count: Count
    p95_ms: Millis | None = None
    errors: Count = 0


class TraceCompleted(Event):
    """The trace of the call is closed; its key spans in summary."""

    TYPE: ClassVar[str] = "trace-completed"

    type: Literal["trace-completed"]
    key_spans: tuple[KeySpan, ...] = Field(default=(), max_length=256)


class CallReported(Event):
    """A customer or support team named a bad call."""

    TYPE: ClassVar[str] = "call-reported"

    type: Literal["call-reported"]
    report_id: Identifier | None = None
    reported_by: Literal["customer", "support"] = "customer"
    symptom: Text | None = None
    account_ref: Text | None = None
    around: Instant | None = None


Trigger = Literal["compliance_sample", "failure_cluster", "escalation_spike", "promotion", "executive", "manual"]


class SelectionRequested(Event):
    """Somebody, or another system, asks for a call to be reviewed."""

    TYPE: ClassVar[str] = "selection-requested"

    type: Literal["selection-requested"]
    trigger: Trigger
    requested_by: Text | None = None
    note: Text | None = None


class IdentityLinked(Event):
    """Names of one call belong together; who says so is the event's `source`."""

    TYPE: ClassVar[str] = "identity-linked"

    type: Literal["identity-linked"]


class ReviewRecorded(Event):
    """A reviewer's outcome, bound to the manifest that was reviewed."""

    TYPE: ClassVar[str] = "review-recorded"

    type: Literal["review-recorded"]
    manifest_hash: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
    version: Annotated[int, Field(ge=1, strict=True)]
    reviewer: Text
    action: Literal["take", "release", "decide", "ignore"] = "decide"
    """Only `decide` has an outcome."""
    outcome: Literal["no_issue", "bug", "promote_to_regression", "needs_compliance_review"] | None = None
    note: Text | None = None
    expected_revision: Annotated[int, Field(ge=1, strict=True)] | None = None
    """The task's revision that the reviewer saw: where it has moved on, nothing is done."""

    @model_validator(mode="after")
    def _outcome_of_decisions(self) -> ReviewRecorded:
        if (self.outcome is not None) != (self.action == "decide"):
            raise ValueError("outcome: a decision has one, and nothing else has")
        return self


EVENT_TYPES: tuple[type[Event], ...] = (
    CallEnded,
    EvaluationCompleted,
    ToolCall,
    ArtifactReady,
    TraceCompleted,
    CallReported,
    SelectionRequested,
    IdentityLinked,
)
"""Every event intake accepts; its `TYPE` is also the name of its input topic."""
