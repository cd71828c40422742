"""Stand-ins for the outside world that several rooms' tests use; each keeps the promises of the port it stands for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Literal

from stream_app.pipeline.ports import ObjectInfo, ObjectMissing, ObjectStore, ObjectTooLarge, StoreError, Tee

Operation = Literal["put_once", "put", "get", "head", "digest", "list"]


class InMemoryObjectStore:
    """`ports.ObjectStore` in a dict. Faults: `fail(uri, error)` for one address, `fail_all(error)` for every one.

    `calls` records each (operation, URI) asked for, also those that failed.
    """

    def __init__(self, objects: dict[str, bytes] | None = None) -> None:
        self.objects: dict[str, bytes] = dict(objects or {})
        self.media_types: dict[str, str] = {}
        self.calls: list[tuple[Operation, str]] = []
        self._faults: list[tuple[str, type[StoreError], int | None, Operation | None]] = []

    def fail(
        self, prefix: str, error: type[StoreError], *, times: int | None = None, operation: Operation | None = None
    ) -> None:
        """Answer addresses that begin with `prefix` with `error`; `times` None means until `heal`."""
        self._faults.append((prefix, error, times, operation))

    def heal(self) -> None:
        """No faults any more."""
        self._faults.clear()

    def _enter(self, operation: Operation, uri: str) -> None:
        self.calls.append((operation, uri))
        for index, (prefix, error, times, only) in enumerate(self._faults):
            if not uri.startswith(prefix) or only not in (None, operation):
                continue
            if times is not None:
                if times <= 0:
                    continue
                self._faults[index] = (prefix, error, times - 1, only)
            raise error(uri, "injected")

    def _at(self, uri: str) -> bytes:
        if uri not in self.objects:
            raise ObjectMissing(uri, "no such object")
        return self.objects[uri]

    async def put_once(
        self, uri: str, body: bytes, *, media_type: str, retention_class: str | None = None
    ) -> Literal["stored", "exists"]:
        """Write unless something is there."""
        self._enter("put_once", uri)
        if uri in self.objects:
            return "exists"
        self.objects[uri], self.media_types[uri] = body, media_type
        return "stored"

    async def put(self, uri: str, body: bytes, *, media_type: str) -> None:
        """Write, whatever is there."""
        self._enter("put", uri)
        self.objects[uri], self.media_types[uri] = body, media_type

    async def get(self, uri: str, *, max_bytes: int) -> bytes:
        """The whole object."""
        self._enter("get", uri)
        if len(self._at(uri)) > max_bytes:
            raise ObjectTooLarge(uri, f"{len(self._at(uri))} bytes")
        return self._at(uri)

    async def head(self, uri: str) -> ObjectInfo:
        """Size and media type."""
        self._enter("head", uri)
        return ObjectInfo(uri, len(self._at(uri)), self.media_types.get(uri))

    async def digest(self, uri: str, *, max_bytes: int, tee: Tee | None = None) -> tuple[str, int]:
        """SHA-256 (hex) and size."""
        self._enter("digest", uri)
        body = self._at(uri)
        if len(body) > max_bytes:
            raise ObjectTooLarge(uri, f"{len(body)} bytes")
        if tee is not None:
            tee(body)
        return sha256(body).hexdigest(), len(body)

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """URIs below the prefix, in key order."""
        self._enter("list", prefix)
        for uri in sorted(self.objects):
            if uri.startswith(prefix):
                yield uri


_: ObjectStore = InMemoryObjectStore()
