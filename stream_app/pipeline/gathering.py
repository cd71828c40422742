"""The only place that says which of the gathered sources become artifacts of a packet, and which are stored."""

from __future__ import annotations

from typing import NamedTuple

from stream_app.core.artifacts import JSON_TYPE, Artifact, Stored, raw_copy, stored
from stream_app.core.orders import Missing, SealOrder
from stream_app.core.packet import RedactionNote
from stream_app.core.seal import Gathered
from stream_app.core.transcripts import TranscriptReport, examine
from stream_app.pipeline.clearance import Clearance
from stream_app.pipeline.source_reader import Found


class Buckets(NamedTuple):
    """Where artifacts go, each a bucket or a bucket and a prefix."""

    packets: str
    raw: str


def describe(
    order: SealOrder,
    found: list[Found],
    clearance: Clearance | None,
    made: tuple[Stored, ...],
    absent: tuple[Missing, ...],
    buckets: Buckets,
) -> tuple[Gathered, list[Stored]]:
    """What was gathered, and what of it is to be stored: a transcript that cannot be shown is never copied.

    Of one that was redacted here, a packet for restricted readers has the original too, where only they may read.
    """
    to_store: list[Stored] = []
    artifacts: list[Artifact] = []
    report: TranscriptReport | None = None
    note: RedactionNote | None = None
    recording, measured, problem = None, None, None
    retention = order.review.retention_class
    for one in found:
        reference = one.source.reference
        if clearance is not None and one.body is not None:
            report = examine(clearance.body)
            if report.problems or clearance.leaks:
                continue
            masked = clearance.report(buckets.packets, retention)
            note = clearance.note(masked)
            media_type = reference.media_type or JSON_TYPE
            copies = [
                stored(
                    "redactedTranscript",
                    clearance.body,
                    bucket=buckets.packets,
                    retention_class=retention,
                    media_type=media_type,
                    source_uri=reference.uri,
                )
            ]
            if masked is not None:
                copies.append(masked)
            if order.review.export_level == "raw_restricted" and reference.redaction_state != "redacted":
                copies.append(
                    raw_copy(
                        one.body,
                        reference.redaction_state,
                        bucket=buckets.raw,
                        retention_class=retention,
                        media_type=media_type,
                        source_uri=reference.uri,
                    )
                )
            to_store += copies
            artifacts += [each.artifact for each in copies]
        else:
            recording, measured, problem = reference, one.measured, one.problem
            artifacts.append(
                Artifact(
                    name="audio",
                    uri=reference.uri,
                    sha256=one.sha256,
                    size_bytes=one.size,
                    media_type=reference.media_type or "application/octet-stream",
                    redaction_state=reference.redaction_state,
                    retention_class=retention,
                )
            )
    to_store.extend(made)
    artifacts.extend(one.artifact for one in made)
    gathered = Gathered(
        tuple(absent),
        tuple(artifacts),
        report,
        recording,
        measured=measured,
        recording_problem=problem,
        leaks=clearance.leaks if clearance is not None else (),
        found=frozenset({"trace"} if any(one.artifact.name == "trace" for one in made) else ()),
        redaction=note,
    )
    return gathered, to_store
