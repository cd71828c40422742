"""What is signed: the envelope proves one manifest, by a key that was given and was valid then, and nothing else."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from stream_app.core.attestation import (
    PAYLOAD_TYPE,
    AttestationError,
    TrustedKey,
    check_manifest,
    pre_authentication,
    signature_uri,
    signed,
)
from stream_app.core.canonical import hash_of
from stream_app.core.manifest import read_manifest
from stream_app.engines.signing import Ed25519Signer, check

BODY = (Path(__file__).parents[1] / "data" / "golden" / "complete.manifest.json").read_bytes()
MANIFEST, HASH = read_manifest(BODY), hash_of(BODY)
SIGNER, OTHER = Ed25519Signer.generate(), Ed25519Signer.generate()
TRUSTED = (TrustedKey(SIGNER.key_id, SIGNER.public_key),)
ENVELOPE = signed(MANIFEST, HASH, SIGNER)


def test_the_encoding_is_that_of_the_dsse_protocol() -> None:
    """The example of the protocol's own page."""
    assert pre_authentication("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_a_manifest_signed_by_a_trusted_key_is_proved_and_signing_again_gives_the_same_bytes() -> None:
    check_manifest(MANIFEST, HASH, ENVELOPE, TRUSTED, check)
    assert signed(MANIFEST, HASH, SIGNER) == ENVELOPE
    document = json.loads(base64.b64decode(json.loads(ENVELOPE)["payload"]))
    assert document["subject"] == [{"name": MANIFEST.packet_id, "digest": {"sha256": HASH[7:]}}]


def test_another_key_another_manifest_or_no_key_proves_nothing() -> None:
    with pytest.raises(AttestationError, match="no key that is trusted"):
        check_manifest(MANIFEST, HASH, signed(MANIFEST, HASH, OTHER), TRUSTED, check)
    with pytest.raises(AttestationError, match="no key that is trusted"):
        check_manifest(MANIFEST, HASH, ENVELOPE, (), check)
    with pytest.raises(AttestationError, match="another manifest"):
        check_manifest(MANIFEST, "sha256:" + "0" * 64, ENVELOPE, TRUSTED, check)


def test_a_stranger_who_writes_the_trusted_key_id_over_his_signature_is_found_out() -> None:
    forged = json.loads(signed(MANIFEST, HASH, OTHER))
    forged["signatures"][0]["keyid"] = SIGNER.key_id
    body = json.dumps(forged, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(AttestationError, match="is wrong"):
        check_manifest(MANIFEST, HASH, body, TRUSTED, check)


def test_keys_overlap_while_they_rotate_and_end_when_they_end() -> None:
    at = MANIFEST.sealed_at
    old = TrustedKey(SIGNER.key_id, SIGNER.public_key, not_after=at + 1)
    new = TrustedKey(OTHER.key_id, OTHER.public_key, not_before=at)
    for signer in (SIGNER, OTHER):
        check_manifest(MANIFEST, HASH, signed(MANIFEST, HASH, signer), (old, new), check)
    late = TrustedKey(SIGNER.key_id, SIGNER.public_key, not_after=at)
    early = TrustedKey(SIGNER.key_id, SIGNER.public_key, not_before=at + 1)
    for wrong in (late, early):
        with pytest.raises(AttestationError, match="is not trusted for"):
            check_manifest(MANIFEST, HASH, ENVELOPE, (wrong,), check)


def test_every_changed_bit_of_an_envelope_is_found() -> None:
    for place in range(0, len(ENVELOPE) * 8, 7):
        body = bytearray(ENVELOPE)
        body[place // 8] ^= 1 << place % 8
        with pytest.raises(AttestationError):
            check_manifest(MANIFEST, HASH, bytes(body), TRUSTED, check)
    assert PAYLOAD_TYPE.encode() in ENVELOPE


def test_the_envelope_lies_beside_the_manifest_under_its_hash() -> None:
    assert (
        signature_uri("s3://b/calls/d/c/v1/manifest.json", HASH)
        == f"s3://b/calls/d/c/v1/signatures/{HASH[7:]}.dsse.json"
    )
