"""Ordinary words: none of them a numeral's rival, and those that are names too among them."""

from __future__ import annotations

from stream_app.core.redaction.ordinary import ALSO_NAMES, ORDINARY
from stream_app.demo.labelled_turns import FIRST, LAST


def test_names_of_people_are_not_ordinary() -> None:
    assert ALSO_NAMES <= ORDINARY
    assert len(ORDINARY) > 1000
    assert not {name.lower() for name in (*FIRST, *LAST)} & (ORDINARY - ALSO_NAMES)
    assert all(word == word.lower() for word in ORDINARY)
