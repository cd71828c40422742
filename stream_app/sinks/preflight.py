"""The only place that tries out whether an S3 store keeps the promises that sealing stands on.

Everything is tried on throw-away keys below `_stream-app-preflight/`, which are removed again as far as the store and
our rights allow. A store that fails a check marked `must` would let two manifests claim one version: it is refused.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from stream_app.pipeline.ports import ObjectDenied, ObjectMissing, StoreError
from stream_app.sinks.s3 import S3ObjectStore

WRITERS = 20
MAX_SKEW_S = 300.0
"""Beyond a quarter of an hour S3 refuses signatures; a third of it is time to mend a clock."""
LOCK_MS = 15_000
PREFIX = "_stream-app-preflight"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried. `ok` None: it does not apply here, and `detail` says why."""

    name: str
    ok: bool | None
    detail: str
    must: bool = True

    @property
    def failed(self) -> bool:
        """Whether the line must not run like this."""
        return self.must and self.ok is False


async def check_store(store: S3ObjectStore, bucket: str) -> tuple[Check, ...]:
    """Every check of one bucket (or bucket and prefix), in this order; none raises StoreError."""
    root = f"s3://{bucket}/{PREFIX}/{secrets.token_hex(8)}"
    return (
        await _tried("store answers", lambda: _round_trip(store, f"{root}/first")),
        await _tried("conditional put has one winner", lambda: _race(store, f"{root}/race")),
        await _tried("a second put is refused (412)", lambda: _second(store, f"{root}/second")),
        await _tried("delete", lambda: _delete(store, f"{root}/delete"), must=False),
        await _tried("object lock", lambda: _lock(store, bucket, f"{root}/lock"), must=False),
        await _tried("clock", lambda: _clock(store, bucket)),
    )


async def _tried(name: str, check: Callable[[], Awaitable[tuple[bool | None, str]]], *, must: bool = True) -> Check:
    try:
        ok, detail = await check()
    except StoreError as error:
        return Check(name, False, f"{type(error).__name__}: {error.detail}", must)
    return Check(name, ok, detail, must or ok is False)


async def _gone(store: S3ObjectStore, uri: str) -> None:
    try:
        await store.delete(uri)
    except StoreError:
        pass  # The worker's own keys need no right to delete.


async def _round_trip(store: S3ObjectStore, uri: str) -> tuple[bool, str]:
    content, began = secrets.token_bytes(64), time.perf_counter()
    await store.put_once(uri, content, media_type="application/octet-stream")
    same = await store.get(uri, max_bytes=1024) == content
    took = (time.perf_counter() - began) * 1000
    await _gone(store, uri)
    return same, f"written and read in {took:.0f} ms" if same else "gave back other bytes than were written"


async def _race(store: S3ObjectStore, uri: str) -> tuple[bool, str]:
    bodies = [f"writer {number}".encode() for number in range(WRITERS)]
    answers = await asyncio.gather(*(store.put_once(uri, body, media_type="text/plain") for body in bodies))
    winners = [body for body, answer in zip(bodies, answers, strict=True) if answer == "stored"]
    kept = await store.get(uri, max_bytes=1024)
    await _gone(store, uri)
    if len(winners) != 1:
        return False, f"{len(winners)} of {WRITERS} writers were told that they wrote: If-None-Match is not honoured"
    return kept == winners[0], f"one of {WRITERS} at once" if kept == winners[0] else "another writer's bytes are there"


async def _second(store: S3ObjectStore, uri: str) -> tuple[bool, str]:
    await store.put_once(uri, b"first", media_type="text/plain")
    answer = await store.put_once(uri, b"second", media_type="text/plain")
    kept = await store.get(uri, max_bytes=1024)
    await _gone(store, uri)
    good = (answer, kept) == ("exists", b"first")
    return good, "refused, and the first stays" if good else "what was written once can be overwritten"


async def _delete(store: S3ObjectStore, uri: str) -> tuple[bool | None, str]:
    await store.put_once(uri, b"x", media_type="text/plain")
    try:
        await store.delete(uri)
    except ObjectDenied:
        return None, "these keys may not delete: good for a worker"
    try:
        await store.get(uri, max_bytes=10)
    except ObjectMissing:
        return True, "what is deleted is gone (these keys may delete; a worker's need not)"
    return False, "what was deleted is still there"


async def _lock(store: S3ObjectStore, bucket: str, uri: str) -> tuple[bool | None, str]:
    name = bucket.partition("/")[0]
    try:
        if not await store.has_lock(name):
            return None, "the bucket has no Object Lock: what was written can be deleted by whoever may delete"
        until = time.time_ns() // 1_000_000 + LOCK_MS
        version = await store.put_locked(uri, b"x", media_type="text/plain", until_ms=until)
    except ObjectDenied:
        return None, "these keys may not ask for locks"
    try:
        await store.delete_version(uri, version)
    except ObjectDenied:
        return True, "a locked version cannot be deleted"
    return False, "the bucket says that it locks, and a locked version could be deleted"


async def _clock(store: S3ObjectStore, bucket: str) -> tuple[bool, str]:
    skew = await store.clock(bucket.partition("/")[0]) - time.time()
    return abs(skew) <= MAX_SKEW_S, f"the store's clock is {skew:+.0f} s from ours"


async def check_key_bucket(store: S3ObjectStore, bucket: str) -> Check:
    """A key that is destroyed must not live on as an older version of an object."""
    name = "keys are gone when removed"
    try:
        kept = await store.keeps_versions(bucket.partition("/")[0])
    except ObjectDenied:
        return Check(name, None, f"whether {bucket} keeps versions, these keys may not ask", must=False)
    except StoreError as error:
        return Check(name, False, f"{type(error).__name__}: {error.detail}")
    told = "keeps versions: what is destroyed there can be read again" if kept else "keeps no versions"
    return Check(name, not kept, f"{bucket} {told}")
