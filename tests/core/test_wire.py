"""Bytes that two readers could understand differently are refused; ours are the same every time."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core import wire
from stream_app.core.wire import MAX_DEPTH, WireError, digest_of, read_json, write_checked, write_json


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"{} {}", "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b'"\xff"', "not_json"),
        (b"[" * 100_000, "not_json"),
        (b"1" * 5000, "not_json"),
        (b'{"a":1,"a":1}', "duplicate_key"),
        (b'[{"b":{"a":1,"a":2}}]', "duplicate_key"),
        (b"NaN", "not_a_number"),
        (b"[-Infinity]", "not_a_number"),
        (b"1e400", "not_a_number"),
        (b'"a\x00b"', "invalid_text"),
        (b'"\\u0000"', "invalid_text"),
        (b'{"\\u0000":1}', "invalid_text"),
        (b'[["\\ud83d"]]', "invalid_text"),
        (b'{"\\udc00":1}', "invalid_text"),
    ],
)
def test_refused(data: bytes, reason: str) -> None:
    with pytest.raises(WireError) as caught:
        read_json(data)
    assert caught.value.reason == reason


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_has_a_limit_well_before_any_reader_gives_up(opening: bytes, closing: bytes) -> None:
    def nested(levels: int) -> bytes:
        return opening * levels + b"1" + closing * levels

    assert write_json(read_json(nested(MAX_DEPTH))) == nested(MAX_DEPTH)
    for levels in (MAX_DEPTH + 1, 300, 900):
        with pytest.raises(WireError, match="nested deeper") as caught:
            read_json(nested(levels))
        assert caught.value.reason == "not_json"


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert len(read_json(b"[" + b",".join([b"[{}]"] * 5000) + b"]")) == 5000
    assert read_json(b'"' + b"[" * 5000 + b'"') == "[" * 5000


def test_escaped_pairs_are_one_character() -> None:
    assert read_json(b'"\\ud83d\\ude00"') == "\U0001f600"


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(VALUES)
def test_what_we_write_we_read_the_same(value: Any) -> None:
    assert read_json(write_json(value)) == value
    assert write_json(read_json(write_json(value))) == write_json(value)


@given(st.dictionaries(st.text("abc", max_size=3), st.integers(), max_size=5))
def test_the_order_of_keys_does_not_show(document: dict[str, int]) -> None:
    backwards = dict(reversed(document.items()))
    assert write_json(backwards) == write_json(document)
    assert digest_of(backwards) == sha256(write_json(document)).hexdigest()


TEXT = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(["a", '"', "\\", "a\nb", ":", "\x7f"])
PIECES = st.recursive(
    TEXT.map(json.dumps)
    | TEXT.map(lambda text: json.dumps(text, ensure_ascii=False))
    | st.sampled_from(
        ["1", "-0", "0.1", "1e5", "1E400", "9" * 400, "9" * 5000, "01", "NaN", "true", "null", "x", '"\\/"',
         '"\\u0022"', '"\\ud83d\\ude00"', '"\\ud800"', '"\x00"', "-1.5e-7", "1e-400"]
    ),
    lambda inner: st.lists(inner, max_size=4).map(lambda items: "[" + ", ".join(items) + "]")
    | st.lists(st.tuples(st.sampled_from(['"a"', '"b"', '"\\/"', '"/"', '"\\u0061"', '"ü"']), inner), max_size=4).map(
        lambda pairs: "{" + ",".join(f"{key}{' : ' if len(value) % 2 else ':'}{value}" for key, value in pairs) + "}"
    ),
    max_leaves=8,
)  # fmt: skip


def outcome(reader: Callable[[bytes], Any], data: bytes) -> Any:
    try:
        return repr(reader(data))  # Tells -0.0 from 0 and 1 from 1.0, as equality does not.
    except WireError as error:
        return error.reason, error.detail


@settings(max_examples=800, deadline=None)
@given(PIECES)
def test_the_quick_reader_and_the_strict_one_are_one(text: str) -> None:
    data = text.encode()
    assert outcome(read_json, data) == outcome(wire._read_strictly, data)


@settings(max_examples=800, deadline=None)
@given(st.binary(max_size=40), st.integers(0, 40), PIECES)
def test_they_are_one_on_mangled_bytes(mangled: bytes, at: int, text: str) -> None:
    data = text.encode()
    assert outcome(read_json, data[:at] + mangled + data[at:]) == outcome(
        wire._read_strictly, data[:at] + mangled + data[at:]
    )


@given(VALUES)
def test_what_was_read_is_written_the_same_the_quick_way(value: Any) -> None:
    assert write_checked(value) == write_json(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_too(number: float) -> None:
    assert write_checked([number]) == write_json([number])


@given(st.binary(max_size=60))
def test_any_bytes_give_a_value_or_a_wire_error(data: bytes) -> None:
    try:
        value = read_json(data)
    except WireError:
        return
    assert json.loads(data) == value
