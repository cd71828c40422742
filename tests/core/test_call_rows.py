"""A call's row: it comes back whole, its header is read alone, and what cannot be read is said."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from stream_app.core.call_rows import RowError, due_of, read_call, write_call
from tests import stories
from tests.folding import Call
from tests.stories import MINUTE


def lived() -> Call:
    """A call with something in every part of its state."""
    call = Call().fold(stories.call_ended(), stories.tool(status="failed"), stories.tool(status="failed"))
    call.time(2 * MINUTE).fold(stories.evaluation("judged", failed=True), stories.evaluation("judged", score=0.2))
    call.fold(stories.trace(traceparent="x")).time(5 * MINUTE).fold(stories.artifact("log"))
    return call


def test_a_state_comes_back_as_it_was() -> None:
    for call in (lived(), Call().fold(stories.call_ended()), Call().fold(stories.tool())):
        assert call.state is not None
        row = write_call(call.state)
        assert read_call(row) == call.state
        assert write_call(read_call(row)) == row


def test_the_header_says_when_it_is_due() -> None:
    state = lived().state
    assert state is not None
    for due in (0, 1, 2**48, None):
        row = write_call(replace(state, due=due))
        assert due_of(row) == read_call(row).due == due
        assert due_of(row[:9]) == due, "the rest of the row is not needed"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda row: b"\x63" + row[1:], "version 99, this release reads 1"),
        (lambda row: row[:5], "has at least 9 bytes, this one has 5"),
        (lambda row: row[:0], "has at least 9 bytes, this one has 0"),
    ],
)
def test_a_row_that_cannot_be_read_is_a_clear_error(damage: object, said: str) -> None:
    state = lived().state
    assert state is not None
    row = damage(write_call(state))  # type: ignore[operator]
    for read in (read_call, due_of):
        with pytest.raises(RowError, match=said):
            read(row)


def test_a_row_that_was_cut_off_is_a_clear_error() -> None:
    state = lived().state
    assert state is not None
    with pytest.raises(RowError, match="cannot be read"):
        read_call(write_call(state)[:-3])
