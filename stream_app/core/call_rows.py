"""The only place for the bytes of a call's row: a header that is read without the rest, then everything known.

    1 byte   version of this layout
    8 bytes  when the call must be looked at next, ms of the join's time, big endian; all ones: never
    8 bytes  since when it is open (its end, or what stands for it), ms, big endian; all ones: it is not
    the rest the call's state

The header stands at a fixed place so that timers and gauges of a million calls cost no decoding.
"""

from __future__ import annotations

import struct

from pydantic import ValidationError

from stream_app.core.calls import CallState
from stream_app.core.wire import WireError, read_json

VERSION = 1
_HEADER = struct.Struct(">BQQ")
_NEVER = 2**64 - 1


class RowError(ValueError):
    """A row that this version cannot read: written by another version, or damaged."""


def _header(row: bytes) -> tuple[int, int, int]:
    if len(row) < _HEADER.size:
        raise RowError(f"a call's row has at least {_HEADER.size} bytes, this one has {len(row)}")
    version, due, since = _HEADER.unpack_from(row)
    if version != VERSION:
        raise RowError(
            f"a call's row has version {version}, this release reads {VERSION}: use the release that wrote it"
        )
    return version, due, since


def write_call(state: CallState, due: int | None, open_since: int | None) -> bytes:
    """The row of a call that must be looked at again at `due` and is open since `open_since` (ms; None: not)."""
    header = _HEADER.pack(VERSION, _NEVER if due is None else due, _NEVER if open_since is None else open_since)
    return header + state.to_bytes()


def read_call(row: bytes) -> CallState:
    """The call's state. Raises RowError."""
    _header(row)
    try:
        return CallState.from_dict(read_json(row[_HEADER.size :]))
    except (WireError, ValidationError) as error:
        raise RowError(f"a call's row cannot be read: {str(error)[:200]}") from None


def due_of(row: bytes) -> int | None:
    """When the call must be looked at, ms; the rest of the row is not read. Raises RowError."""
    due = _header(row)[1]
    return None if due == _NEVER else due


def open_since_of(row: bytes) -> int | None:
    """Since when the call is open, ms; the rest of the row is not read. Raises RowError."""
    since = _header(row)[2]
    return None if since == _NEVER else since
