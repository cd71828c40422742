"""The only place for Ed25519 keys: made, read from a file or the environment, signed with, and checked against.

A private key is PKCS#8 in PEM, as `openssl genpkey -algorithm ed25519` writes it. A key's ID is the SHA-256 of its
public half, so nobody has to be asked for a name. Trusted public keys are a JSON file of their own: a verifier takes
keys from there alone, never from what it verifies.
"""

from __future__ import annotations

import base64
import binascii
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from stream_app.core.attestation import TrustedKey
from stream_app.core.instants import format_instant, parse_instant
from stream_app.core.wire import WireError, read_json

PUBLIC_KEY_BYTES = 32


class SigningKeyError(ValueError):
    """What should be a key, or a list of trusted ones, is none; the message never quotes it."""


def key_id_of(public_key: bytes) -> str:
    """`sha256:<hex>` of the 32 raw bytes."""
    return f"sha256:{sha256(public_key).hexdigest()}"


class Ed25519Signer:
    """Signs with one private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public_key = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = key_id_of(self.public_key)

    @classmethod
    def generate(cls) -> Ed25519Signer:
        """A new key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes) -> Ed25519Signer:
        """Raises SigningKeyError."""
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError):
            raise SigningKeyError("not a private key in PEM (PKCS#8, without a pass phrase)") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise SigningKeyError("a private key, but not an Ed25519 one")
        return cls(key)

    def __call__(self, message: bytes) -> tuple[str, bytes]:
        """(key ID, signature): `core.attestation.Sign`."""
        return self.key_id, self._key.sign(message)

    def to_pem(self) -> bytes:
        """The private key; for a file that its owner alone reads."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def check(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature over the message is by this key: `core.attestation.Check`."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def write_private(path: Path, signer: Ed25519Signer) -> None:
    """A new file that its owner alone may read. Raises FileExistsError: a key is never written over."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as sink:
        sink.write(signer.to_pem())


def trust_document(keys: tuple[TrustedKey, ...]) -> dict[str, Any]:
    """The file of trusted keys, as JSON."""
    return {
        "keys": [
            {
                "keyId": key.key_id,
                "publicKey": base64.b64encode(key.public_key).decode(),
                "notBefore": None if key.not_before is None else format_instant(key.not_before),
                "notAfter": None if key.not_after is None else format_instant(key.not_after),
            }
            for key in keys
        ]
    }


def trusted_keys(body: bytes) -> tuple[TrustedKey, ...]:
    """The keys of such a file. Raises SigningKeyError saying which entry is wrong."""
    try:
        entries = read_json(body)["keys"]
        return tuple(_trusted(number, entry) for number, entry in enumerate(entries, 1))
    except (WireError, KeyError, TypeError):
        raise SigningKeyError('not a file of trusted keys: {"keys": [...]}, as `stream-app keys` writes it') from None


def _trusted(number: int, entry: Any) -> TrustedKey:
    try:
        public = base64.b64decode(entry["publicKey"], validate=True)
        before, after = (entry.get(name) for name in ("notBefore", "notAfter"))
        key = TrustedKey(
            key_id_of(public),
            public,
            None if before is None else parse_instant(before),
            None if after is None else parse_instant(after),
        )
    except (KeyError, TypeError, AttributeError, ValueError, binascii.Error):
        raise SigningKeyError(f"trusted key {number} cannot be read") from None
    if len(public) != PUBLIC_KEY_BYTES or entry.get("keyId", key.key_id) != key.key_id:
        raise SigningKeyError(f"trusted key {number}: its keyId is not that of its publicKey")
    return key
