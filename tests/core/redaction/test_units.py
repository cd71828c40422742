"""Numerals in every way they are said, with their places in the original text."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.redaction.units import runs_of, units_of

SAID = (
    ("four one five", "415"),
    ("double two triple five oh", "225550"),
    ("forty five twelve", "4512"),
    ("eight hundred five five five", "800555"),
    ("two hundred and five", "205"),
    ("two thousand two", "2002"),
    ("six thousand seven hundred and fifty", "6750"),
    ("nineteen eighty one", "1981"),
    ("five uh five you know five", "555"),
    ("415-555 0123", "4155550123"),
    ("one, two, three", "123"),
    ("twenty-one", "21"),
)


@pytest.mark.parametrize(("said", "digits"), SAID)
def test_one_number_however_it_is_said(said: str, digits: str) -> None:
    text = f"so it is {said} thanks"
    (run,) = runs_of(units_of(text))
    assert (run.digits, text[run.start : run.end]) == (digits, said)


def test_what_is_no_number() -> None:
    assert runs_of(units_of("o brother, a double room and i")) == []
    assert [run.digits for run in runs_of(units_of("nine to fourteen days"))] == ["9", "14"]
    assert [run.digits for run in runs_of(units_of("ends in 4168. 5 minutes"))] == ["4168", "5"]


def test_letters_and_the_words_that_explain_them() -> None:
    units = units_of("c as in charlie o m i double s")
    assert "".join(unit.value for unit in units if unit.kind == "l") == "comiss"
    assert units[0].end == len("c as in charlie")


@given(st.text(max_size=200))
def test_units_stand_where_they_say(text: str) -> None:
    units = units_of(text)
    assert all(0 <= unit.start < unit.end <= len(text) for unit in units)
    assert all(before.end <= after.start for before, after in pairwise(units))
