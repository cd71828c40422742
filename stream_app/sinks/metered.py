"""The only place where object storage's failures are counted: a store around a store, for every caller alike.

Delivery guarantee: the inner store's; nothing is retried, swallowed or changed here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Literal

from stream_app.pipeline.ports import (
    ObjectDenied,
    ObjectInfo,
    ObjectMissing,
    ObjectStore,
    ObjectTooLarge,
    StoreError,
    StoreUnavailable,
    Tee,
)
from stream_app.telemetry import Recorder
from stream_app.telemetry.catalogue import StoreFailure, StoreOperation

FAILURES: tuple[tuple[type[StoreError], StoreFailure], ...] = (
    (ObjectMissing, "missing"),
    (ObjectDenied, "denied"),
    (ObjectTooLarge, "too_large"),
    (StoreUnavailable, "unavailable"),
    (StoreError, "other"),
)
"""What each error counts as; the first row that fits."""


class MeteredStore:
    """`pipeline.ports.ObjectStore` that counts what its inner store raises."""

    def __init__(self, inner: ObjectStore, recorder: Recorder) -> None:
        self._inner = inner
        self._recorder = recorder

    async def put_once(
        self, uri: str, body: bytes, *, media_type: str, retention_class: str | None = None
    ) -> Literal["stored", "exists"]:
        """As the inner store."""
        with self._counted("put"):
            return await self._inner.put_once(uri, body, media_type=media_type, retention_class=retention_class)

    async def get(self, uri: str, *, max_bytes: int) -> bytes:
        """As the inner store."""
        with self._counted("get"):
            return await self._inner.get(uri, max_bytes=max_bytes)

    async def head(self, uri: str) -> ObjectInfo:
        """As the inner store."""
        with self._counted("head"):
            return await self._inner.head(uri)

    async def digest(self, uri: str, *, max_bytes: int, tee: Tee | None = None) -> tuple[str, int]:
        """As the inner store."""
        with self._counted("digest"):
            return await self._inner.digest(uri, max_bytes=max_bytes, tee=tee)

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """As the inner store."""
        with self._counted("list"):
            async for uri in self._inner.list(prefix):
                yield uri

    @contextmanager
    def _counted(self, operation: StoreOperation) -> Iterator[None]:
        try:
            yield
        except StoreError as error:
            self._recorder.store_error(operation, next(name for kind, name in FAILURES if isinstance(error, kind)))
            raise
