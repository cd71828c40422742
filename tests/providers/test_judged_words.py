"""Which words are verdicts."""

from __future__ import annotations

from stream_app.providers import judged_words


def test_prose_and_names_are_no_labels() -> None:
    assert judged_words.label("Jane Doe") is None
    assert judged_words.label("Jane") is None
    assert judged_words.label("escalated", any_word=True) == "escalated"
    assert judged_words.label("Not achieved.") == "failure"
    assert judged_words.label("Fair") == "Fair"
    assert judged_words.passed(7) is None
