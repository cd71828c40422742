"""Durations: text with a unit outside, milliseconds inside, and no bare numbers in files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from stream_app.core.durations import PATTERN, Duration, format_duration, parse_duration

ADAPTER: TypeAdapter[int] = TypeAdapter(Duration)


@pytest.mark.parametrize(
    ("text", "ms"),
    [("250ms", 250), ("60s", 60_000), ("15m", 900_000), ("24h", 86_400_000), ("180d", 15_552_000_000), ("0s", 0)],
)
def test_units(text: str, ms: int) -> None:
    assert parse_duration(text) == ms
    assert ADAPTER.validate_json(f'"{text}"') == ms


@pytest.mark.parametrize(
    "text", ["", "15", "15 m", "m", "-5m", "1.5h", "1h30m", "15M", "5w", "١٥m", "15m\n", "99999d", "315360000001ms"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=3650 * 86_400_000))
def test_text_reads_back_to_the_same_length(ms: int) -> None:
    assert parse_duration(format_duration(ms)) == ms


@pytest.mark.parametrize(("ms", "text"), [(0, "0s"), (1500, "1500ms"), (900_000, "15m"), (86_400_000, "1d")])
def test_the_largest_exact_unit_is_written(ms: int, text: str) -> None:
    assert format_duration(ms) == text
    assert ADAPTER.dump_json(ms) == f'"{text}"'.encode()


@pytest.mark.parametrize("document", ["15", "1.5", "true", "null", "[]"])
def test_a_file_must_name_the_unit(document: str) -> None:
    with pytest.raises(ValidationError, match="whole number and its unit"):
        ADAPTER.validate_json(document)


def test_our_own_code_speaks_milliseconds() -> None:
    assert ADAPTER.validate_python(1500) == 1500
    for value in (-1, True, 4000 * 86_400_000):
        with pytest.raises(ValidationError):
            ADAPTER.validate_python(value)


def test_the_schema_shows_the_text() -> None:
    assert ADAPTER.json_schema() == {"type": "string", "pattern": PATTERN}
