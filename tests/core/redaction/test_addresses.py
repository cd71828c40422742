"""Addresses that begin with a number, said and written, and numbers that begin none."""

from __future__ import annotations

import pytest

from stream_app.core.redaction.addresses import address_spans, town_spans
from stream_app.core.redaction.units import runs_of, units_of


def found(text: str, asked: bool = False) -> list[str]:
    units = units_of(text)
    return [text[span.start : span.end] for span in address_spans(units, runs_of(units), text, asked)]


@pytest.mark.parametrize(
    "address",
    [
        "1470 Juniper Lane, Apt 29D, Ravensburg, Ohio 82470",
        "seven nine one eight old mill drive oakhaven texas four three five nine two",
        "four six copper ridge road",
        "22 Harwell Avenue",
    ],
)
def test_found(address: str) -> None:
    assert found(f"i live at {address}") == [address]


@pytest.mark.parametrize(
    "text", ["it takes two days to fix", "i paid 40 dollars last spring", "nine to fourteen people"]
)
def test_not_found(text: str) -> None:
    assert found(text) == []


def test_towns_with_a_point_of_the_compass() -> None:
    text = "i am in south oakhaven now"
    assert [text[span.start : span.end] for span in town_spans(units_of(text), text)] == ["south oakhaven"]
    assert town_spans(units_of("go to north please"), "go to north please") == []
