"""The only place for the times that providers write: which unit a number is in is the caller's to know, no guess.

Each function gives ms since the epoch, or None for what is absent, unreadable, or stands for "never" (Connect writes
the first millisecond of 1970 there).
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any

from stream_app.core.instants import LATEST_MS, parse_instant
from stream_app.providers.reading import number

NEVER_BEFORE_MS = 86_400_000
"""Before the second day of 1970 no call was made: such a time means that there is none."""


def _sound(ms: float | None) -> int | None:
    return int(ms) if ms is not None and NEVER_BEFORE_MS <= ms <= LATEST_MS else None


def iso(value: Any) -> int | None:
    """`2026-06-03T18:42:31.120Z`, with any fraction; an offset must be there."""
    try:
        return _sound(parse_instant(value.strip())) if isinstance(value, str) else None
    except ValueError:
        return None


def rfc2822(value: Any) -> int | None:
    """`Mon, 21 Sep 2026 14:16:11 +0000`."""
    try:
        moment = parsedate_to_datetime(value) if isinstance(value, str) else None
        return None if moment is None or moment.tzinfo is None else _sound(moment.timestamp() * 1000)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def seconds(value: Any) -> int | None:
    """Seconds since the epoch, whole or broken."""
    found = number(value)
    return None if found is None else _sound(round(found * 1000))


def millis(value: Any) -> int | None:
    """Milliseconds since the epoch."""
    return _sound(number(value))


def nanos(value: Any) -> int | None:
    """Nanoseconds since the epoch, often as text because they do not fit into a double."""
    found = number(value)
    return None if found is None else _sound(found // 1_000_000)


def span_ms(value: Any, *, unit_ms: float) -> int | None:
    """A duration given in units of `unit_ms` milliseconds."""
    found = number(value)
    return None if found is None or not 0 <= found * unit_ms < 2**53 else round(found * unit_ms)


def after(begin_ms: int | None, span: int | None) -> int | None:
    """The moment so many ms after another; None where either is not known, or there is no such moment."""
    return None if begin_ms is None or span is None else _sound(begin_ms + span)
