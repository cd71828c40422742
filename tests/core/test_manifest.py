"""The manifest: its fields, its bytes and hash that are fixed for ever, and where it lies."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stream_app.core.artifacts import Artifact
from stream_app.core.canonical import hash_of, is_canonical
from stream_app.core.events import Reference
from stream_app.core.gates.selftest import gates_digest
from stream_app.core.instants import parse_instant
from stream_app.core.manifest import (
    ArtifactUris,
    Manifest,
    ManifestError,
    encoded_call_id,
    manifest_bytes,
    manifest_of,
    manifest_uri,
    read_manifest,
)
from stream_app.core.orders import Missing, SealOrder
from stream_app.core.packet import ProducedBy
from stream_app.core.seal import Gathered, decide
from stream_app.core.selection import facts_of
from stream_app.core.transcripts import TranscriptReport

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
NAMES = ("complete", "incomplete", "blocked-version-2")


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.manifest.json").read_bytes()


def from_input(name: str) -> Manifest:
    given: dict[str, Any] = json.loads((GOLDEN / f"{name}.input.json").read_bytes())
    order = SealOrder.from_dict(given["order"])
    problems = given["transcriptProblems"]
    gathered = Gathered(
        absent=tuple(Missing.from_dict(one) for one in given["absent"]),
        artifacts=tuple(Artifact.from_dict(one) for one in given["artifacts"]),
        transcript=None if problems is None else TranscriptReport(problems=tuple(problems)),
        recording=None if given["recording"] is None else Reference.from_dict(given["recording"]),
        previous_hash=given["previousHash"],
    )
    facts = facts_of(order.canonical_call_id, order.items)
    return decide(order, facts, gathered, ProducedBy.from_dict(given["producedBy"]))


@pytest.mark.parametrize("name", NAMES)
def test_golden_manifests_come_out_byte_for_byte(name: str) -> None:
    """If this fails, manifests sealed before would be made differently now: that needs a new schemaVersion.

    What later releases add beside it is taken away first; it has tests of its own.
    """
    made = from_input(name)
    assert made.gates_digest == gates_digest()
    assert len(made.checklist or ()) == 10
    tools = tuple(one.model_copy(update={"sequence": None, "idempotency_key": None}) for one in made.tool_evidence)
    later = {"gates_digest": None, "checklist": None, "segment": None, "tool_evidence": tools}
    assert manifest_bytes(made.model_copy(update=later)) == golden(name)


def test_golden_hashes_are_what_sha256sum_says() -> None:
    lines = (line.split("  ") for line in (GOLDEN / "SHA256SUMS").read_text().splitlines())
    listed = {name: digest for digest, name in lines}
    assert set(listed) == {f"{name}.manifest.json" for name in NAMES}
    for name in NAMES:
        assert hash_of(golden(name)) == f"sha256:{listed[f'{name}.manifest.json']}"
    assert shutil.which("sha256sum"), "sha256sum (coreutils) is the foreign verifier of this test"
    checked = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=GOLDEN, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr.decode()


@pytest.mark.parametrize("name", ["complete", "incomplete"])
def test_another_canonicaliser_agrees(name: str) -> None:
    """The standard library's encoder, which agrees with RFC 8785 on text of the BMP and on such numbers."""
    body = golden(name)
    assert json.dumps(json.loads(body), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() == body


def test_numbers_and_keys_that_encoders_differ_on_are_written_as_the_rfc_says() -> None:
    body = golden("blocked-version-2").decode()
    assert '"inclusionProbability":1e-7' in body
    assert "Zürich-agent € \U0001f600 \ufb33@2" in body
    assert is_canonical(body.encode())


@pytest.mark.parametrize("name", NAMES)
def test_stored_bytes_read_back_to_the_same_manifest(name: str) -> None:
    assert manifest_bytes(read_manifest(golden(name))) == golden(name)


def test_it_answers_the_runbooks_sample_field_by_field() -> None:
    document = json.loads(golden("complete"))
    for name in ("canonicalCallId", "selectionReason", "agentVersion", "providerAliases", "artifacts", "review"):
        assert document[name], name
    assert document["redactionState"] == "redacted"
    for name in ("redactedTranscriptUri", "audioUri", "toolEvidenceUri", "evaluationUri"):
        assert document["artifacts"][name].startswith("s3://")
    assert document["review"]["owner"] == "engineering"
    assert document["review"]["status"] == "queued"
    assert document["review"]["allowedOutcomes"] == [
        "no_issue", "bug", "promote_to_regression", "needs_compliance_review",
    ]  # fmt: skip
    for artifact in document["objects"]:
        assert set(artifact) == {
            "name", "uri", "sha256", "sizeBytes", "mediaType", "redactionState", "retentionClass", "sourceUri",
        }  # fmt: skip
        assert artifact["uri"] in document["artifacts"].values()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "not readable JSON"),
        (b"[]", "not a manifest: document"),
        (b"{}", "not a manifest"),
        (b'{"a":1,"a":2}', "duplicate_key"),
    ],
)
def test_other_bytes_are_a_clear_error(body: bytes, told: str) -> None:
    with pytest.raises(ManifestError, match=told):
        read_manifest(body)


def test_a_manifest_with_a_wrong_field_names_it() -> None:
    document = json.loads(golden("complete"))
    document["gates"] = []
    document["orderDigest"] = "abc"
    with pytest.raises(ManifestError, match=r"gates, orderDigest"):
        manifest_of(document)


def test_no_artifact_is_a_null_and_not_an_absent_field() -> None:
    assert set(ArtifactUris.of(()).to_dict().values()) == {None}


@pytest.mark.parametrize(
    ("call_id", "part"),
    [
        ("call_2026_06_03_1842", "call_2026_06_03_1842"),
        ("a/b", "a%2Fb"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("../../x", "..%2F..%2Fx"),
        ("ü ?#%", "%C3%BC%20%3F%23%25"),
    ],
)
def test_a_call_id_is_one_part_of_the_path_whatever_it_holds(call_id: str, part: str) -> None:
    assert encoded_call_id(call_id) == part
    ended_at = parse_instant("2026-06-03T23:59:59.999Z")
    assert manifest_uri("b", call_id, ended_at, 3) == f"s3://b/calls/2026-06-03/{part}/v3/manifest.json"
