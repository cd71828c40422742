"""The only place where lengths of time are read and written: `15m` outside, integer milliseconds inside."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, ValidationInfo, WithJsonSchema

PATTERN = r"^[0-9]{1,12}(ms|s|m|h|d)$"

_UNITS: tuple[tuple[str, int], ...] = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))
_LONGEST_MS = 3650 * 86_400_000
_TEXT = re.compile(r"([0-9]{1,12})(ms|s|m|h|d)")
_WANTED = "a duration is a whole number and its unit: ms, s, m, h or d (like 250ms, 60s, 15m, 24h, 180d)"


def parse_duration(text: str) -> int:
    """Milliseconds for `250ms`, `60s`, `15m`, `24h` or `180d`; ValueError for anything else or above ten years."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(_WANTED)
    ms = int(match[1]) * dict(_UNITS)[match[2]]
    if ms > _LONGEST_MS:
        raise ValueError("a duration is at most 3650d")
    return ms


def format_duration(ms: int) -> str:
    """The shortest exact text: 900000 -> `15m`, 1500 -> `1500ms`, 0 -> `0s`."""
    if ms == 0:
        return "0s"
    return next(f"{ms // size}{unit}" for unit, size in _UNITS if ms % size == 0)


def _validate(value: Any, info: ValidationInfo) -> int:
    # A bare number in a file has no unit, so it is refused there; our own code speaks milliseconds.
    if isinstance(value, int) and not isinstance(value, bool) and info.mode == "python":
        if not 0 <= value <= _LONGEST_MS:
            raise ValueError("a duration is between 0 and ten years")
        return value
    if isinstance(value, str):
        return parse_duration(value)
    raise ValueError(_WANTED)


Duration = Annotated[
    int,
    BeforeValidator(_validate),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": PATTERN}),
]
"""Milliseconds in Python, text with a unit in JSON and YAML."""
