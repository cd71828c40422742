"""The leak gate: structured and known values block, names are masked again, masks themselves are nothing."""

from __future__ import annotations

import pytest

from stream_app.core.redaction.known import known_values
from stream_app.core.redaction.leaks import leaks_of
from stream_app.core.redaction.spans import Turn

MASKED = ("my number is {}", "the card is {} and my mail is {}", "born on {}, living at {}")


@pytest.mark.parametrize("mask", ["[PHONE_1]", "[PII]", "<PHONE>", "###-###-####", "# # # # #"])
def test_masks_are_no_leak(mask: str) -> None:
    turns = [Turn("user", text.replace("{}", mask)) for text in MASKED]
    assert leaks_of(turns, known_values(["+15005550142"])).blocking == ()


@pytest.mark.parametrize(
    ("left", "kind"),
    [
        ("five hundred five five five oh one four two", "PHONE"),
        ("4111 1111 1111 1111", "CREDIT_CARD"),
        ("odette at example dot com", "EMAIL"),
        ("219-09-9999", "US_SSN"),
    ],
)
def test_what_is_left_blocks_and_is_not_quoted(left: str, kind: str) -> None:
    found = leaks_of([Turn("agent", "hello [NAME_1]"), Turn("user", f"yes it is {left}")])
    assert found.says() == (f"{kind} in turn 2",)


def test_a_known_value_blocks_and_a_name_does_not() -> None:
    turns = [Turn("user", "my name is odette"), Turn("user", "four four one nine of them came")]
    assert [span.kind for _, span in leaks_of(turns).remask] == ["PERSON"]
    assert leaks_of(turns).blocking == ()
    assert leaks_of(turns, known_values(["4419"])).says() == ("a known value in turn 2",)
