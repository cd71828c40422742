"""How many calls are open: exact through every move and every restart, the oldest to ten seconds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.open_calls import SLOT_MS, OpenCalls

TIMES = st.none() | st.integers(0, 200_000)


@given(st.lists(st.tuples(st.sampled_from("abc"), TIMES), max_size=30))
def test_it_counts_as_a_dictionary_would(moves: list[tuple[str, int | None]]) -> None:
    counts, model = OpenCalls(), dict[str, int]()
    for call, since in moves:
        counts.move(model.get(call), since)
        model.pop(call, None)
        if since is not None:
            model[call] = since
        counts = OpenCalls.from_bytes(counts.to_bytes())
        assert len(counts) == len(model)
        oldest = counts.oldest()
        assert (oldest is None) == (not model)
        if oldest is not None:
            assert oldest <= min(model.values()) < oldest + SLOT_MS


def test_only_a_change_is_called_one() -> None:
    counts = OpenCalls()
    assert not counts.move(None, None)
    assert counts.move(None, 5)
    assert not counts.move(5, 6), "the same ten seconds"
    assert counts.move(6, None)


def test_a_row_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 07, this release reads 01"):
        OpenCalls.from_bytes(b"\x07\x80")
