"""Speaker turns of transcripts that came inline."""

from __future__ import annotations

from stream_app.providers import turns
from stream_app.providers.turns import Turn


def test_turns_stand_in_the_order_in_which_they_began() -> None:
    said = [Turn("user", "b", 200), Turn("user", "c"), Turn("agent", "a", 100), Turn("agent", "d", 300)]
    assert [turn["text"] for turn in turns.document_of(said)["turns"]] == ["a", "b", "c", "d"]


def test_text_without_speakers_is_no_transcript() -> None:
    assert turns.of_text("Hello.\nHow are you?") == []
    assert turns.of_text("Note: recorded\nAI: Hi.\n\nUser:\nAgent: Yes: no.") == [
        Turn("ai", "Hi."), Turn("agent", "Yes: no."),
    ]  # fmt: skip
    assert turns.of_text(None) == []
