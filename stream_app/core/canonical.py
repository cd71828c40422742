"""The only place for canonical JSON (RFC 8785) and the hash that names it: `sha256:<hex>` over exactly those bytes.

A hash is always taken over bytes that are stored as they are, never over a model that was read and written again:
whoever checks it needs `sha256sum` and nothing of ours.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

import msgspec
import rfc8785

from stream_app.core.wire import Json, WireError, is_usual, read_json

_LARGEST = 2**53 - 1
_SORTED = msgspec.json.Encoder(order="sorted")


class CanonicalError(ValueError):
    """A value that has no canonical form: an integer beyond 2^53, or text that is not Unicode."""


def canonical_bytes(value: Json) -> bytes:
    """RFC 8785 bytes of a JSON value. Raises CanonicalError.

    The library that knows the whole RFC is slow, so what a general encoder is known to write alike goes through that
    (twenty times as fast), and only what could differ goes through the library.
    """
    try:
        match _numbers_and_keys(value):
            case "usual":
                return _SORTED.encode(value)
            case "whole floats":
                return _SORTED.encode(_whole_as_integers(value))
            case _:
                return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError, OverflowError) as error:
        raise CanonicalError(str(error)[:200]) from None


def _numbers_and_keys(value: Json) -> Literal["usual", "whole floats", "other"]:
    """Whether `_SORTED` writes the value as the RFC asks: at once, with its whole floats as integers, or not surely.

    Left to the library: keys beyond ASCII, which the RFC sorts by UTF-16 and the encoder by code point; integers that
    have no form; numbers that the two write with and without an exponent; whatever is no plain JSON value.
    """
    whole = False
    stack = [value]
    while stack:
        item = stack.pop()
        kind = type(item)
        if kind is str or item is None or kind is bool:
            continue
        if kind is dict:
            for key in item:
                if type(key) is not str or not key.isascii():
                    return "other"
            stack.extend(item.values())
        elif kind is list or kind is tuple:
            stack.extend(item)
        elif kind is int:
            if not -_LARGEST <= item <= _LARGEST:
                return "other"
        elif kind is float and abs(item) <= _LARGEST and is_usual(item):
            whole = whole or item.is_integer()
        else:
            return "other"
    return "whole floats" if whole else "usual"


def _whole_as_integers(value: Json) -> Json:
    """The RFC knows one kind of number, and writes 1.0 as 1."""
    if isinstance(value, dict):
        return {key: _whole_as_integers(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_whole_as_integers(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def hash_of(body: bytes) -> str:
    """`sha256:<hex>` over the bytes."""
    return f"sha256:{sha256(body).hexdigest()}"


def is_canonical(body: bytes) -> bool:
    """Whether the bytes are the canonical form of the JSON they hold."""
    try:
        return canonical_bytes(read_json(body)) == body
    except (WireError, CanonicalError):
        return False
