"""Which numbers are personal: long ones, announced ones, answers; and which are amounts, times and counts."""

from __future__ import annotations

import pytest

from stream_app.core.redaction.numbers import is_free, number_spans
from stream_app.core.redaction.units import runs_of, units_of


def kinds(text: str, asked: str | None = None, dictating: bool = False) -> list[str]:
    units = units_of(text)
    return [span.kind for span in number_spans(units, runs_of(units), asked, dictating)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("my cell is five hundred five five five oh one four two", "PHONE"),
        ("card number four one one one one one one one one one one one one one one one", "CREDIT_CARD"),
        ("my social is two one nine oh nine nine nine nine nine", "US_SSN"),
        ("the code is four four one nine", "PIN_OTP"),
        ("ending in four one six eight", "LAST4"),
        ("routing number is zero one one zero zero zero zero one five", "ROUTING"),
        ("zip code four three two one five", "ZIP"),
        ("my number is four one five five five five oh one nine nine", "PHONE"),
        ("my number is one two three four five six seven eight nine oh", "MEMBER_ID"),
        ("my member number is four one five five five five oh one nine nine", "MEMBER_ID"),
    ],
)
def test_announced(text: str, kind: str) -> None:
    assert kinds(text) == [kind]


@pytest.mark.parametrize(
    "text",
    ["i waited forty four minutes", "it cost two hundred dollars", "flight delta two oh eight", "at eleven ten a m",
     "back in twenty twenty one", "we have four thousand nine customers", "thirty two of them"],
)  # fmt: skip
def test_amounts_times_and_counts_stay(text: str) -> None:
    assert kinds(text) == []


def test_an_answer_needs_its_question() -> None:
    assert kinds("four four one") == []
    assert kinds("four four one", asked="PHONE") == ["PHONE"]
    assert kinds("then seven", asked="PHONE", dictating=True) == ["PHONE"]
    assert kinds("the meeting went on for four four one or so", asked="PHONE") == []


def test_a_number_glued_to_letters_is_a_flight() -> None:
    units = units_of("flight BA2490 leaves")
    assert [is_free(units, run) for run in runs_of(units)] == [False]
