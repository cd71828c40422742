"""Which turns a model looks at."""

from __future__ import annotations

from stream_app.core.redaction.worth import worth_a_look


def test_only_words_that_are_not_ordinary_are_worth_it() -> None:
    assert worth_a_look("thanks thibodeaux")
    assert worth_a_look("please ask Mark about it")
    assert not worth_a_look("will you mark it as urgent please")
    assert not worth_a_look("five five five oh one four two")
    assert not worth_a_look("welcome to tallgrass", frozenset({"tallgrass"}))
