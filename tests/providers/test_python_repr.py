"""Reprs of plain values are read; everything else stays text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.providers.python_repr import MAX_CHARS, parsed_repr

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
KEYS = st.text("abc'\"\\\n{}[],:", max_size=5)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(-1e6, 1e6) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN)
def test_what_repr_writes_of_plain_values_is_read_again(value: Any) -> None:
    written = repr(value)
    assert parsed_repr(written) == (value if isinstance(value, list | dict) else written)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("(1, 'a')", [1, "a"]),
        ("('a',)", ["a"]),
        ("()", []),
        ("[(1, 2), {'a': None}]", [[1, 2], {"a": None}]),
        ("{'it': \"it's\"}", {"it": "it's"}),
        (r"['\x41\u00e9\U0001f600\n\\']", ["Aé😀\n\\"]),
        ("  {'error': 'x'}\n", {"error": "x"}),
    ],
)
def test_tuples_quotes_and_escapes(written: str, value: Any) -> None:
    assert parsed_repr(written) == value


@pytest.mark.parametrize(
    "text",
    [
        "{1, 2}", "{'a': datetime.date(2026, 1, 1)}", "[<object>]", "{'a': nan}", "[1", "1]", "{'a'}", "[,]", "[1,,]",
        "{'a': 1, 'a': 2}", "['\\ud800']", "['\\U00110000']", "['unfinished", "[True1]", "[01]", "{1: 2}", "[Truely]",
        "(" * 5000 + ")" * 5000, "[" + "1," * MAX_CHARS + "]", "[1 2]", "['a' 'b']", "[__import__('os')]", "plain",
    ],
)  # fmt: skip
def test_anything_else_stays_text(text: str) -> None:
    assert parsed_repr(text) == text


@given(st.text("[]{}(),:'\"\\ 0123456789.eTrueFalsNnx-", max_size=40))
def test_no_text_fails(text: str) -> None:
    parsed_repr("[" + text)


@pytest.mark.parametrize("value", [None, 1, [1], {"a": 1}])
def test_what_is_no_text_stays(value: Any) -> None:
    assert parsed_repr(value) == value
