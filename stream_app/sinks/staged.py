"""The only place where staged objects are encrypted on their way in and decrypted on their way out.

Delivery guarantee: the inner store's. Everything below `s3://<staging bucket>/staging/` is encrypted there, and plain
to whoever holds this store: sizes, digests and bytes are those of the content. Other objects pass through untouched.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Protocol, Self

from stream_app.pipeline.ports import ObjectInfo, ObjectStore, ObjectTooLarge, StoreError, Tee

PREFIX = "staging/"
BESIDE_BYTES = 256 * 1024
"""From this size on a thread does it: a loop that also answers webhooks or seals calls should not wait for it."""
MEDIA_TYPE = "application/octet-stream"
_AT_A_TIME = 2
"""A digest needs the whole of an object in memory, encrypted and plain: what was not authenticated is not passed on."""


class Cipher(Protocol):
    """What encrypts and decrypts; `name` binds the bytes to where they lie."""

    overhead_bytes: int

    def encrypt(self, content: bytes, *, name: bytes) -> bytes: ...
    def decrypt(self, body: bytes, *, name: bytes) -> bytes: ...


class InnerStore(ObjectStore, Protocol):
    """A store whose connection is opened and closed here."""

    async def __aenter__(self) -> ObjectStore: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class StagedStore:
    """`pipeline.ports.ObjectStore` in which the content of one bucket's `staging/` is encrypted."""

    def __init__(self, inner: InnerStore, cipher: Cipher, bucket: str) -> None:
        self._inner = inner
        self._cipher = cipher
        self._bucket = f"s3://{bucket}/"
        self._turns = asyncio.Semaphore(_AT_A_TIME)

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._inner.__aexit__(kind, error, trace)

    async def put_once(
        self, uri: str, body: bytes, *, media_type: str, retention_class: str | None = None
    ) -> Literal["stored", "exists"]:
        """As the inner store; of a staged object it is not told what it is."""
        name = self._name_of(uri)
        if name is None:
            return await self._inner.put_once(uri, body, media_type=media_type, retention_class=retention_class)
        if len(body) < BESIDE_BYTES:
            encrypted = self._cipher.encrypt(body, name=name)
        else:
            encrypted = await asyncio.to_thread(self._cipher.encrypt, body, name=name)
        return await self._inner.put_once(uri, encrypted, media_type=MEDIA_TYPE)

    async def get(self, uri: str, *, max_bytes: int) -> bytes:
        """As the inner store; StoreError for a staged object that cannot be decrypted."""
        name = self._name_of(uri)
        if name is None:
            return await self._inner.get(uri, max_bytes=max_bytes)
        try:
            body = await self._inner.get(uri, max_bytes=max_bytes + self._cipher.overhead_bytes)
        except ObjectTooLarge as error:
            raise ObjectTooLarge(uri, f"its content has more than {max_bytes} bytes") from error
        if len(body) < BESIDE_BYTES:
            return self._decrypted(uri, name, body)
        return await asyncio.to_thread(self._decrypted, uri, name, body)

    async def head(self, uri: str) -> ObjectInfo:
        """As the inner store, with the size of the content."""
        info = await self._inner.head(uri)
        if self._name_of(uri) is None:
            return info
        return ObjectInfo(uri, max(0, info.size - self._cipher.overhead_bytes), None)

    async def digest(self, uri: str, *, max_bytes: int, tee: Tee | None = None) -> tuple[str, int]:
        """As the inner store, of the content; a staged object is in memory meanwhile, two of them at a time."""
        if self._name_of(uri) is None:
            return await self._inner.digest(uri, max_bytes=max_bytes, tee=tee)
        async with self._turns:
            content = await self.get(uri, max_bytes=max_bytes)
            if tee is not None:
                tee(content)
            found = sha256(content) if len(content) < BESIDE_BYTES else await asyncio.to_thread(sha256, content)
            return found.hexdigest(), len(content)

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """As the inner store."""
        async for uri in self._inner.list(prefix):
            yield uri

    def _name_of(self, uri: str) -> bytes | None:
        """The key of a staged object; None for any other."""
        key = uri.removeprefix(self._bucket)
        return key.encode() if key != uri and key.startswith(PREFIX) else None

    def _decrypted(self, uri: str, name: bytes, body: bytes) -> bytes:
        try:
            return self._cipher.decrypt(body, name=name)
        except Exception as error:  # Whatever the engine says: here it is an object that cannot be used.
            raise StoreError(uri, f"cannot be decrypted: {error}") from error


if TYPE_CHECKING:
    _: type[ObjectStore] = StagedStore
