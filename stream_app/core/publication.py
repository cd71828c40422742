"""The only place that decides who gets to see what of a sealed manifest: the packet, its restricted body, its stub.

A packet is made from the manifest's stored bytes, so a seal order that is handled twice publishes the same packet
twice, even if a source object changed in between.
"""

from __future__ import annotations

from typing import Any

from stream_app.core.manifest import Manifest
from stream_app.core.packet import OPTIONAL_FINDING_FIELDS, Packet, PacketEvidence, Review
from stream_app.core.wire import write_json

_SHARED = tuple(
    name for name in Packet.model_fields if name in Manifest.model_fields and name not in ("review", "evidence")
)


def packet_of(manifest: Manifest, uri: str, manifest_hash: str) -> Packet:
    """The packet that this manifest stands for, body and all. `uri` and `manifest_hash` are of its stored bytes."""
    review = manifest.review
    return Packet(
        **{name: getattr(manifest, name) for name in _SHARED},
        redacted_transcript_uri=manifest.artifacts.redacted_transcript_uri,
        audio_uri=manifest.artifacts.audio_uri,
        raw_transcript_uri=next((one.uri for one in manifest.objects if one.name == "rawTranscript"), None),
        review_status=review.status,
        review=Review(owner=review.owner, due_at=review.due_at, allowed_outcomes=review.allowed_outcomes),
        # Each as what it is in the packet: a manifest's entry says more, and may not travel on.
        evidence=tuple(
            PacketEvidence(
                kind=entry.kind,
                event_id=entry.event_id,
                topic=entry.topic,
                partition=entry.partition,
                offset=entry.offset,
            )
            for entry in manifest.evidence
        ),
        manifest_uri=uri,
        manifest_hash=manifest_hash,
    )


def is_restricted(packet: Packet) -> bool:
    """Whether broad readers get a stub only, and the body goes to readers with access of their own."""
    return packet.status == "blocked" or packet.export_level == "raw_restricted"


def stub_of(packet: Packet) -> Packet:
    """The bare status: that the packet exists, its version and hash, why it was selected, who reviews it until when,
    which kinds are missing, and each gate's verdict. Nothing of what was said, done or judged, and no reason of a gate:
    reasons tell of content, and what blocked may be a leak. The call's names stay: they say which call it is."""
    return packet.model_copy(
        update={
            "trigger": None,
            "redacted_transcript_uri": None,
            "audio_uri": None,
            "raw_transcript_uri": None,
            "tool_evidence": (),
            "evaluation_result": None,
            "findings": (),
            "claims": None,
            "redaction": None,
            "checklist": None,
            "segment": None,
            "missing": tuple(gap.model_copy(update={"detail": None}) for gap in packet.missing),
            "gates": tuple(gate.model_copy(update={"reasons": ()}) for gate in packet.gates),
        }
    )


def packet_document(packet: Packet) -> dict[str, Any]:
    """The packet as JSON: every field present, null where there is nothing; findings leave out what does not apply."""
    document = packet.to_dict()
    document["findings"] = [
        {name: value for name, value in finding.items() if value is not None or name not in OPTIONAL_FINDING_FIELDS}
        for finding in document["findings"]
    ]
    return document


def packet_bytes(packet: Packet) -> bytes:
    """The record value: compact JSON with sorted keys."""
    return write_json(packet_document(packet))
