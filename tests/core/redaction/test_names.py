"""Names by their cues, and words after a cue that are none."""

from __future__ import annotations

import pytest

from stream_app.core.redaction.names import name_spans, organisations_of
from stream_app.core.redaction.units import units_of


def found(text: str, asked: bool = False, organisations: frozenset[str] = frozenset()) -> list[str]:
    spans = name_spans(units_of(text), text, asked, organisations)
    return sorted({text[span.start : span.end] for span in spans})


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("my name is odette quill", ["odette quill"]),
        ("hi this is Viktor, I need help", ["Viktor"]),
        ("good morning silverline keiko speaking", ["silverline keiko"]),
        ("my doctor is doctor iwasaki", ["iwasaki"]),
        ("my name is mark", ["mark"]),
    ],
)
def test_after_a_cue(text: str, names: list[str]) -> None:
    assert set(names) <= set(found(text))


@pytest.mark.parametrize(
    "text",
    ["thanks for waiting", "this is about my bill", "hello i need help", "will you mark it as urgent", "i'm calling"],
)
def test_ordinary_words_are_no_names(text: str) -> None:
    assert found(text) == []


def test_an_answer_to_who_is_a_name() -> None:
    assert found("zielinski", asked=True) == ["zielinski"]
    assert found("zielinski") == []


def test_organisations_name_themselves() -> None:
    assert {"tallgrass", "mobile"} <= organisations_of(["Thank you for calling Tallgrass Mobile, this is Keiko."])
    assert found("hi silverline", organisations=frozenset({"silverline"})) == []
