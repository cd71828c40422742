"""Three answers about stored bytes; any change to a manifest, its packet or its artifacts is found."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream_app.core.canonical import canonical_bytes, hash_of
from stream_app.core.manifest import Manifest, manifest_bytes
from stream_app.core.orders import Missing
from stream_app.core.publication import packet_document, packet_of, stub_of
from stream_app.core.seal import Gathered
from stream_app.core.verification import Check, Digest, Unread, Verdict, verify
from stream_app.policy_file import default_policy
from tests.core.gates.subjects import gathered_for, with_conflict
from tests.core.test_seal import sealed
from tests.examples import changed, contract_order, without

POLICY = default_policy()
POLICIES = {POLICY.sha256: POLICY}
MANIFEST: Manifest = sealed(contract_order())
BODY = manifest_bytes(MANIFEST)
URI = "s3://review-packets/calls/2026-06-03/call_2026_06_03_1842/v1/manifest.json"
THERE = {one.uri: Digest(one.sha256, one.size_bytes) for one in MANIFEST.objects}


def judged(body: bytes = BODY, **given: Any) -> Verdict:
    options: dict[str, Any] = {"expected_hash": hash_of(BODY), "artifacts": THERE, "policies": POLICIES, **given}
    return verify(body, **options)


def answers(verdict: Verdict) -> tuple[str, str, str]:
    return verdict.answer("intact"), verdict.answer("complete"), verdict.answer("policy")


def said(checks: tuple[Check, ...], name: str) -> Check:
    return next(check for check in checks if check.name == name)


def altered(**fields: Any) -> bytes:
    """Another manifest in canonical form, as a forger would write it."""
    return canonical_bytes({**json.loads(BODY), **fields})


def test_the_contracts_call_is_all_three() -> None:
    assert answers(judged()) == ("yes", "yes", "yes")


def test_a_flipped_bit_at_any_byte_of_the_manifest_is_found() -> None:
    for position in range(len(BODY)):
        flipped = BODY[:position] + bytes([BODY[position] ^ 1]) + BODY[position + 1 :]
        assert judged(flipped).answer("intact") == "no", position


@pytest.mark.parametrize("indent", [1, None])
def test_reformatting_is_found_even_without_a_hash(indent: int | None) -> None:
    reformatted = json.dumps(json.loads(BODY), indent=indent).encode()
    verdict = judged(reformatted, expected_hash=None)
    assert verdict.answer("intact") == "no"
    assert said(verdict.intact, "canonical form").answer == "no"


@pytest.mark.parametrize(
    "body", [BODY + b"\n", BODY[:-1], b"", b"{}", b"\xff", BODY.replace(b"{", b'{"a":1,"a":2,', 1)]
)
def test_cut_extended_and_foreign_bytes_are_found(body: bytes) -> None:
    assert judged(body).answer("intact") == "no"
    assert judged(body, expected_hash=None).answer("intact") == "no"


def test_without_a_hash_nobody_can_tell() -> None:
    verdict = judged(expected_hash=None)
    assert answers(verdict) == ("unproved", "yes", "yes")


@pytest.mark.parametrize(
    "fields",
    [
        {"packetId": "call_2026_06_03_1842/7"},
        {"status": "incomplete"},
        {"artifacts": {**json.loads(BODY)["artifacts"], "audioUri": "s3://elsewhere/audio.wav"}},
        {"objects": [{**one, "sha256": "0" * 64} for one in json.loads(BODY)["objects"]]},
        {"gates": [{"gate": "audio", "verdict": "block", "reasons": ["x"]}]},
    ],
)
def test_a_forged_manifest_contradicts_itself(fields: dict[str, Any]) -> None:
    verdict = verify(altered(**fields), expected_hash=None, artifacts={}, policies={})
    assert said(verdict.intact, "consistency").answer == "no"


@pytest.mark.parametrize("name", ["redactedTranscript", "audio", "toolEvidence", "evaluation", "trace"])
def test_a_changed_grown_or_lost_artifact_is_found(name: str) -> None:
    artifact = next(one for one in MANIFEST.objects if one.name == name)
    for found in (
        Digest("0" * 64, artifact.size_bytes),
        Digest(artifact.sha256, artifact.size_bytes + 1),
        Unread("gone", absent=True),
    ):
        verdict = judged(artifacts={**THERE, artifact.uri: found})
        assert verdict.answer("intact") == "no"
        assert said(verdict.intact, f"artifact {name}").answer == "no"


def test_artifacts_that_were_not_looked_at_are_said_to_be_so() -> None:
    verdict = judged(artifacts={})
    assert verdict.answer("intact") == "yes"
    assert said(verdict.intact, "artifact audio").answer == "unproved"
    denied = judged(artifacts={**THERE, MANIFEST.objects[0].uri: Unread("access denied")})
    assert said(denied.intact, f"artifact {MANIFEST.objects[0].name}").answer == "unproved"


def test_a_packet_must_be_the_one_its_manifest_stands_for() -> None:
    packet = packet_document(packet_of(MANIFEST, URI, hash_of(BODY)))
    assert judged(packet=packet).answer("intact") == "yes"
    for name, value in packet.items():
        for other in ({**packet, name: "changed"}, {key: kept for key, kept in packet.items() if key != name}):
            found = said(judged(packet=other).intact, "packet")
            assert found.answer == "no", name
            assert name in found.detail or name == "manifestUri"
        assert value == packet[name]
    assert "also has note" in said(judged(packet={**packet, "note": "x"}).intact, "packet").detail


def test_a_stub_stands_for_a_blocked_packet_only() -> None:
    whole = packet_of(MANIFEST, URI, hash_of(BODY))
    assert said(judged(packet=packet_document(stub_of(whole))).intact, "packet").answer == "no"
    manifest = sealed(with_conflict().order)
    body = manifest_bytes(manifest)
    for packet in (packet_of(manifest, URI, hash_of(body)), stub_of(packet_of(manifest, URI, hash_of(body)))):
        verdict = verify(
            body, expected_hash=hash_of(body), artifacts={}, policies=POLICIES, packet=packet_document(packet)
        )
        assert answers(verdict) == ("yes", "yes", "no")


def test_an_incomplete_packet_is_intact_and_not_complete() -> None:
    gap = Missing(kind="trace", reason="never_seen")
    order = changed(without(contract_order(), "trace"), missing=(gap,), completed_by="deadline")
    body = manifest_bytes(sealed(order))
    verdict = verify(body, expected_hash=hash_of(body), artifacts={}, policies=POLICIES)
    assert answers(verdict) == ("yes", "no", "yes")
    assert said(verdict.complete, "trace").detail == "missing: never_seen"


def test_completeness_is_judged_by_what_is_held_and_not_by_what_is_claimed() -> None:
    document = json.loads(BODY)
    kept = [entry for entry in document["evidence"] if entry["kind"] != "evaluation"]
    verdict = verify(altered(evidence=kept), expected_hash=None, artifacts={}, policies={})
    assert said(verdict.complete, "evaluation").answer == "no"
    gathered = gathered_for(contract_order())
    others = tuple(one for one in gathered.artifacts if one.name != "audio")
    silent = manifest_bytes(sealed(contract_order(), Gathered(artifacts=others, transcript=gathered.transcript)))
    verdict = verify(silent, expected_hash=None, artifacts={}, policies={})
    assert said(verdict.complete, "recording").answer == "no"


def test_a_policy_nobody_knows_leaves_the_third_answer_open() -> None:
    assert answers(judged(policies={})) == ("yes", "yes", "unproved")


@pytest.mark.parametrize(
    "fields",
    [
        {"retentionClass": "forever"},
        {"priority": "low"},
        {"review": {**json.loads(BODY)["review"], "owner": "nobody"}},
        {"review": {**json.loads(BODY)["review"], "dueAt": "2026-06-05T18:44:02.000Z"}},
        {"required": ["call"]},
        {"exportLevel": "raw_restricted"},
    ],
)
def test_terms_that_are_not_the_policys_are_found(fields: dict[str, Any]) -> None:
    verdict = verify(altered(**fields), expected_hash=None, artifacts={}, policies=POLICIES)
    assert said(verdict.policy, "policy").answer == "no"


@pytest.mark.parametrize("fields", [{"agentVersion": None}, {"providerAliases": {}}, {"retentionClass": ""}])
def test_a_required_field_that_is_empty_is_found(fields: dict[str, Any]) -> None:
    verdict = verify(altered(**fields), expected_hash=None, artifacts={}, policies={})
    assert said(verdict.policy, "fields").answer == "no"


def test_the_verdict_is_json() -> None:
    document = json.loads(json.dumps(judged().to_dict()))
    assert document["manifestHash"] == hash_of(BODY)
    assert document["intact"]["answer"] == "yes"
    assert {check["check"] for check in document["complete"]["checks"]} == set(MANIFEST.required)
