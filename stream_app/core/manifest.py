"""The only place for the manifest: its shape, its bytes, its hash, and where it lies.

The manifest is the commit of one packet version and its control plane: which call, why it was selected, which
artifacts, whether anything changed. Everything in the packet is in it (the packet adds only where the manifest lies
and its hash), so a packet can be made again from stored bytes, and checked against them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import Field, StringConstraints, ValidationError

from stream_app.core.artifacts import Artifact
from stream_app.core.canonical import canonical_bytes
from stream_app.core.checklist import ChecklistLine
from stream_app.core.evidence import Kind
from stream_app.core.instants import Instant, day_of
from stream_app.core.model import Identifier, Model, Sha256
from stream_app.core.orders import CompletedBy, Conflict, Missing, PolicyRef, Priority, SelectionReason
from stream_app.core.packet import (
    ClaimCheck,
    EvaluationResult,
    ExportLevel,
    Finding,
    GateResult,
    PacketEvidence,
    ProducedBy,
    RedactionNote,
    ReviewStatus,
    Segment,
    Status,
    SupersededVersion,
    ToolEvidence,
    without_absent,
)
from stream_app.core.wire import Json, WireError, read_json

MAX_MANIFEST_BYTES = 8 << 20
"""Far above any manifest we write; what is larger is not one of ours."""

PrefixedHash = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class ManifestError(ValueError):
    """Bytes that are not a manifest of ours; the message says what is wrong with them."""


class ArtifactUris(Model):
    """Where each artifact lies, by the name reviewers know it under; null where the packet has none."""

    redacted_transcript_uri: str | None = None
    audio_uri: str | None = None
    tool_evidence_uri: str | None = None
    evaluation_uri: str | None = None
    trace_uri: str | None = None

    @classmethod
    def of(cls, artifacts: tuple[Artifact, ...]) -> ArtifactUris:
        """The addresses of these artifacts; the report on redaction stands with what it reports (`redaction`), a raw
        transcript in the packet's restricted body."""
        apart = ("redactionReport", "rawTranscript")
        return cls.from_dict({f"{one.name}Uri": one.uri for one in artifacts if one.name not in apart})


class ManifestReview(Model):
    """The review block as first assigned; later moves of the review never touch a manifest."""

    owner: str
    reviewers: tuple[str, ...]
    status: ReviewStatus
    due_at: Instant
    allowed_outcomes: tuple[str, ...]


class SelectionDetail(Model):
    """How a sampled call was drawn: needed to weigh it in a report."""

    inclusion_probability: float | None
    stratum: dict[str, str | None] | None


class ManifestEvidence(PacketEvidence):
    """A packet's evidence entry with the digest of the whole event."""

    digest: Sha256


class Manifest(Model):
    """One version of one call, sealed. Field names are a public contract."""

    schema_version: Literal[1] = 1
    packet_id: str
    version: int
    supersedes: SupersededVersion | None
    status: Status
    completed_by: CompletedBy
    sealed_at: Instant
    ended_at: Instant
    canonical_call_id: Identifier
    provider_aliases: dict[str, str]
    further_aliases: dict[str, tuple[str, ...]]
    selection_reason: SelectionReason
    other_reasons: tuple[SelectionReason, ...]
    priority: Priority
    trigger: str | None
    selection: SelectionDetail
    agent_version: str | None
    trace_id: str | None
    artifacts: ArtifactUris
    objects: tuple[Artifact, ...]
    """The artifacts one by one: digest, size, media type, redaction state, retention class."""
    tool_evidence: tuple[ToolEvidence, ...]
    evaluation_result: EvaluationResult | None
    redaction_state: Literal["redacted", "raw_restricted", "aggregate_only"]
    export_level: ExportLevel
    retention_class: str
    required: tuple[Kind, ...]
    missing: tuple[Missing, ...]
    unread_sources: tuple[str, ...]
    conflicts: tuple[Conflict, ...]
    findings: tuple[Finding, ...]
    gates: Annotated[tuple[GateResult, ...], Field(min_length=1)]
    review: ManifestReview
    policy: PolicyRef
    produced_by: ProducedBy
    order_digest: PrefixedHash
    """Hash of the seal order's canonical JSON: two writers of one version know by it whether they agree."""
    evidence: tuple[ManifestEvidence, ...]
    claims: ClaimCheck | None = None
    """None: there was no transcript to hear."""
    redaction: RedactionNote | None = None
    """None: no transcript was searched for personal data here."""
    gates_digest: PrefixedHash | None = None
    """Of the rules and vectors that judged it (`gates.selftest`); None in manifests of older releases."""
    checklist: tuple[ChecklistLine, ...] | None = None
    """The hand-off checklist, a result a line; None likewise."""
    segment: Segment | None = None
    """The groups of calls that it belongs to; None where call-ended names none, and likewise."""

    def to_dict(self) -> dict[str, Any]:
        """As any model, without what came with a later release and says nothing."""
        return without_absent(super().to_dict())


def manifest_bytes(manifest: Manifest) -> bytes:
    """The bytes to store: RFC 8785. Raises canonical.CanonicalError."""
    return canonical_bytes(manifest.to_dict())


def read_manifest(body: bytes) -> Manifest:
    """The manifest in stored bytes, whatever their formatting. Raises ManifestError."""
    try:
        document = read_json(body)
    except WireError as error:
        raise ManifestError(f"not readable JSON ({error.reason})") from None
    return manifest_of(document)


def manifest_of(document: Json) -> Manifest:
    """The manifest in a JSON document. Raises ManifestError naming the fields that are wrong."""
    try:
        return Manifest.from_dict(document)
    except ValidationError as error:
        fields = sorted({".".join(map(str, item["loc"])) or "document" for item in error.errors()})
        raise ManifestError(f"not a manifest: {', '.join(fields[:5])}") from None


def encoded_call_id(call_id: str) -> str:
    """The call ID as one part of a path: percent-encoded, also where it consists of dots that tools tidy away."""
    return quote(call_id, safe="") if call_id.strip(".") else call_id.replace(".", "%2E")


def manifest_uri(bucket: str, call_id: str, ended_at: int, version: int) -> str:
    """`s3://<bucket>/calls/<day of the call's end>/<call ID, percent-encoded>/v<n>/manifest.json`."""
    return f"s3://{bucket}/calls/{day_of(ended_at)}/{encoded_call_id(call_id)}/v{version}/manifest.json"
