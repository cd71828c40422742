"""The index of due times: the order of its keys is the order of the timers, and rows alone are enough to make it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core import due_index
from stream_app.core.call_rows import RowError, write_call
from stream_app.core.calls import CallState

TIMES = st.integers(0, 2**53)


@given(st.lists(st.tuples(TIMES, st.text(min_size=1, max_size=9)), max_size=20))
def test_keys_sort_by_time_then_by_call(calls: list[tuple[int, str]]) -> None:
    keys = sorted(due_index.entry(due, call.encode())[0] for due, call in calls)
    assert [due_index.read_key(key) for key in keys] == sorted((due, call.encode()) for due, call in calls)


@given(TIMES, TIMES, TIMES, st.binary(min_size=1, max_size=9))
def test_a_range_holds_what_is_due_in_it_whatever_the_call_is_named(
    due: int, one: int, other: int, call: bytes
) -> None:
    first, last = min(one, other), max(one, other)
    begin, end = due_index.bounds(first, last)
    assert (begin <= due_index.entry_key(due, call) < end) == (first <= due <= last)


def test_what_follows_from_a_row() -> None:
    waiting, resting = (write_call(CallState(call_id="a/b", due=due)) for due in (258, None))
    assert due_index.local_rows(b"call:a/b", waiting) == ((b"due/\0\0\0\0\0\0\x01\x02a/b", b"\x01"),)
    assert due_index.local_rows(b"call:a/b", resting) == ()
    for key in (b"policy:x/0", b"active/0", b"clock/0", b"open/0", b"folded/0"):
        assert due_index.local_rows(key, b"anything") == ()
    with pytest.raises(RowError, match="version 123"):
        due_index.local_rows(b"call:a", b"{" * 20)
