"""Payloads in files: documents, lines and forms told apart, and a broken line that harms no other."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.providers.bodies import Body, form, split


def documents(data: bytes) -> list[object]:
    return [body.document if body.problem is None else body.problem for body in split(data)]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'{"a": 1}', [{"a": 1}]),
        (b'\xef\xbb\xbf\n {"a": 1}\n', [{"a": 1}]),
        (b'{\n  "a": 1\n}\n{\n  "a": 2\n}', [{"a": 1}, {"a": 2}]),
        (b'{"a": 1}\n\n{"a": 2}\r\n', [{"a": 1}, {"a": 2}]),
        (b"[1, 2]", [[1, 2]]),
        (b"CallSid=CA1&From=%2B1", [{"CallSid": "CA1", "From": "+1"}]),
        (b"a=1&b=\na=2\n", [{"a": "1", "b": ""}, {"a": "2"}]),
    ],
)
def test_what_people_hand_around_is_read(data: bytes, found: list[object]) -> None:
    assert documents(data) == found


def test_a_broken_line_is_named_and_the_others_are_read() -> None:
    bodies = list(split(b'{"a": 1}\n{"a": \nnothing\n{"b": 2}'))
    assert [(body.line, body.problem is None) for body in bodies] == [(1, True), (2, False), (4, True)]
    assert documents(b"a=1\nnothing\nb=2") == [{"a": "1"}, "neither JSON nor a form", {"b": "2"}]


def test_after_a_mistake_among_documents_over_several_lines_nothing_is_guessed() -> None:
    bodies = list(split(b'{\n"a": 1}\n{\n"a": }\n{\n"a": 3}'))
    assert [(body.line, body.document) for body in bodies] == [(1, {"a": 1}), (3, None)]
    assert bodies[1].problem


def test_one_name_twice_is_a_problem_and_not_a_choice() -> None:
    (body,) = split(b'{"a": 1, "a": 2}')
    assert body.problem is not None


@pytest.mark.parametrize(
    ("data", "problem"), [(b"", "the file is empty"), (b" \n", "the file is empty"), (b"a\xff", "not UTF-8")]
)
def test_no_payload_at_all_is_said(data: bytes, problem: str) -> None:
    assert list(split(data)) == [Body(1, problem=problem)]


WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=9)


@given(st.lists(st.dictionaries(WORDS, st.integers(-9, 9) | WORDS, max_size=4), min_size=1))
def test_lines_and_laid_out_documents_say_the_same(many: list[dict[str, object]]) -> None:
    lines = "\n".join(json.dumps(one) for one in many).encode()
    laid_out = "\n".join(json.dumps(one, indent=1) for one in many).encode()
    assert documents(lines) == documents(laid_out) == many


@given(st.binary(max_size=200))
def test_any_bytes_are_bodies_and_no_exception(data: bytes) -> None:
    assert list(split(data))


def test_a_form_without_a_pair_is_none() -> None:
    with pytest.raises(ValueError, match="bad query field"):
        form("hello")
