"""Who gets to see what: the packet as JSON, restricted bodies, stubs."""

from __future__ import annotations

import json

import pytest

from stream_app.core.manifest import Manifest
from stream_app.core.orders import Missing
from stream_app.core.packet import GateResult, Packet
from stream_app.core.publication import is_restricted, packet_bytes, packet_document, packet_of, stub_of
from tests.core.test_seal import sealed
from tests.examples import contract_order

HASH = "sha256:" + "e" * 64


def packet() -> Packet:
    return packet_of(sealed(contract_order()), "s3://review-packets/x", HASH)


def test_the_packet_is_the_manifest_plus_where_it_lies() -> None:
    manifest: Manifest = sealed(contract_order())
    made = packet()
    assert (made.manifest_uri, made.manifest_hash) == ("s3://review-packets/x", HASH)
    assert made.redacted_transcript_uri == manifest.artifacts.redacted_transcript_uri
    assert made.review.due_at == manifest.review.due_at
    assert made.review_status == "queued"
    shared = set(Packet.model_fields) & set(Manifest.model_fields) - {"review", "evidence"}
    assert len(shared) > 20
    assert {name for name in shared if getattr(made, name) != getattr(manifest, name)} == set()


def test_findings_leave_out_what_does_not_apply_and_all_else_stays() -> None:
    document = packet_document(packet())
    assert document["findings"] == [{"finding": "timed_out", "toolCallId": "tc_7", "occurrence": 1}]
    assert document["supersedes"] is None
    assert document["toolEvidence"][1]["resultSummary"] is None
    assert json.loads(packet_bytes(packet())) == document
    assert Packet.from_dict(document) == packet()


@pytest.mark.parametrize(
    ("update", "restricted"),
    [
        ({}, False),
        ({"status": "incomplete"}, False),
        ({"status": "blocked"}, True),
        ({"export_level": "raw_restricted"}, True),
        ({"export_level": "aggregate_only"}, False),
    ],
)
def test_blocked_and_raw_bodies_are_restricted(update: dict[str, str], restricted: bool) -> None:
    assert is_restricted(packet().model_copy(update=update)) is restricted


BARE = {
    "schemaVersion", "packetId", "version", "supersedes", "status", "completedBy", "sealedAt", "canonicalCallId",
    "providerAliases", "traceId",
    "selectionReason", "otherReasons", "priority", "agentVersion", "redactionState", "exportLevel", "retentionClass",
    "unreadSources", "reviewStatus", "review", "manifestUri", "manifestHash", "policy", "producedBy", "evidence",
}  # fmt: skip
"""What a stub keeps as it is."""


def test_a_stub_says_why_and_nothing_of_what_was_said_or_done() -> None:
    whole = packet().model_copy(
        update={
            "gates": tuple(
                GateResult(gate="identity", verdict="block", reasons=("CA17 is claimed",)) for _ in range(8)
            ),
            "missing": (Missing(kind="recording", reason="fetch_failed", detail="a word"),),
            "trigger": "manual",
        }
    )
    stub = packet_document(stub_of(whole))
    before = packet_document(whole)
    assert {name for name in BARE if stub[name] != before[name]} == set()
    emptied = {name: value for name, value in stub.items() if name not in BARE}
    gaps, gates = emptied.pop("missing"), emptied.pop("gates")
    assert not any(emptied.values()), emptied
    assert gaps == [{**before["missing"][0], "detail": None}]
    assert [(one["gate"], one["verdict"], one["reasons"]) for one in gates] == [("identity", "block", [])] * 8
    assert Packet.from_dict(stub).status == whole.status
