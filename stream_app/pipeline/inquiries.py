"""The only place where a stage's rows are asked by people: aliases, one call, open joins, sealed versions; read only.

What is read is a row at a time, or a slice of them: the stage's own work goes on in between.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Any

from stream_app.core import due_index
from stream_app.core.accounts import is_account
from stream_app.core.alias_rows import due_of, read_row
from stream_app.core.call_rows import read_call
from stream_app.core.canonical import hash_of
from stream_app.core.due_index import CALL_PREFIX
from stream_app.core.explanation import days_of, explain, explain_alias
from stream_app.core.manifest import MAX_MANIFEST_BYTES, ManifestError, manifest_uri, read_manifest
from stream_app.core.open_joins import OpenJoins, Wanted, horizon
from stream_app.core.standing import View
from stream_app.pipeline.ports import ObjectMissing, ObjectStore, State, StoreError

SLICE = 200
"""Calls looked at in one go: a few milliseconds."""
REST = 0.5
"""After a slice the stage has its loop for as long as the slice took, times this."""
MAX_VERSIONS = 20
_LAST = b"\xff" * 4
_OTHERS = (b"orphan", b"minted", b"expire", b"parked", b"lookup", b"progress")
"""Beginnings of keys, up to their `/`, that are no aliases."""


def aliases(rows: State, names: Sequence[str]) -> list[dict[str, Any]]:
    """What is known of these aliases (`scheme:value`) here."""
    keys = [key for key in dict.fromkeys(name.encode() for name in names) if not is_account(key)]
    return [explain_alias(read_row(row), due_of(row)) for row in rows.get_many(keys) if row is not None]


def named(rows: State, value: str) -> list[dict[str, Any]]:
    """The aliases of any scheme that have this value; a look-up for each scheme, not for each alias."""
    return aliases(rows, [f"{scheme.decode()}:{value}" for scheme in _schemes(rows)])


def _schemes(rows: State) -> Iterator[bytes]:
    """Every scheme that an alias here has: leaps from one to the next."""
    at = b""
    while found := rows.scan(at, _LAST, 1):
        key = found[0][0]
        scheme, colon, _ = key.partition(b":")
        kind, slash, _ = key.partition(b"/")
        if slash and kind in _OTHERS:
            at = kind + b"0"  # What comes behind "/".
        elif colon:
            if not is_account(key):
                yield scheme
            at = scheme + b";"  # What comes behind ":".
        else:
            at = key + b"\0"


def call(rows: State, view: View, call_id: str) -> dict[str, Any] | None:
    """What is known of the call with this ID here."""
    row = rows.get(CALL_PREFIX + call_id.encode())
    if row is None:
        return None
    state = read_call(row)
    return {**explain(state, view), "days": days_of(state, view)}


async def open_joins(rows: State, view: View, wanted: Wanted) -> dict[str, Any]:
    """The open joins of a partition (`core.open_joins`), in slices: calls that come or go meanwhile may be missed."""
    found = OpenJoins(wanted)
    first, last = due_index.bounds(0, horizon(view))
    while True:
        began = time.perf_counter()
        entries = rows.scan(first, last, SLICE)
        keys = [CALL_PREFIX + due_index.read_key(key)[1] for key, _ in entries]
        for (key, _), row in zip(entries, rows.get_many(keys), strict=True):
            if row is None:
                continue
            state = read_call(row)
            if state.due == due_index.read_key(key)[0]:  # Else another entry, or none, speaks for it.
                found.add(state, view)
        if len(entries) < SLICE:
            return found.result()
        first = entries[-1][0] + b"\0"
        await asyncio.sleep((time.perf_counter() - began) * REST)


async def sealed(
    store: ObjectStore, bucket: str, call_id: str, days: Sequence[int], versions: int
) -> list[dict[str, Any]]:
    """The manifests of a call's versions, as far as they are stored."""
    for at in days:
        first = manifest_uri(bucket, call_id, at, 1)
        one = await _manifest(store, first)
        if one is None:
            continue
        stem = first.removesuffix("1/manifest.json")
        last = min(versions, MAX_VERSIONS)
        rest = await asyncio.gather(*(_manifest(store, f"{stem}{n}/manifest.json") for n in range(2, last + 1)))
        return [one, *(found for found in rest if found is not None)]
    return []


async def _manifest(store: ObjectStore, uri: str) -> dict[str, Any] | None:
    try:
        body = await store.get(uri, max_bytes=MAX_MANIFEST_BYTES)
        manifest = read_manifest(body)
    except ObjectMissing:
        return None
    except (StoreError, ManifestError) as error:
        return {"packetId": None, "status": f"unreadable ({type(error).__name__})", "manifestUri": uri,
                "manifestHash": None}  # fmt: skip
    return {
        "packetId": manifest.packet_id,
        "status": manifest.status,
        "manifestUri": uri,
        "manifestHash": hash_of(body),
    }
