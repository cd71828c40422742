"""The only place where message authentication codes are made and compared: in constant time, on bytes."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Literal

Algorithm = Literal["sha1", "sha256", "sha512"]


def octets(text: str) -> bytes:
    """The bytes of any text, also of one that holds what is no Unicode.

    HTTP servers hand over bytes of headers that are not UTF-8 as lone surrogates: those become the bytes they were.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def code(key: bytes, algorithm: Algorithm, message: bytes) -> bytes:
    """HMAC of the message."""
    return hmac.digest(key, message, algorithm)


def same(left: str | bytes, right: str | bytes) -> bool:
    """Whether both are the same, in a time that does not tell where they differ.

    Encoded codes are compared as they are written. Base64 has several spellings of the same bytes: to decode first
    would let one signature pass as several.
    """
    return hmac.compare_digest(_bytes(left), _bytes(right))


def name_of(*parts: str | bytes) -> str:
    """A name for a proof, which nobody can turn back into it."""
    whole = sha256()
    for part in parts:
        content = _bytes(part)
        whole.update(len(content).to_bytes(8, "big") + content)
    return whole.hexdigest()


def _bytes(value: str | bytes) -> bytes:
    return octets(value) if isinstance(value, str) else value
