"""The only place for the rows of the identity table: an alias as bytes, when it is due, and the index of what is due.

A row is the JSON of `identity.Alias` behind a field of fixed width, so that its time is read without reading the row:

    {"_due":"orphan/001780511951000","_v":1,"alias":"livekitRoom:r-1",...}

The row of an account (`accounts.Account`, under a key that no alias has) is written alike, as `lookup/`: when a report
is to be answered, or there is nothing left to remember.

`orphan/` is when waiting events become orphans, `minted/` when a call that ended and has no ID is given one, `expire/`
when an alias that nobody uses is forgotten, `parked/` is no time at all: orphans, and what waits at a disputed alias,
wait for as long as it takes. 0 is as soon as the stage knows the time. The index holds all but the last as local keys,
`orphan/<8-byte big-endian ms><alias>`, so that what is due stands side by side and no timer is kept in memory. A replay
brings every row an alias ever had: an entry counts only where the row still says its time.
`_v` is the version of the row; rows of release 0.1 do not say, and theirs is the first.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from stream_app.core.accounts import Account
from stream_app.core.identity import Alias
from stream_app.core.identity_records import RecordError

VERSION = 1

DueKind = Literal[b"orphan/", b"minted/", b"expire/", b"parked/", b"lookup/"]
Due = tuple[DueKind, int]
"""What is due with the alias, and when, ms of the stage's time."""

ORPHAN: DueKind = b"orphan/"
MINT: DueKind = b"minted/"
EXPIRE: DueKind = b"expire/"
PARKED: DueKind = b"parked/"
LOOKUP: DueKind = b"lookup/"
_KINDS: dict[bytes, DueKind] = {ORPHAN: ORPHAN, MINT: MINT, EXPIRE: EXPIRE, PARKED: PARKED, LOOKUP: LOOKUP}

_HEAD = b'{"_due":"'
_KIND = slice(len(_HEAD), len(_HEAD) + 7)
_TIME = slice(_KIND.stop, _KIND.stop + 15)
_VERSION = b'","_v":'
_AT_VERSION = slice(_TIME.stop, _TIME.stop + len(_VERSION))
_THIS_VERSION = b'%s%d,"' % (_VERSION, VERSION)
_PRESENT = b"\x01"
"""The index's keys say everything; a store may not tell an empty value from none."""

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Alias)
_ACCOUNT = msgspec.json.Decoder(Account)


def write_row(state: Alias | Account, due: Due) -> bytes:
    """The row of an alias, or of an account."""
    return b"%s%s%015d%s%s" % (_HEAD, due[0], due[1], _THIS_VERSION, _ENCODER.encode(state)[2:])


def _check(row: bytes) -> None:
    if row[_AT_VERSION] == _VERSION and not row.startswith(_THIS_VERSION, _TIME.stop):
        stated = row[_AT_VERSION.stop : _AT_VERSION.stop + 16].partition(b",")[0].decode("ascii", "replace")
        raise RecordError(
            f"the row of an alias has version {stated}, this release reads {VERSION}: run the one that wrote it"
        )


def read_row(row: bytes) -> Alias:
    """The alias of a row. Raises RecordError."""
    _check(row)
    try:
        return _DECODER.decode(row)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RecordError(f"not the row of an alias: {error}") from None


def read_account_row(row: bytes) -> Account:
    """The account of a row. Raises RecordError."""
    _check(row)
    try:
        return _ACCOUNT.decode(row)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RecordError(f"not the row of an account: {error}") from None


def due_of(row: bytes) -> Due:
    """When the alias of the row must be looked at. A row from before there were times: at once. Raises RecordError."""
    _check(row)
    if row.startswith(_HEAD):
        kind = _KINDS.get(row[_KIND])
        time = row[_TIME]
        if kind is None or not time.isdigit():
            raise RecordError("not the row of an alias: its time cannot be read")
        return kind, int(time)
    state = read_row(row)
    if not state.parked:
        return EXPIRE, 0
    return (PARKED if state.orphaned else ORPHAN), 0


def index_key(due: Due, alias: bytes) -> bytes | None:
    """The key of the index that says so; None where nothing is due."""
    return None if due[0] == PARKED else due[0] + due[1].to_bytes(8, "big") + alias


def index_row(key: bytes) -> tuple[bytes, bytes]:
    """The local row of an index key."""
    return key, _PRESENT


def read_index_key(key: bytes) -> tuple[Due, bytes]:
    """(when, alias) of a key of the index."""
    return (_KINDS[key[:7]], int.from_bytes(key[7:15], "big")), key[15:]


def index_bounds(kind: DueKind, first: int, last: int) -> tuple[bytes, bytes]:
    """Key range of everything of the kind that is due from `first` to `last`, ms, both included."""
    return kind + first.to_bytes(8, "big"), kind + (last + 1).to_bytes(8, "big")


def local_rows(key: bytes, row: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """The local rows that follow from a row of the identity table, as it is replayed. Raises RecordError."""
    if b":" not in key:
        return ()  # No alias: how far the lane has come.
    entry = index_key(due_of(row), key)
    return () if entry is None else (index_row(entry),)
