"""Times in the unit that the caller knows; what stands for never, and what is no time, is none."""

from __future__ import annotations

from typing import Any

import pytest

from stream_app.providers import times

AT_MS = 1_790_000_171_000


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (times.iso, "2026-09-21T14:16:11.000Z"), (times.iso, "2026-09-21T16:16:11+02:00"),
        (times.rfc2822, "Mon, 21 Sep 2026 14:16:11 +0000"), (times.seconds, 1_790_000_171),
        (times.seconds, "1790000171.0"), (times.millis, AT_MS), (times.nanos, str(AT_MS * 1_000_000)),
    ],
)  # fmt: skip
def test_each_unit(read: Any, value: Any) -> None:
    assert read(value) == AT_MS


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (times.iso, "1970-01-01T00:00:00.001Z"), (times.iso, "2026-09-21"), (times.iso, 5), (times.iso, ""),
        (times.rfc2822, "yesterday"), (times.rfc2822, "Mon, 21 Sep 2026 14:16:11 -0000"), (times.seconds, 0),
        (times.seconds, 1e299), (times.millis, -1), (times.nanos, None), (times.nanos, "x"),
    ],
)  # fmt: skip
def test_never_and_no_time_are_none(read: Any, value: Any) -> None:
    assert read(value) is None


def test_spans_and_what_comes_after_them() -> None:
    assert times.span_ms("1.5", unit_ms=1000) == 1500
    assert times.span_ms(-1, unit_ms=1000) is None
    assert times.span_ms(1e299, unit_ms=1000) is None
    assert times.after(AT_MS, 1000) == AT_MS + 1000
    assert times.after(None, 1) is None
    assert times.after(AT_MS, 2**53) is None
