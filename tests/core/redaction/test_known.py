"""Known values: compared by letters and digits alone, in any form, over turns; ordinary words are none."""

from __future__ import annotations

import pytest

from stream_app.core.redaction.known import NO_VALUES, known_spans, known_values
from stream_app.core.redaction.units import units_of


def found(values: list[object], *texts: str) -> list[list[str]]:
    spans = known_spans([units_of(text) for text in texts], known_values(values))
    return [sorted({text[span.start : span.end] for span in each}) for text, each in zip(texts, spans, strict=True)]


@pytest.mark.parametrize(
    "said",
    ["+1 (500) 555-0142", "five hundred five five five oh one four two", "five oh oh triple five oh one forty two"],
)
def test_a_phone_in_any_form(said: str) -> None:
    assert found(["+15005550142"], f"it is {said} yes")[0] != []


def test_ids_and_mail_read_out() -> None:
    assert found(["QX77120"], "that is q x seven seven one two zero") == [["q x seven seven one two zero"]]
    assert found(["odette.q@example.com"], "odette dot q at example dot com") == [["odette dot q at example dot com"]]


def test_over_turns() -> None:
    assert found([22041977], "two two oh four", "okay", "one nine seven seven") == [
        ["two two oh four"], [], ["one nine seven seven"],
    ]  # fmt: skip


def test_what_is_too_common_is_not_looked_for() -> None:
    assert not known_values(["the account", "12", True, None, "1111"])
    assert found(["the account", 12], "the account of twelve people") == [[]]
    assert known_spans([units_of("x")], NO_VALUES) == [[]]
