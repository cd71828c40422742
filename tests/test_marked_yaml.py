"""YAML as we read it: values with their places, and nothing that unfolds, makes objects or means two things."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stream_app.marked_yaml import MAX_BYTES, MAX_DEPTH, read_marked


def test_values_and_their_places() -> None:
    marked = read_marked(b"a: 1\nb:\n  - x\n  - {c: true}\n")
    assert marked.value == {"a": 1, "b": ["x", {"c": True}]}
    assert marked.mistakes == []
    assert marked.keys[("b",)] == (2, 1)
    assert marked.values[("b", 0)] == (3, 5)
    assert marked.values[("b", 1, "c")] == (4, 9)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1), ("-7", -7), ("0.5", 0.5), ("1.5e3", 1500.0), ("true", True), ("false", False), ("null", None),
        ("~", None), ('"1"', "1"), ("'true'", "true"), ("text", "text"), ("yes", "yes"), ("off", "off"),
        ("15:00", "15:00"), ("2026-06-01", "2026-06-01"), ("0x1F", "0x1F"), ("007", "007"), (".nan", ".nan"),
        (".inf", ".inf"), ("1_000", "1_000"),
        ("12345678901234567890", "12345678901234567890"), ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)  # fmt: skip
def test_scalars_are_what_they_look_like(text: str, value: Any) -> None:
    marked = read_marked(f"v: {text}".encode())
    assert marked.value == {"v": value}
    assert type(marked.value["v"]) is type(value)


BOMB = b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    ("data", "place", "message"),
    [
        (b"", (1, 1), "the file is empty"),
        (b"# only a comment\n", (1, 1), "the file is empty"),
        (b"a: [1\nb: 2", (2, 2), "not YAML"),
        (b"a:\n\t- 1\n", (2, 1), "not YAML"),
        (b"a: 1\n---\nb: 2\n", (3, 1), "a second document"),
        (BOMB, (1, 4), "anchors"),
        (b"a: *b\n", (1, 4), "aliases"),
        (b"a: !!python/object/apply:os.system [ls]\n", (1, 4), "tags"),
        (b"a: !!int '1'\n", (1, 4), "tags"),
        (b"? [a, b]\n: 1\n", (1, 3), "a key is a word"),
        (b"ok: 1\nb\xff: 1\n", (2, 2), "not UTF-8"),
        (b'a: "\\0"\n', (1, 4), "control character"),
        (b'a: "\\ud800"\n', (1, 4), "lone surrogate"),
        (b'"a\\e": 1\n', (1, 1), "control character"),
        (b"[" * 40, (1, MAX_DEPTH + 1), "nested deeper"),
        (b"a: \x00\n", (1, 1), "not YAML"),
        (b"#" * (MAX_BYTES + 1), (1, 1), "at most"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(data: bytes, place: tuple[int, int], message: str) -> None:
    marked = read_marked(data)
    assert marked.value is None
    (mistake,) = marked.mistakes
    assert (mistake.mark, message in mistake.message) == (place, True), str(mistake)


def test_a_key_that_stands_twice() -> None:
    marked = read_marked(b"a:\n  x: 1\n  y: 2\n  x: [3, {z: 4}]\nb: 5\n")
    assert marked.value == {"a": {"x": 1, "y": 2}, "b": 5}
    assert [str(mistake) for mistake in marked.mistakes] == ["4:3: a.x: the key x stands twice, first in line 2"]


def test_a_byte_order_mark_is_no_content() -> None:
    assert read_marked("\ufeffa: 1".encode()).value == {"a": 1}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.text(st.characters(codec="utf-8", min_codepoint=32)),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdef-ÄΩ", min_size=1, max_size=6), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.text("abc", min_size=1), JSON, min_size=1))
def test_what_others_write_is_read_back(document: dict[str, Any]) -> None:
    text = yaml.safe_dump(document, allow_unicode=False)
    marked = read_marked(text.encode())
    assert marked.mistakes == []
    assert marked.value == document


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    marked = read_marked(data)
    lines = data.count(b"\n") + data.count(b"\r") + data.count(b"\xc2\x85") + data.count(b"\xe2\x80") + 1
    assert all(1 <= mistake.mark.line <= lines and mistake.mark.column >= 1 for mistake in marked.mistakes)
    if marked.value is None and not marked.mistakes:
        assert yaml.safe_load(data) is None
