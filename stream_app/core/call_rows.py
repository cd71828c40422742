"""The only place for the bytes of a call's row: a header that is read without the rest, then everything known.

    1 byte   version of this layout
    8 bytes  when the call must be looked at next, ms of the join's time, big endian; all ones: never
    the rest the call's state, MessagePack

The header stands at a fixed place so that timers of a million calls cost no decoding.
"""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import ValidationError

from stream_app.core.calls import CallState
from stream_app.core.orders import Conflict

VERSION = 1
_VERSION = bytes([VERSION])
_HEADER = 9
_NEVER = b"\xff" * 8


class RowError(ValueError):
    """A row that this version cannot read: written by another version, or damaged."""


def _write_model(value: Any) -> Any:
    if isinstance(value, Conflict):  # Too rare to be worth a struct of its own.
        return value.to_dict()
    raise NotImplementedError(f"a call's row holds no {type(value).__name__}")


def _read_model(model: type, value: Any) -> Any:
    return Conflict.from_dict(value) if model is Conflict else value


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_write_model)
_DECODER = msgspec.msgpack.Decoder(CallState, dec_hook=_read_model)


def write_call(state: CallState) -> bytes:
    """The row of a call."""
    due = state.due
    return _VERSION + (_NEVER if due is None else due.to_bytes(8, "big")) + _ENCODER.encode(state)


def _check(row: bytes) -> None:
    if len(row) < _HEADER:
        raise RowError(f"a call's row has at least {_HEADER} bytes, this one has {len(row)}")
    if row[0] != VERSION:
        raise RowError(f"a call's row has version {row[0]}, this release reads {VERSION}: run the one that wrote it")


def read_call(row: bytes) -> CallState:
    """The call's state. Raises RowError."""
    _check(row)
    try:
        return _DECODER.decode(memoryview(row)[_HEADER:])
    except (msgspec.MsgspecError, ValidationError) as error:
        raise RowError(f"a call's row cannot be read: {str(error)[:200]}") from None


def due_of(row: bytes) -> int | None:
    """When the call must be looked at, ms; the rest of the row is not read. Raises RowError."""
    _check(row)
    due = row[1:_HEADER]
    return None if due == _NEVER else int.from_bytes(due, "big")
