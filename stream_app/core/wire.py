"""The only place where untrusted bytes become JSON values, and where our values become bytes.

Strict on purpose: a duplicate key, NaN, NUL or lone surrogate means that two readers could disagree on what a record
says, and a packet built on it could not be relied on in a dispute.
"""

from __future__ import annotations

import json
import math
from hashlib import sha256
from typing import Any, NoReturn

import msgspec

Json = Any

MAX_DEPTH = 100
"""Levels of arrays and objects in one record. What can be read must be writable too, and pydantic writes about 250."""

_DECODER = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()
_SORTED = msgspec.json.Encoder(order="sorted")
_write = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


class WireError(ValueError):
    """Bytes that are not the JSON we accept; `reason` is one of the dead-letter reasons."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise WireError("duplicate_key", "an object names a key twice")
    return document


def _no_constant(name: str) -> NoReturn:
    raise WireError("not_a_number", f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise WireError("not_a_number", "a number is too large")
    return number


def _check_text(value: Json) -> None:
    """Refuse NUL and lone surrogates anywhere, iteratively so that deep nesting cannot exhaust the stack."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if "\x00" in item:
                raise WireError("invalid_text", "a string holds a NUL character")
            if any("\ud800" <= char <= "\udfff" for char in item):
                raise WireError("invalid_text", "a string holds a lone surrogate")
        elif isinstance(item, dict):
            stack.extend(item.keys())
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def _check_depth(value: Json) -> None:
    """Refuse what nests deeper than MAX_DEPTH; level by level, so that depth cannot exhaust the stack here either."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        containers = [item for item in level if isinstance(item, dict | list)]
        if not containers:
            return
        level = [part for item in containers for part in (item.values() if isinstance(item, dict) else item)]
    raise WireError("not_json", f"nested deeper than {MAX_DEPTH} levels")


def read_json(data: bytes) -> Json:
    """The JSON value in `data`, or WireError (`not_json`, `duplicate_key`, `not_a_number`, `invalid_text`).

    Read twice as strictly only where the quick reader has a doubt. It refuses by itself all but three things. A key
    that stands twice: written again the value then has fewer quotes, since no way to write a string without `\\u` has
    more of them or fewer. Depth: fewer brackets cannot nest so deep. NUL and surrogates: they need that `\\u`.
    """
    if b"\\u" not in data and data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        try:
            value = _DECODER.decode(data)
            if _ENCODER.encode(value).count(b'"') == data.count(b'"'):
                return value
        except (msgspec.MsgspecError, ValueError, RecursionError):
            pass  # The strict reader says what is wrong with it, or takes it.
    return _read_strictly(data)


def _read_strictly(data: bytes) -> Json:
    if b"\x00" in data:
        raise WireError("invalid_text", "the record holds a NUL byte")
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite
        )
    except WireError:
        raise
    except (ValueError, RecursionError) as error:
        raise WireError("not_json", f"not JSON: {str(error)[:200]}") from None
    if b"\\u" in data:  # Only an escape can smuggle NUL or a surrogate past the UTF-8 decoder.
        _check_text(value)
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH:  # Fewer brackets than that cannot nest so deep.
        _check_depth(value)
    return value


def write_json(value: Json) -> bytes:
    """Compact JSON with sorted keys: the same value always gives the same bytes."""
    return _write(value).encode()


def write_checked(value: Json) -> bytes:
    """`write_json` of a value that `read_json` gave: the same bytes, much sooner.

    Of any other value it may make what it should refuse, NaN for one.
    """
    return _SORTED.encode(value) if _usual_numbers(value) else write_json(value)


def is_usual(number: float) -> bool:
    """Whether msgspec writes this number as Python does: with neither an exponent nor zeros in its place."""
    return number == 0 or 1e-4 <= abs(number) < 1e16


def _usual_numbers(value: Json) -> bool:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, float) and not is_usual(item):
            return False
    return True


def digest_of(value: Json) -> str:
    """SHA-256 in hex over the sorted, compact JSON of `value`."""
    return sha256(write_json(value)).hexdigest()
