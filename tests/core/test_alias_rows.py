"""An alias as a row: its time stands where it is read without the rest, and the index follows from it."""

from __future__ import annotations

import json

import pytest

from stream_app.core.alias_rows import (
    EXPIRE,
    ORPHAN,
    PARKED,
    Due,
    due_of,
    index_bounds,
    index_key,
    local_rows,
    read_index_key,
    read_row,
    write_row,
)
from stream_app.core.evidence import AcceptedEvent, Position
from stream_app.core.identity import Alias, AliasState
from stream_app.core.identity_records import PassingEvent, RecordError

KEY = "livekitRoom:räum-1".encode()
EVENT = AcceptedEvent(
    position=Position(topic="tool-call", partition=1, offset=2),
    received_at=0,
    digest="0" * 64,
    event={"eventId": "e", "type": "tool-call", "source": "test"},
)
WAITING = Alias(KEY.decode(), edges=("x:y",), parked=(PassingEvent.of(EVENT),), since=5)
LINKED = Alias(KEY.decode(), canonical_call_id="call-1", said_by="test")


@pytest.mark.parametrize("due", [(ORPHAN, 0), (EXPIRE, 1_780_511_951_000), (PARKED, 0), (EXPIRE, 253_402_300_799_999)])
def test_a_row_says_when_and_what(due: Due) -> None:
    for state in (WAITING, LINKED):
        row = write_row(state, due)
        assert due_of(row) == due
        assert read_row(row) == state


def test_commands_read_the_same_row_as_plain_json() -> None:
    row = write_row(WAITING, (ORPHAN, 7))
    assert row.startswith(b'{"_due":"orphan/000000000000007","_v":1,"alias":"livekitRoom:r')
    assert AliasState.from_dict(json.loads(row)) == AliasState(
        alias=KEY.decode(), edges=("x:y",), parked=(EVENT,), since=5
    )  # fmt: skip


def test_a_row_from_before_there_were_times_is_due_at_once() -> None:
    states = (
        (AliasState(alias="a:b", canonical_call_id="call-1"), (EXPIRE, 0)),
        (AliasState(alias="a:b", parked=(EVENT,), since=5), (ORPHAN, 0)),
        (AliasState(alias="a:b", parked=(EVENT,), since=5, orphaned=True), (PARKED, 0)),
    )
    for state, due in states:
        assert due_of(state.to_bytes()) == due
        assert read_row(state.to_bytes()).since == state.since


@pytest.mark.parametrize("due", [(ORPHAN, 7), (EXPIRE, 1_780_511_951_000)])
def test_a_row_of_the_first_release_has_no_version_and_is_read(due: Due) -> None:
    row = write_row(WAITING, due)
    unversioned = row.replace(b'"_v":1,', b"", 1)
    assert unversioned != row
    assert (read_row(unversioned), due_of(unversioned)) == (WAITING, due)


def test_a_row_of_another_version_is_said_to_be_one() -> None:
    row = write_row(LINKED, (EXPIRE, 7))
    for stated in (b"2", b"11", b'"x"'):
        other = row.replace(b'"_v":1', b'"_v":' + stated, 1)
        for read in (read_row, due_of):
            with pytest.raises(RecordError, match=f"version {stated.decode()}, this release reads 1"):
                read(other)


def test_the_index_follows_from_the_row() -> None:
    for due in ((ORPHAN, 7), (EXPIRE, 1 << 40)):
        ((key, value),) = local_rows(KEY, write_row(WAITING, due))
        assert value
        assert key == index_key(due, KEY)
        assert read_index_key(key) == (due, KEY)
    assert local_rows(KEY, write_row(WAITING, (PARKED, 0))) == ()
    assert local_rows(b"progress/identity/3", b'{"beyond":[],"upto":7}') == ()


def test_the_index_is_in_the_order_of_time() -> None:
    keys = [index_key((EXPIRE, ms), KEY) for ms in (0, 255, 256, 1 << 32, 1 << 41)]
    assert keys == sorted(key for key in keys if key)
    first, last = index_bounds(EXPIRE, 255, 1 << 32)
    assert [first <= (key or b"") < last for key in keys] == [False, True, True, True, False]
    other = index_key((ORPHAN, 256), KEY)
    assert other is not None
    assert not first <= other < last


@pytest.mark.parametrize(
    "row", [b"", b"junk", b'{"_due":"never!/000000000000007","alias":"a:b"}', b'{"_due":"orphan/soon", "alias":"a:b"}']
)
def test_what_is_no_row_is_refused(row: bytes) -> None:
    with pytest.raises(RecordError, match="not the row of an alias"):
        due_of(row)
