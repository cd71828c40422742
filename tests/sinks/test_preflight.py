"""The preflight against the real server, and against stores that break one promise each."""

from __future__ import annotations

import time
from typing import Any, Literal
from uuid import uuid4

import pytest

from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import ObjectDenied, StoreUnavailable
from stream_app.sinks.preflight import Check, check_key_bucket, check_store
from stream_app.sinks.s3 import S3ObjectStore
from tests.fakes import InMemoryObjectStore


class Store(InMemoryObjectStore):
    """A store that keeps every promise; below are some that do not."""

    locks = True
    skew = 0.0

    async def delete(self, uri: str) -> None:
        self.objects.pop(uri, None)

    async def has_lock(self, bucket: str) -> bool:
        return self.locks

    async def put_locked(self, uri: str, body: bytes, *, media_type: str, until_ms: int) -> str:
        await self.put(uri, body, media_type=media_type)
        return "version-1"

    async def delete_version(self, uri: str, version: str) -> None:
        raise ObjectDenied(uri, "locked")

    async def clock(self, bucket: str) -> float:
        return time.time() + self.skew


class Overwrites(Store):
    async def put_once(
        self, uri: str, body: bytes, *, media_type: str, retention_class: str | None = None
    ) -> Literal["stored", "exists"]:
        await self.put(uri, body, media_type=media_type)
        return "stored"


class KeepsNothingOfDeletes(Store):
    async def delete(self, uri: str) -> None:
        return None


class LocksInName(Store):
    async def delete_version(self, uri: str, version: str) -> None:
        return None


class Late(Store):
    skew = -1000.0


async def checked(store: Any) -> dict[str, Check]:
    return {one.name: one for one in await check_store(store, "bucket")}


async def test_a_store_that_keeps_its_promises_passes_and_nothing_stays_behind() -> None:
    store = Store()
    found = await checked(store)
    assert [one.ok for one in found.values()] == [True] * 6
    assert [uri for uri in store.objects if not uri.endswith("/lock")] == []


@pytest.mark.parametrize(
    ("store", "failed"),
    [
        (Overwrites(), {"conditional put has one winner", "a second put is refused (412)"}),
        (KeepsNothingOfDeletes(), {"delete"}),
        (LocksInName(), {"object lock"}),
        (Late(), {"clock"}),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_each_broken_promise_is_found(store: Store, failed: set[str]) -> None:
    assert {name for name, one in (await checked(store)).items() if one.failed} == failed


async def test_a_store_that_does_not_answer_fails_and_does_not_raise() -> None:
    store = Store()
    store.fail("s3://", StoreUnavailable)
    found = await checked(store)
    assert found["store answers"].failed
    assert "StoreUnavailable" in found["store answers"].detail


async def test_what_need_not_be_is_no_failure() -> None:
    store = Store()
    store.locks = False
    found = await checked(store)
    assert (found["object lock"].ok, found["object lock"].failed) == (None, False)


async def test_the_real_server_passes_with_a_bucket_that_locks(stack: Endpoints) -> None:
    keys = stack.credentials["admin"]
    async with S3ObjectStore(
        endpoint_url=stack.s3_endpoint, access_key=keys.access_key, secret_key=keys.secret_key, timeout_seconds=120
    ) as store:
        bucket = f"locked-{uuid4()}"
        await store._client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
        found = {one.name: one for one in await check_store(store, bucket)}
    assert {name: one.ok for name, one in found.items()} == {
        "store answers": True,
        "conditional put has one winner": True,
        "a second put is refused (412)": True,
        "delete": True,
        "object lock": True,
        "clock": True,
    }, found


@pytest.mark.parametrize(("kept", "ok"), [(False, True), (True, False), (ObjectDenied("x", "no"), None)])
async def test_a_key_bucket_keeps_no_versions(kept: Any, ok: bool | None) -> None:
    class Keys(Store):
        async def keeps_versions(self, bucket: str) -> bool:
            assert bucket == "keys"
            if isinstance(kept, Exception):
                raise kept
            return bool(kept)

    store: Any = Keys()
    found = await check_key_bucket(store, "keys/team-a")
    assert (found.ok, found.failed) == (ok, ok is False)


async def test_the_real_servers_key_bucket_keeps_none_and_one_that_locks_does(stack: Endpoints) -> None:
    admin = stack.credentials["admin"]
    async with S3ObjectStore(
        endpoint_url=stack.s3_endpoint, access_key=admin.access_key, secret_key=admin.secret_key
    ) as store:
        assert (await check_key_bucket(store, "call-keys")).ok is True
        bucket = f"locked-{uuid4()}"
        await store._client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
        assert (await check_key_bucket(store, bucket)).ok is False
