"""The only place for canonical JSON (RFC 8785) and the hash that names it: `sha256:<hex>` over exactly those bytes.

A hash is always taken over bytes that are stored as they are, never over a model that was read and written again:
whoever checks it needs `sha256sum` and nothing of ours.
"""

from __future__ import annotations

from hashlib import sha256

import rfc8785

from stream_app.core.wire import Json, WireError, read_json


class CanonicalError(ValueError):
    """A value that has no canonical form: an integer beyond 2^53, or text that is not Unicode."""


def canonical_bytes(value: Json) -> bytes:
    """RFC 8785 bytes of a JSON value. Raises CanonicalError."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError, OverflowError) as error:
        raise CanonicalError(str(error)[:200]) from None


def hash_of(body: bytes) -> str:
    """`sha256:<hex>` over the bytes."""
    return f"sha256:{sha256(body).hexdigest()}"


def is_canonical(body: bytes) -> bool:
    """Whether the bytes are the canonical form of the JSON they hold."""
    try:
        return canonical_bytes(read_json(body)) == body
    except (WireError, CanonicalError):
        return False
