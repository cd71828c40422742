"""The leak gate: structured and known values block, names are masked again, masks themselves are nothing."""

from __future__ import annotations

import pytest

from stream_app.core.redaction.call import CallRules
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


@pytest.mark.parametrize("said", ["rooms cost between 91 and 53", "it rose between ninety one and fifty three"])
def test_a_range_after_a_question_for_a_birth_date_is_none(said: str) -> None:
    asked = Turn("agent", "what is your date of birth?")
    assert leaks_of([asked, Turn("user", "[DOB_1]"), Turn("agent", said)]).blocking == ()


@pytest.mark.parametrize("said", ["it is four five fifty three", "between us it is 91 53", "04 and 05 53"])
def test_a_birth_date_beside_such_words_still_blocks(said: str) -> None:
    asked = Turn("agent", "what is your date of birth?")
    assert [span.kind for _, span in leaks_of([asked, Turn("user", said)]).blocking] == ["DOB"]


def test_the_work_of_the_rules_before_is_shared_and_their_findings_are_not() -> None:
    turns = [Turn("agent", "what is your phone number?"), Turn("user", "five hundred five five five oh one four two")]
    before = CallRules(turns)
    assert before.spans()[1]
    masked = [turns[0], Turn("user", "[PHONE_1]")]
    assert leaks_of(masked, before=before).blocking == ()
    assert leaks_of(turns, before=before) == leaks_of(turns)
    assert leaks_of(turns, before=before).says() == ("PHONE in turn 2",)
