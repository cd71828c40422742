"""The words that rules know: in lower case, no numeral that is a filler, and cues for every kind that is asked for."""

from __future__ import annotations

from stream_app.core.redaction import lexicon


def test_words_are_lower_case_and_disjoint_where_they_must_be() -> None:
    numerals = {*lexicon.UNITS, *lexicon.TEENS, *lexicon.TENS, *lexicon.SCALES}
    assert not numerals & lexicon.FILLERS
    assert not numerals & lexicon.NOT_PERSONAL_AFTER
    assert all(word == word.lower() for word in lexicon.CUE_OF)
    assert lexicon.SURE_STREETS <= lexicon.STREETS
    assert lexicon.CUE_OF["card"] == "CREDIT_CARD"
    assert lexicon.words("a b a") == {"a", "b"}
