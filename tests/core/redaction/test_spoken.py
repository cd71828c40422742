"""E-mails, dates, IDs and IPs that are read out."""

from __future__ import annotations

import pytest

from stream_app.core.redaction.spoken import date_spans, email_spans, id_spans, ip_spans
from stream_app.core.redaction.units import runs_of, units_of


def said(text: str, spans: list) -> list[str]:  # type: ignore[type-arg]
    return [text[span.start : span.end] for span in spans]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("you can write to odette dot quill at example dot com any time", "odette dot quill at example dot com"),
        ("it's o d e t t e five zero at example dot org", "o d e t t e five zero at example dot org"),
        (
            "my email is tobias underscore w at mail dot example dot com",
            "tobias underscore w at mail dot example dot com",
        ),
    ],
)
def test_emails(text: str, value: str) -> None:
    assert said(text, email_spans(units_of(text))) == [value]


def test_an_at_without_a_domain_is_none() -> None:
    for text in ("meet me at nine", "i am at the store dot", "look at this please"):
        assert email_spans(units_of(text)) == []


def dates(text: str, birth: bool = False, expiry: bool = False) -> list[str]:
    units = units_of(text)
    return said(text, date_spans(units, runs_of(units), birth, expiry))


def test_dates_of_birth_have_a_year_and_expiries_a_word() -> None:
    assert "march third nineteen seventy four" in dates("born on march third nineteen seventy four", birth=True)
    assert dates("11/25/1938") == ["11/25/1938"]
    assert dates("expires may twenty twenty seven", expiry=True) == ["may twenty twenty seven"]
    assert dates("the appointment is on july eighth at eight fifteen p m") == []
    assert dates("it ships on 06/26/2026") == []


def test_ids_and_spelled_names() -> None:
    text = "the id is x z t eight five eight five eight three three"
    assert said(text, id_spans(units_of(text), True)) == ["x z t eight five eight five eight three three"]
    text = "spelled o l i v i e r"
    assert said(text, id_spans(units_of(text), True)) == ["o l i v i e r"]
    for text in ("the t fourteen model", "at eight fifteen p m does that work", "our a t m is closed"):
        assert id_spans(units_of(text), False) == []


def test_four_numbers_with_dots() -> None:
    text = "the ip is two oh three dot zero dot one one three dot seven seven"
    assert said(text, ip_spans(units_of(text))) == ["two oh three dot zero dot one one three dot seven seven"]
    assert ip_spans(units_of("version two dot three dot one")) == []
