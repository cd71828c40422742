"""Values out of foreign payloads: by any name, in any case, or not at all, and never an exception."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.providers import reading
from stream_app.providers.reading import boolean, fold, identifier, integer, items, mapping, number, take, text

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def test_one_name_in_any_case_is_one_name() -> None:
    assert {fold(name) for name in ("ContactId", "contactId", "contact_id", "Contact-ID")} == {"contactid"}
    assert take({"ContactId": 1}, "contact_id") == 1
    assert take({"a": {"B_c": [1]}}, "A", "bC") == [1]
    assert take({"callId": "mine", "call_id": "other"}, "call_id") == "other", "as it was asked for"
    assert take({"callId": None, "CallID": 2}, "call_id") == 2, "null is not there"


def test_numbers_are_numbers_also_as_text_and_zero_is_one() -> None:
    assert [integer(value) for value in (0, "0", "42", 42.0, "42.9", -1, True, "x", None, 2**60)] == [
        0, 0, 42, 42, 42, None, None, None, None, None,
    ]  # fmt: skip
    assert [number(value) for value in ("0.0", "-1.5e3", "1e400", 10**400, float("nan"), "١")] == [
        0.0, -1500.0, None, None, None, None,
    ]  # fmt: skip
    assert [boolean(value) for value in ("TRUE", "false", True, 1, "yes")] == [True, False, True, None, None]


def test_text_is_cut_and_cleaned() -> None:
    assert text(" a\x00b\n ") == "a b"
    assert text("x" * 600) == "x" * reading.MAX_TEXT
    assert text("") is None
    assert text({"a": 5}, "a") == "5"


def test_an_id_is_text_or_a_whole_number() -> None:
    assert [identifier(value) for value in ("a", 7, "", " ", "a\nb", "x" * 300, 1.5, True, ["a"])] == [
        "a", "7", None, None, None, None, None, None, None,
    ]  # fmt: skip


def test_objects_and_lists_in_strings_are_read() -> None:
    assert mapping('{"a": 1}') == {"a": 1}
    assert mapping("{") == {}
    assert reading.parsed("[1]") == [1]
    assert reading.parsed("plain") == "plain"
    assert items({"a": 1}) == []


@given(ANY, st.sampled_from([text, identifier, integer, number, boolean, items, mapping, reading.parsed]))
def test_whatever_it_is_nothing_fails(value: Any, read: Any) -> None:
    read(value)
    take(value, "a", "b")


@pytest.mark.parametrize("path", [("a", "b"), ("b",)])
def test_a_missing_step_is_none(path: tuple[str, ...]) -> None:
    assert take({"a": 5}, *path) is None
