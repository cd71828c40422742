"""What is done and what is not, over any order of finishing, and as a row that a later version reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.runtime.progress import PROGRESS, Progress, ProgressError, row_key


def test_the_row_is_one_of_its_input_partition_and_beside_those_of_the_stage() -> None:
    assert row_key("seal-orders", 3) == b"progress/seal-orders/3"
    assert row_key("seal-retry", 3) != row_key("seal-orders", 3)
    assert row_key("seal-orders", 13).startswith(PROGRESS)


def test_of_no_row_nothing_is_done() -> None:
    progress = Progress.from_bytes(None)
    assert 0 not in progress
    assert (progress.upto, progress.beyond) == (0, set())


def test_everything_below_the_frontier_is_done_and_some_beyond() -> None:
    progress = Progress(3, {5})
    assert [offset for offset in range(8) if offset in progress] == [0, 1, 2, 5]
    progress.add(7)
    progress.add(1)
    assert (progress.upto, progress.beyond) == (3, {5, 7})
    progress.reach(5)
    assert (progress.upto, progress.beyond) == (6, {7}), "what the frontier passed need not be named"


def test_the_frontier_never_goes_back() -> None:
    progress = Progress(10)
    progress.reach(3)
    assert progress.upto == 10


def test_two_do_not_share_what_they_remember() -> None:
    Progress().add(5)
    assert 5 not in Progress()
    given_set = {5}
    Progress(0, given_set).reach(9)
    assert given_set == {5}


def test_the_row_is_golden() -> None:
    """Stored by every released version: a change of this form needs a reader of both."""
    row = b'{"upto":7,"beyond":[9,12]}'
    assert Progress(7, {12, 9}).to_bytes() == row
    read = Progress.from_bytes(row)
    assert (read.upto, read.beyond) == (7, {9, 12})


@given(st.permutations(range(12)), st.integers(0, 12))
def test_in_any_order_and_over_a_restart_exactly_what_is_done_is_known(order: list[int], restart: int) -> None:
    progress, done = Progress(), set[int]()
    for step, offset in enumerate(order):
        if step == restart:
            progress = Progress.from_bytes(progress.to_bytes())
        done.add(offset)
        progress.add(offset)
        upto = next(one for one in range(13) if one not in done)
        if upto:
            progress.reach(upto - 1)
        assert {one for one in range(14) if one in progress} == done
        assert len(progress.beyond) == len([one for one in done if one > upto])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (b"", "cannot be read"),
        (b"{}", "cannot be read"),
        (b"7", "cannot be read"),
        (b'{"upto":7}', "cannot be read"),
        (b'{"upto":-1,"beyond":[]}', "cannot be read"),
        (b'{"upto":1,"beyond":["2"]}', "cannot be read"),
        (b'{"upto":1,"beyond":[],"v":2}', "has version 2, this release reads 1"),
    ],
)
def test_what_cannot_be_read_is_said_and_never_taken_for_the_beginning(row: bytes, said: str) -> None:
    with pytest.raises(ProgressError, match=said):
        Progress.from_bytes(row)
