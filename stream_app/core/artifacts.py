"""The only place for a packet's artifacts: how each is described, what we store ourselves, and under which name.

What we store is content-addressed: its name is its digest, so it is written once, never changes, and two versions of
a packet share what did not change. The recording stays where it is; the packet holds a pointer, digest and size.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from stream_app.core.canonical import canonical_bytes
from stream_app.core.events import KeySpan, RedactionState
from stream_app.core.model import Model, Sha256
from stream_app.core.orders import SealOrder
from stream_app.core.selection import Facts
from stream_app.core.shown import key_names
from stream_app.core.summaries import Redactor, unredacted
from stream_app.core.wire import Json

ArtifactName = Literal[
    "redactedTranscript", "audio", "toolEvidence", "evaluation", "trace", "redactionReport", "rawTranscript"
]
ARTIFACT_NAMES: tuple[ArtifactName, ...] = (
    "redactedTranscript", "audio", "toolEvidence", "evaluation", "trace", "redactionReport", "rawTranscript",
)  # fmt: skip

_EVENT_FIELDS = ("eventId", "source", "occurredAt")
_REPORT_FIELDS = ("traceId", "spanId", "startedAt", "status", "latencyMs", "retries")
_TRACE_FIELDS = ("traceId", "keySpans")
_EVALUATION_FIELDS = (
    "evaluationId", "testRunId", "rubric", "rubricVersion", "evaluator", "evaluatorVersion", "score", "label",
    "failureLabel", "assertions", "policyFlags",
)  # fmt: skip

JSON_TYPE = "application/json"


class Artifact(Model):
    """One object that belongs to a packet, as its manifest describes it."""

    name: ArtifactName
    uri: str
    sha256: Sha256
    size_bytes: int
    media_type: str
    redaction_state: RedactionState
    retention_class: str
    source_uri: str | None = None
    """Where the bytes were copied from; None for what we made ourselves and for pointers."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An artifact that is to lie in a bucket of ours, with its bytes."""

    artifact: Artifact
    body: bytes


def artifact_uri(bucket: str, digest: str) -> str:
    """Where an artifact with this SHA-256 (hex) lies."""
    return f"s3://{bucket}/artifacts/sha256/{digest}"


def stored(
    name: ArtifactName,
    body: bytes,
    *,
    bucket: str,
    retention_class: str,
    media_type: str = JSON_TYPE,
    source_uri: str | None = None,
) -> Stored:
    """Describe bytes that we store. Only what is redacted, or made of summaries, is ever stored."""
    digest = sha256(body).hexdigest()
    return Stored(
        Artifact(
            name=name,
            uri=artifact_uri(bucket, digest),
            sha256=digest,
            size_bytes=len(body),
            media_type=media_type,
            redaction_state="redacted",
            retention_class=retention_class,
            source_uri=source_uri,
        ),
        body,
    )


def raw_copy(
    body: bytes, state: RedactionState, *, bucket: str, retention_class: str, media_type: str, source_uri: str
) -> Stored:
    """Describe the original of a transcript, for restricted readers.

    It does not lie under `artifacts/`, for to everybody else it is what a recording is: a pointer, digest and size. So
    no export and no verification ever asks for it.
    """
    digest = sha256(body).hexdigest()
    artifact = Artifact(
        name="rawTranscript",
        uri=f"s3://{bucket}/raw/sha256/{digest}",
        sha256=digest,
        size_bytes=len(body),
        media_type=media_type,
        redaction_state=state,
        retention_class=retention_class,
        source_uri=source_uri,
    )
    return Stored(artifact, body)


def made_artifacts(order: SealOrder, facts: Facts, bucket: str, redact: Redactor = unredacted) -> tuple[Stored, ...]:
    """tools.json, evaluation.json and trace.json, as far as there is such evidence.

    They hold each report behind the packet's merged view, field by field from a list: what a producer adds to its
    events never gets here by itself. Idempotency keys and digests of arguments stay out, for they can be guessed from:
    a key is named `key-1`, `key-2` by its first use in the call, so that equal keys show as equal.
    """
    if order.review.export_level == "aggregate_only":
        return ()
    documents: tuple[tuple[ArtifactName, dict[str, Json] | None], ...] = (
        ("toolEvidence", _tools(facts, redact)),
        ("evaluation", _events_of(order, facts, "evaluation", _EVALUATION_FIELDS)),
        ("trace", _events_of(order, facts, "trace", _TRACE_FIELDS)),
    )
    return tuple(
        stored(
            name,
            canonical_bytes({"schemaVersion": 1, "canonicalCallId": order.canonical_call_id, **document}),
            bucket=bucket,
            retention_class=order.review.retention_class,
        )
        for name, document in documents
        if document is not None
    )


def opened_trace(order: SealOrder, trace_id: str, key_spans: tuple[KeySpan, ...], bucket: str) -> Stored:
    """trace.json of a trace that no `trace-completed` told of, and that was opened in the trace backend."""
    document = {
        "schemaVersion": 1,
        "canonicalCallId": order.canonical_call_id,
        "primaryEventId": None,
        "events": [],
        "opened": {"traceId": trace_id, "keySpans": [span.to_dict() for span in key_spans]},
    }
    return stored("trace", canonical_bytes(document), bucket=bucket, retention_class=order.review.retention_class)


def _tools(facts: Facts, redact: Redactor) -> dict[str, Json] | None:
    if not facts.tools:
        return None

    def shown(text: str | None) -> str | None:
        return None if text is None else redact(text)

    names = key_names(facts)
    return {
        "tools": [
            {
                "toolCallId": tool.tool_call_id,
                "occurrence": tool.occurrence,
                "name": tool.name,
                "sequence": tool.sequence,
                "argumentSummary": shown(tool.argument_summary),
                "resultSummary": shown(tool.result_summary),
                "status": tool.status,
                "latencyMs": tool.latency_ms,
                "retries": tool.retries,
                "sideEffectKind": tool.side_effect_kind,
                "idempotencyKey": names.get(tool.idempotency_key or ""),
                "sideEffectProof": shown(tool.side_effect_proof),
                "findings": list(tool.findings),
                "reports": [_only(item.event, _REPORT_FIELDS) for item in tool.items],
            }
            for tool in facts.tools
        ]
    }


def _events_of(
    order: SealOrder, facts: Facts, kind: Literal["evaluation", "trace"], fields: tuple[str, ...]
) -> dict[str, Any] | None:
    primary = facts.primary(kind)
    if primary is None:
        return None
    events = [_only(item.event, fields) for item in order.items if item.kind == kind]
    return {"primaryEventId": primary.event_id, "events": events}


def _only(event: dict[str, Any], fields: tuple[str, ...]) -> dict[str, Json]:
    """The event's values for these fields, null where it does not say."""
    return {name: event.get(name) for name in (*_EVENT_FIELDS, *fields)}
