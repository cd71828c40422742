"""The only place where timestamps are read and written: RFC 3339 text outside, integer milliseconds inside.

Integers make every comparison in the join exact and every re-run byte-identical; text with milliseconds and a `Z`
is the public contract.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, ValidationInfo, WithJsonSchema

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000
_ENDINGS = tuple(f".{thousandths:03d}Z" for thousandths in range(1000))
LATEST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999, beyond which there is no text for a moment."""
_THOUSANDTHS = {ending: thousandths for thousandths, ending in enumerate(_ENDINGS)}
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")


_USUAL = re.compile(
    r"((?:19[7-9][0-9]|[2-9][0-9]{3})-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8]))"
    r"T([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])\.([0-9]{3})Z"
)
"""What we write ourselves, on a day that every month has."""


def is_canonical(text: str) -> bool:
    """Whether this is a timestamp just as `format_instant` writes it; False may also mean: not sure."""
    return _USUAL.fullmatch(text) is not None


def parse_instant(text: str) -> int:
    """Milliseconds since the epoch for an RFC 3339 timestamp; a finer fraction is cut, a missing offset is an error.

    Raises ValueError for anything else, so that a naive local time is never taken for UTC.
    """
    if len(text) == 24:
        second, thousandths = _second_ms(text[:19]), _THOUSANDTHS.get(text[19:])
        if second is not None and thousandths is not None:
            return second + thousandths
    if not _RFC3339.fullmatch(text):
        raise ValueError("not an RFC 3339 timestamp with an offset (like 2026-06-03T18:42:31.120Z)")
    try:
        moment = datetime.fromisoformat(text.upper())
        ms = (moment - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"not a valid date and time: {error}") from None
    if not 0 <= ms <= LATEST_MS:
        raise ValueError("a timestamp lies between the years 1970 and 9999 in UTC")
    return ms


def format_instant(ms: int) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-06-03T18:42:31.120Z`."""
    second, thousandths = divmod(ms, 1000)
    return _second_text(second) + _ENDINGS[thousandths]


@lru_cache(maxsize=4096)
def _day_ms(day: str) -> int:
    return (date.fromisoformat(day).toordinal() - _EPOCH.toordinal()) * _DAY_MS


@lru_cache(maxsize=4096)
def _second_ms(text: str) -> int | None:
    """The begin of a second as we write it, None for any other text; records that come together have few of them."""
    usual = _USUAL.fullmatch(f"{text}.000Z")
    if usual is None:
        return None
    day, hours, minutes, seconds, _ = usual.groups()
    return _day_ms(day) + int(hours) * 3_600_000 + int(minutes) * 60_000 + int(seconds) * 1000


@lru_cache(maxsize=4096)
def _second_text(second: int) -> str:
    """Records that come together have few different seconds."""
    return f"{_EPOCH + timedelta(seconds=second):%Y-%m-%dT%H:%M:%S}"


def day_of(ms: int) -> str:
    """The UTC calendar day, `2026-06-03`, under which a call's objects are stored."""
    return format_instant(ms)[:10]


FROM_JSON = {"from": "json"}
"""Validation context of documents that were read: there a timestamp must be text, a number could be in any unit."""


def _validate(value: Any, info: ValidationInfo) -> int:
    if isinstance(value, str):
        return parse_instant(value)
    if isinstance(value, int) and not isinstance(value, bool) and info.context is not FROM_JSON:
        return value
    raise ValueError("a timestamp is RFC 3339 text")


Instant = Annotated[
    int,
    BeforeValidator(_validate),
    PlainSerializer(format_instant, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""Milliseconds since the epoch in Python, RFC 3339 text in JSON. Numbers are taken only from our own code."""
