"""Canonical JSON: the published examples, agreement with another canonicaliser, what has no canonical form."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from stream_app.core.canonical import CanonicalError, canonical_bytes, hash_of, is_canonical

# RFC 8785, section 3.2.2 and 3.2.3, as published.
RFC_EXAMPLE = (
    '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],'
    '"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}'
)
RFC_CANONICAL = (
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
    '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
)


def test_the_example_of_the_rfc() -> None:
    assert canonical_bytes(json.loads(RFC_EXAMPLE)).decode() == RFC_CANONICAL


def test_keys_sort_by_utf_16_as_the_rfc_asks_and_not_by_code_point() -> None:
    assert canonical_bytes({"\ufb33": 1, "\U0001f600": 2}).decode() == '{"\U0001f600":2,"\ufb33":1}'


TEXT = st.characters(min_codepoint=1, max_codepoint=0xD7FF)  # NUL is refused by our reader, surrogates by the RFC.
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(TEXT),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(TEXT, max_size=6), inner, max_size=4),
    max_leaves=12,
)


def foreign(value: Any) -> str:
    """Another canonicaliser, the standard library's encoder: agrees where numbers are integers and text is BMP."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@given(PLAIN)
def test_agrees_with_another_canonicaliser(value: Any) -> None:
    text = foreign(value)
    assert canonical_bytes(value).decode() == text
    assert is_canonical(text.encode())


NUMBERS = (
    st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.5,
            1e-4,
            9.999e-5,
            1e-7,
            1e15,
            1e16,
            1e21,
            2.0**53,
            2.0**53 - 1,
            5e-324,
            1.7976931348623157e308,
        ]
    )
)
KEYS = st.text(st.characters(max_codepoint=0x7F), max_size=6) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=3
)
ANY = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(ANY)
@example({"score": 1.0, "b": [0.0, -0.0, 18.5], "a": (3.0, True)})
@example("".join(map(chr, range(0x800))))
@example({"".join(map(chr, range(0x80))): None, "": 1})
def test_the_quick_way_writes_what_the_library_of_the_rfc_writes(value: Any) -> None:
    assert canonical_bytes(value) == rfc8785.dumps(value)


class Shout(str):
    """A kind of text, as an enumeration's values are."""


@pytest.mark.parametrize("value", [Shout("a"), {Shout("b"): 1, "a": Shout("c")}, {"n": 2**53 - 1}, [-(2**53) + 1]])
def test_values_at_the_edge_are_written_as_by_the_library_too(value: Any) -> None:
    assert canonical_bytes(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    "value", [{"a": 2**53 + 1}, {"a": 10**400}, {"a": "\ud800"}, {"\udfff": 1}, math.nan, -math.inf, {1: 2}, {"a": b""}]
)
def test_what_has_no_canonical_form_is_a_clear_error(value: Any) -> None:
    with pytest.raises(CanonicalError):
        canonical_bytes(value)


@pytest.mark.parametrize("body", [b'{"a": 1}', b'{"b":1,"a":2}', b'{"a":1.0}', b'{"a":1}\n', b"{", b'{"a":1,"a":1}'])
def test_other_bytes_are_not_canonical(body: bytes) -> None:
    assert not is_canonical(body)


def test_a_hash_is_over_the_bytes() -> None:
    assert hash_of(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
