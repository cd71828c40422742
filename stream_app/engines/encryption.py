"""The only place that knows how staged content is encrypted: AES-256-GCM, the same content to the same bytes.

Layout: `CESB`, a version byte, four bytes that name the key, twelve of nonce, the ciphertext, sixteen of tag. The
nonce is an HMAC of the content, so it repeats only where content and key do, and then nothing is told that the address
does not tell already (it is the content's digest). What stands before the nonce is authenticated, and so is the name
of the object: an object put in the place of another is not read. Uses the `cryptography` package.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
MAX_KEYS = 8
_MAGIC = b"CESB"
_VERSION = b"\x01"
_NONCE_BYTES = 12
_TAG_BYTES = 16
_KEY_NAME_BYTES = 4
_HEAD_BYTES = len(_MAGIC) + len(_VERSION) + _KEY_NAME_BYTES
OVERHEAD_BYTES = _HEAD_BYTES + _NONCE_BYTES + _TAG_BYTES
"""How much longer the encrypted form is, always."""


class KeyFormatError(ValueError):
    """What should be staging keys is none; the message never quotes it."""


class DecryptionError(Exception):
    """These bytes cannot be read with the keys at hand, or are not what they were; says which, quotes nothing."""


@dataclass(frozen=True, slots=True)
class _Key:
    name: bytes
    nonces: bytes = field(repr=False)
    cipher: AESGCM = field(repr=False)


class StagingCipher:
    """Encrypts with the first key, decrypts with any: a new key is put before the old one, which stays for reading."""

    overhead_bytes = OVERHEAD_BYTES

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Raises KeyFormatError for no key, too many, or one that has not 32 bytes."""
        if not 0 < len(keys) <= MAX_KEYS:
            raise KeyFormatError(f"{len(keys)} keys; one is needed, and at most {MAX_KEYS} are taken")
        if any(len(key) != KEY_BYTES for key in keys):
            raise KeyFormatError(f"a key has not {KEY_BYTES} bytes; `openssl rand -base64 32` makes one")
        self._first, *_ = made = [_derived(key) for key in keys]
        self._known = {key.name: key for key in reversed(made)}

    def encrypt(self, content: bytes, *, name: bytes) -> bytes:
        """The encrypted form of the content of an object of this name; the same for the same content."""
        key = self._first
        head = _MAGIC + _VERSION + key.name
        nonce = hmac.digest(key.nonces, name + sha256(content).digest(), "sha256")[:_NONCE_BYTES]
        return head + nonce + key.cipher.encrypt(nonce, content, head + name)

    def decrypt(self, body: bytes, *, name: bytes) -> bytes:
        """The content; raises DecryptionError."""
        if len(body) < OVERHEAD_BYTES or not body.startswith(_MAGIC + _VERSION):
            raise DecryptionError("not encrypted by us, or by a later version")
        head, nonce = body[:_HEAD_BYTES], body[_HEAD_BYTES : _HEAD_BYTES + _NONCE_BYTES]
        key = self._known.get(head[-_KEY_NAME_BYTES:])
        if key is None:
            raise DecryptionError("encrypted with a key that is not among ours")
        try:
            return key.cipher.decrypt(nonce, memoryview(body)[_HEAD_BYTES + _NONCE_BYTES :], head + name)
        except InvalidTag:
            raise DecryptionError("not what was written, or not under this name") from None


def _derived(key: bytes) -> _Key:
    """A key of its own for each purpose, so that none says anything about another."""
    name, nonces, content = (hmac.digest(key, b"call-evidence-stream/staging/" + use, "sha256") for use in _USES)
    return _Key(name[:_KEY_NAME_BYTES], nonces, AESGCM(content))


_USES = (b"name", b"nonce", b"content")


def keys_of(text: str) -> tuple[bytes, ...]:
    """Keys as they are written: base64, one a line. Raises KeyFormatError."""
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines()]
    try:
        return tuple(b64decode(line, validate=True) for line in lines if line)
    except (binascii.Error, ValueError):
        raise KeyFormatError("a line is not base64") from None
