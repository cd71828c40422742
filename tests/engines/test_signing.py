"""Ed25519 keys: RFC 8032's vectors, files, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stream_app.core.attestation import TrustedKey
from stream_app.engines.signing import (
    Ed25519Signer,
    SigningKeyError,
    check,
    key_id_of,
    trust_document,
    trusted_keys,
    write_private,
)

SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
SIGNATURE = bytes.fromhex(
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
)


def test_the_first_vector_of_rfc_8032() -> None:
    signer = Ed25519Signer(Ed25519PrivateKey.from_private_bytes(SEED))
    assert signer.public_key == PUBLIC
    assert signer(b"") == (key_id_of(PUBLIC), SIGNATURE)
    assert check(PUBLIC, SIGNATURE, b"")
    assert not check(PUBLIC, SIGNATURE, b"x")
    assert not check(PUBLIC[:-1], SIGNATURE, b"")


def test_a_private_key_is_its_owners_alone_and_never_written_over(tmp_path: Path) -> None:
    signer = Ed25519Signer.generate()
    write_private(tmp_path / "key.pem", signer)
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    assert Ed25519Signer.from_pem((tmp_path / "key.pem").read_bytes()).key_id == signer.key_id
    with pytest.raises(FileExistsError):
        write_private(tmp_path / "key.pem", signer)
    with pytest.raises(SigningKeyError):
        Ed25519Signer.from_pem(b"-----BEGIN PRIVATE KEY-----\nnone\n-----END PRIVATE KEY-----\n")


def test_trusted_keys_are_read_as_they_are_written_and_a_false_id_is_refused() -> None:
    keys = (TrustedKey(key_id_of(PUBLIC), PUBLIC, 0, 1000),)
    document = trust_document(keys)
    assert trusted_keys(json.dumps(document).encode()) == keys
    document["keys"][0]["keyId"] = "sha256:" + "0" * 64
    with pytest.raises(SigningKeyError, match="trusted key 1"):
        trusted_keys(json.dumps(document).encode())
    for body in (b"", b"[]", b"{}", b'{"keys":[{}]}'):
        with pytest.raises(SigningKeyError):
            trusted_keys(body)
