"""Timestamps: RFC 3339 text outside, integer milliseconds inside, nothing in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from stream_app.core.instants import FROM_JSON, LATEST_MS, Instant, day_of, format_instant, is_canonical, parse_instant

ADAPTER: TypeAdapter[int] = TypeAdapter(Instant)


@given(st.integers(0, LATEST_MS))
def test_every_moment_survives_its_text(ms: int) -> None:
    assert parse_instant(format_instant(ms)) == ms


@given(st.integers(0, LATEST_MS))
def test_the_text_is_that_of_the_calendar(ms: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    assert format_instant(ms) == moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert parse_instant(moment.isoformat()) == ms, "the way for unusual texts comes to the same"


@given(st.integers(0, LATEST_MS))
def test_a_text_called_canonical_is_written_the_same_again(ms: int) -> None:
    text = format_instant(ms)
    assert is_canonical(text) or text[8:10] in ("29", "30", "31")
    for other in (text[:-1], text.lower(), f"{text} ", text.replace("T", " "), text[:-2] + "Z", text + "\n"):
        assert not is_canonical(other)


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("2026-06-03T18:42:31.120Z", "2026-06-03T18:42:31.120Z"),
        ("2026-06-03T18:42:31Z", "2026-06-03T18:42:31.000Z"),
        ("2026-06-03t18:42:31z", "2026-06-03T18:42:31.000Z"),
        ("2026-06-03T20:42:31.120+02:00", "2026-06-03T18:42:31.120Z"),
        ("2026-06-03T13:12:31.120-05:30", "2026-06-03T18:42:31.120Z"),
        ("2026-06-03T18:42:31.120999Z", "2026-06-03T18:42:31.120Z"),
    ],
)
def test_offsets_and_fractions(text: str, same_as: str) -> None:
    assert format_instant(parse_instant(text)) == same_as


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2026-06-03", "2026-06-03T18:42:31", "20260603T184231Z", "2026-13-03T18:42:31Z",
        "2026-02-30T00:00:00Z",
        "2026-06-03T25:00:00Z", "2026-06-03T18:42:60Z", "0001-01-01T00:00:00+23:59", "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59-23:59", "12026-06-03T18:42:31Z", "2026-06-03T18:42:31Z ",
    ],
)  # fmt: skip
def test_what_is_no_moment_with_an_offset_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"RFC 3339|not a valid|years 1970"):
        parse_instant(text)


def test_numbers_are_taken_from_our_own_code_and_never_from_json() -> None:
    assert ADAPTER.validate_python(1_780_512_000_000) == 1_780_512_000_000
    for value in (1_780_512_000_000, 1.5, True, None, ["2026-06-03T18:42:31Z"]):
        with pytest.raises(ValidationError, match="RFC 3339"):
            ADAPTER.validate_python(value, context=FROM_JSON)
    with pytest.raises(ValidationError, match="RFC 3339"):
        ADAPTER.validate_python(True)


def test_the_day_is_that_of_utc() -> None:
    assert day_of(parse_instant("2026-06-04T00:30:00+02:00")) == "2026-06-03"
