"""The only place that reads source objects by their scheme: s3:// from the store, https://, file:// in development.

Delivery guarantee: reads only; what is written goes to the inner store untouched. `core.sources` has decided before
that an address may be asked for; hosts and directories are checked here again, on what is really opened.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

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
from stream_app.sinks.links import LinkFetcher, Unfetched

_CHUNK_BYTES = 256 * 1024
_UNFETCHED: dict[str, type[StoreError]] = {
    "host_not_allowed": ObjectDenied,
    "too_large": ObjectTooLarge,
    "too_slow": StoreUnavailable,
    "not_fetched": StoreUnavailable,
}
"""What is wrong with a link, as the port says it: what may be better later is tried again, the rest is not."""


class SourceStore:
    """`pipeline.ports.ObjectStore` that also reads https:// and file://; each link gets connections of its own."""

    def __init__(
        self,
        inner: ObjectStore,
        *,
        hosts: Sequence[str] = (),
        within_s: float = 60.0,
        files: Path | None = None,
        links: Callable[[int], LinkFetcher] | None = None,
    ) -> None:
        """`links` makes a fetcher for so many bytes; other than the usual one in tests only."""
        self._inner = inner
        self._files = None if files is None else files.resolve()
        self._links = links or (lambda most: LinkFetcher(hosts, max_bytes=most, within_s=within_s))

    async def put_once(
        self, uri: str, body: bytes, *, media_type: str, retention_class: str | None = None
    ) -> Literal["stored", "exists"]:
        """As the inner store."""
        return await self._inner.put_once(uri, body, media_type=media_type, retention_class=retention_class)

    async def head(self, uri: str) -> ObjectInfo:
        """As the inner store."""
        return await self._inner.head(uri)

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """As the inner store."""
        async for uri in self._inner.list(prefix):
            yield uri

    async def get(self, uri: str, *, max_bytes: int) -> bytes:
        """The whole object, wherever it lies."""
        if _is_stored(uri):
            return await self._inner.get(uri, max_bytes=max_bytes)
        parts: list[bytes] = []
        await self._passed(uri, max_bytes, parts.append)
        return b"".join(parts)

    async def digest(self, uri: str, *, max_bytes: int, tee: Tee | None = None) -> tuple[str, int]:
        """SHA-256 (hex) and size, in constant memory, wherever it lies."""
        if _is_stored(uri):
            return await self._inner.digest(uri, max_bytes=max_bytes, tee=tee)
        running, size = sha256(), 0

        def take(part: bytes) -> None:
            nonlocal size
            running.update(part)
            size += len(part)
            if tee is not None:
                tee(part)

        await self._passed(uri, max_bytes, take)
        return running.hexdigest(), size

    async def _passed(self, uri: str, max_bytes: int, take: Callable[[bytes], None]) -> None:
        if uri.startswith("file://"):
            await asyncio.to_thread(self._file, uri, max_bytes, take)
            return
        try:
            async with self._links(max_bytes) as fetcher:
                await fetcher.pass_on(uri, take)
        except Unfetched as error:
            raise _UNFETCHED[error.reason](uri, error.reason) from None

    def _file(self, uri: str, max_bytes: int, take: Callable[[bytes], None]) -> None:
        place = Path(uri.removeprefix("file://")).resolve()
        if self._files is None or not place.is_relative_to(self._files):
            raise ObjectDenied(uri, "outside of the directory for development")
        try:
            with place.open("rb") as file:
                size = place.stat().st_size
                if size > max_bytes:
                    raise ObjectTooLarge(uri, f"{size} bytes, at most {max_bytes} are read")
                while part := file.read(_CHUNK_BYTES):
                    take(part)
        except (FileNotFoundError, IsADirectoryError):
            raise ObjectMissing(uri, "there is no such file") from None
        except OSError as error:
            raise ObjectDenied(uri, error.strerror or "cannot be read") from None


def _is_stored(uri: str) -> bool:
    return not uri.startswith(("https://", "file://"))


if TYPE_CHECKING:
    _: Callable[[ObjectStore], ObjectStore] = SourceStore
