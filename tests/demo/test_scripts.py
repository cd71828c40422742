"""Every language can tell every errand, and no line names what cannot be filled or must not be spoken."""

from __future__ import annotations

import random
import re
from string import Formatter

import pytest

from stream_app.demo.errands import draw_caller
from stream_app.demo.scripts import ERRANDS, SCRIPTS, Script

LANGUAGES = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.language)


def spoken(script: Script) -> list[str]:
    pairs = [script.identify, *script.small_talk, script.closing]
    around = [*script.greeting, *script.content, *script.unhappy, script.transfer, *(text for p in pairs for text in p)]
    errands = [text for _, lines in script.errands for text in (*lines.ask, lines.check, lines.done, lines.trouble)]
    return around + errands


def test_the_languages_are_five_and_their_shares_are_a_whole() -> None:
    assert [script.language for script in SCRIPTS] == ["en", "es", "de", "fr", "pt"]
    assert sum(script.share for script in SCRIPTS) == pytest.approx(1)


@LANGUAGES
def test_a_language_has_every_errand_and_room_to_vary(script: Script) -> None:
    assert tuple(errand for errand, _ in script.errands) == ERRANDS
    assert [script.lines(errand) for errand in ERRANDS] == [lines for _, lines in script.errands]
    assert len(script.people) >= 5
    assert len(script.small_talk) >= 2
    assert all(len(set(texts)) == len(texts) for texts in (script.people, script.streets, script.cities, script.days))


@LANGUAGES
def test_every_line_has_words_and_slots_that_a_caller_fills(script: Script) -> None:
    slots = draw_caller(random.Random(1), script).slots()
    for text in spoken(script):
        used = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
        assert used <= slots.keys(), text
        assert re.search(r"\w", text.format_map(slots)), text


@LANGUAGES
def test_no_line_speaks_a_number_an_email_or_an_address(script: Script) -> None:
    for text in spoken(script):
        assert not re.search(r"\d|@", text), text
        assert not {"phone", "email", "street", "city"} & {name for _, name, _, _ in Formatter().parse(text)}, text
