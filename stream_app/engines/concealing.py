"""The only place that encrypts private content and wraps rings of keys: AES-256-GCM of the `cryptography` package.

Content is encrypted under the key of one name of a call; its nonce is a keyed hash of it, so a record that comes again
after a fault gives the same bytes. Rings lie in object storage wrapped by a master key: without it they are noise.
"""

from __future__ import annotations

import hmac
import os
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b, sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stream_app.core.key_ring import SEED_BYTES, Ring
from stream_app.core.wire import WireError, read_json, write_json

_NONCE_BYTES = 12
_KEY_NAME_BYTES = 4
_MAX_MASTERS = 8


class MasterKeyError(ValueError):
    """What should be master keys is none; the message never quotes it."""


class RingError(Exception):
    """A ring cannot be unwrapped with the master keys at hand; says why, quotes nothing."""


class ContentCipher:
    """One name's key at work. `name` binds the bytes to where they stand."""

    def __init__(self, key: bytes) -> None:
        both = blake2b(key=key, person=b"content").digest()
        self._nonces = both[32:]
        self._cipher = AESGCM(both[:32])

    def encrypt(self, content: bytes) -> bytes:
        """Nonce, ciphertext, tag; the same for the same content."""
        nonce = blake2b(content, key=self._nonces, digest_size=_NONCE_BYTES).digest()
        return nonce + self._cipher.encrypt(nonce, content, None)

    def decrypt(self, box: bytes) -> bytes:
        """The content. Raises ValueError."""
        try:
            return self._cipher.decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], None)
        except (InvalidTag, ValueError):
            raise ValueError("not what was encrypted under this key") from None


@dataclass(frozen=True, slots=True)
class _Master:
    name: bytes
    cipher: AESGCM = field(repr=False)


class MasterKeys:
    """Wraps with the first key, unwraps with any: a new one is put before the old one until everything is rewrapped."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Raises MasterKeyError for none, too many, or one that has not 32 bytes."""
        if not 0 < len(keys) <= _MAX_MASTERS or any(len(key) != SEED_BYTES for key in keys):
            raise MasterKeyError(f"1 to {_MAX_MASTERS} keys of {SEED_BYTES} bytes in base64, one a line, are needed")
        made = [_master(key) for key in keys]
        self._first = made[0]
        self._known = {one.name: one for one in reversed(made)}

    @property
    def current(self) -> str:
        """The name of the key that wraps."""
        return self._first.name.hex()

    def wrap(self, epoch: str, ring: Ring) -> bytes:
        """A ring as it lies in object storage."""
        plain = write_json({place: b64encode(seed).decode() for place, seed in ring.nodes.items()})
        nonce = os.urandom(_NONCE_BYTES)
        box = nonce + self._first.cipher.encrypt(nonce, plain, epoch.encode())
        return write_json({"schemaVersion": 1, "epoch": epoch, "master": self.current, "ring": b64encode(box).decode()})

    def unwrap(self, epoch: str, body: bytes) -> tuple[Ring, str]:
        """The ring, and the name of the master key that wrapped it. Raises RingError."""
        try:
            document = read_json(body)
            name, box = str(document["master"]), b64decode(document["ring"])
        except (WireError, ValueError, KeyError, TypeError):
            raise RingError("not a ring of keys") from None
        master = self._known.get(bytes.fromhex(name) if len(name) == 2 * _KEY_NAME_BYTES else b"")
        if master is None:
            raise RingError(f"wrapped by the master key {name[:8]}, which is not among ours")
        try:
            plain = read_json(master.cipher.decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], epoch.encode()))
            return Ring({place: b64decode(seed) for place, seed in plain.items()}), name
        except (InvalidTag, WireError, ValueError):
            raise RingError("not what was wrapped, or not for this day") from None


def new_seed() -> bytes:
    """A random root, or a random master key."""
    return os.urandom(SEED_BYTES)


def _master(key: bytes) -> _Master:
    name, wrapping = (hmac.digest(key, b"call-evidence-stream/master/" + use, sha256) for use in (b"name", b"wrap"))
    return _Master(name[:_KEY_NAME_BYTES], AESGCM(wrapping))
