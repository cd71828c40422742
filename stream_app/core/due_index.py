"""The only place for the index of due times: one local key a waiting call, so that timers cost disk, not memory.

Theory of operation. A call's row says when the call must be looked at (`call_rows`). The index holds the same times as
keys `due/<8-byte big-endian ms><call id>`, so the calls that are due stand side by side, earliest first, equal times by
call ID: the same order in every run. It is local, made anew from the rows as they are replayed; a replay brings every
row a call ever had, so an entry counts only where the call's row still says that time. Stale ones are deleted when
their time comes.
"""

from __future__ import annotations

from stream_app.core.call_rows import due_of

CALL_PREFIX = b"call:"
_PREFIX = b"due/"
_TIME = slice(len(_PREFIX), len(_PREFIX) + 8)
_PRESENT = b"\x01"
"""Keys say everything; some stores do not tell an empty value from none."""


def entry(due: int, call_id: bytes) -> tuple[bytes, bytes]:
    """The index row of a call that is due at this time, ms."""
    return _PREFIX + due.to_bytes(8, "big") + call_id, _PRESENT


def entry_key(due: int, call_id: bytes) -> bytes:
    """Its key."""
    return _PREFIX + due.to_bytes(8, "big") + call_id


def read_key(key: bytes) -> tuple[int, bytes]:
    """(due time, call ID) of an index key."""
    return int.from_bytes(key[_TIME], "big"), key[_TIME.stop :]


def bounds(first: int, last: int) -> tuple[bytes, bytes]:
    """Key range of all calls due from `first` to `last`, ms, both included."""
    return entry_key(first, b""), entry_key(last + 1, b"")


def local_rows(key: bytes, row: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """The local rows that follow from a row of the join's table, as it was written or is replayed. Raises RowError."""
    if not key.startswith(CALL_PREFIX):
        return ()
    due = due_of(row)
    return () if due is None else (entry(due, key[len(CALL_PREFIX) :]),)
