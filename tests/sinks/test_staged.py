"""The staged store: encrypted inside, plain outside, everything else untouched."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from stream_app.engines.encryption import OVERHEAD_BYTES, StagingCipher
from stream_app.pipeline.ports import ObjectInfo, ObjectMissing, ObjectTooLarge, StoreError
from stream_app.sinks.staged import BESIDE_BYTES, MEDIA_TYPE, StagedStore
from tests.fakes import InMemoryObjectStore

STAGED = "s3://staging/staging/sha256/aa"
ELSEWHERE = ("s3://provider-drop/staging/sha256/aa", "s3://staging/other/aa", "s3://staging-2/staging/aa")
CONTENT = b'{"turns": []}'


class Inner(InMemoryObjectStore):
    """A store that knows whether it is open."""

    opened = 0

    async def __aenter__(self) -> Inner:
        self.opened += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        self.opened -= 1


@pytest.fixture
def inner() -> Inner:
    return Inner()


@pytest.fixture
def store(inner: Inner) -> StagedStore:
    return StagedStore(inner, StagingCipher([bytes(32)]), "staging")


@pytest.mark.parametrize("content", [b"", CONTENT, b"x" * (BESIDE_BYTES + 1)], ids=["empty", "small", "large"])
async def test_a_staged_object_is_encrypted_inside_and_plain_outside(
    store: StagedStore, inner: Inner, content: bytes
) -> None:
    assert await store.put_once(STAGED, content, media_type="application/json") == "stored"
    lying = inner.objects[STAGED]
    assert len(lying) == len(content) + OVERHEAD_BYTES
    assert content == b"" or content not in lying
    assert inner.media_types[STAGED] == MEDIA_TYPE
    assert await store.get(STAGED, max_bytes=len(content)) == content
    assert await store.digest(STAGED, max_bytes=len(content)) == (sha256(content).hexdigest(), len(content))
    assert await store.head(STAGED) == ObjectInfo(STAGED, len(content), None)
    assert [uri async for uri in store.list("s3://staging/")] == [STAGED]


async def test_the_same_content_is_the_same_object(store: StagedStore, inner: Inner) -> None:
    await store.put_once(STAGED, CONTENT, media_type="a/b")
    before = dict(inner.objects)
    assert await store.put_once(STAGED, CONTENT, media_type="a/b") == "exists"
    inner.objects.clear()
    await store.put_once(STAGED, CONTENT, media_type="a/b")
    assert inner.objects == before


@pytest.mark.parametrize("uri", ELSEWHERE)
async def test_other_objects_pass_through_untouched(store: StagedStore, inner: Inner, uri: str) -> None:
    await store.put_once(uri, CONTENT, media_type="application/json")
    assert inner.objects == {uri: CONTENT}
    assert inner.media_types == {uri: "application/json"}
    assert await store.get(uri, max_bytes=99) == CONTENT
    assert await store.digest(uri, max_bytes=99) == (sha256(CONTENT).hexdigest(), len(CONTENT))
    assert await store.head(uri) == ObjectInfo(uri, len(CONTENT), "application/json")


async def test_the_limit_is_on_the_content(store: StagedStore) -> None:
    await store.put_once(STAGED, CONTENT, media_type="a/b")
    for read in (store.get, store.digest):
        with pytest.raises(ObjectTooLarge):
            await read(STAGED, max_bytes=len(CONTENT) - 1)


@pytest.mark.parametrize("size", [10, BESIDE_BYTES])
async def test_what_cannot_be_decrypted_is_a_store_error(store: StagedStore, inner: Inner, size: int) -> None:
    inner.objects[STAGED] = b"x" * size
    for read in (store.get, store.digest):
        with pytest.raises(StoreError, match="cannot be decrypted"):
            await read(STAGED, max_bytes=size)


async def test_errors_of_the_inner_store_come_through(store: StagedStore) -> None:
    calls: list[Any] = [store.get(STAGED, max_bytes=1), store.head(STAGED), store.digest(STAGED, max_bytes=1)]
    for call in calls:
        with pytest.raises(ObjectMissing):
            await call


async def test_it_opens_and_closes_the_inner_store(store: StagedStore, inner: Inner) -> None:
    async with store:
        assert inner.opened == 1
    assert inner.opened == 0
