"""The only place where rings of keys lie: in object storage, one object a day and generation, the highest one stands.

`<bucket>/call-keys/2026-06-03/000001.json`. Destroying or rewrapping writes the next generation, with one winner
(`put_once`), and then removes those before it: a key is destroyed when none of them is left. So the bucket must keep no
versions, and no copies that outlive a request for erasure.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from stream_app.core.key_ring import Ring
from stream_app.pipeline.ports import ObjectMissing, StoreUnavailable
from stream_app.sinks.staged import InnerStore

PREFIX = "call-keys"
MEDIA_TYPE = "application/json"
_MAX_RING_BYTES = 64 << 20
_TRIES = 8


class Wrapping(Protocol):
    """What makes a ring unreadable without the master key."""

    def wrap(self, epoch: str, ring: Ring) -> bytes: ...
    def unwrap(self, epoch: str, body: bytes) -> tuple[Ring, str]: ...


class ErasingStore(InnerStore, Protocol):
    """A store of which objects can be removed."""

    async def delete(self, uri: str) -> None:
        """Remove the object; ObjectDenied where our rights forbid it."""
        ...


class KeyRings:
    """Rings by epoch. Raises StoreError and what the wrapping raises."""

    def __init__(self, store: InnerStore, wrapping: Wrapping, bucket: str, seed: Callable[[], bytes]) -> None:
        self._store = store
        self._wrapping = wrapping
        self._place = f"s3://{bucket.rstrip('/')}/{PREFIX}"
        self._seed = seed

    async def __aenter__(self) -> Self:
        await self._store.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._store.__aexit__(kind, error, trace)

    async def ring(self, epoch: str, *, make: bool) -> Ring | None:
        """The ring of this epoch; where there is none, a new one, or None."""
        for _ in range(_TRIES):
            found = await self._highest(epoch)
            if found is not None:
                return found[1]
            if not make:
                return None
            # Whoever lost the race reads the winner's; whoever won looks again, for one may have been destroyed since.
            body = self._wrapping.wrap(epoch, Ring({"": self._seed()}))
            await self._store.put_once(self._uri(epoch, 0), body, media_type=MEDIA_TYPE)
        raise StoreUnavailable(f"{self._place}/{epoch}/", "a ring that was written is not there")

    async def epochs(self) -> list[str]:
        """All epochs that have a ring, in order."""
        seen = {uri.rsplit("/", 2)[1] async for uri in self._store.list(f"{self._place}/")}
        return sorted(seen)

    async def replace(self, store: ErasingStore, epoch: str, change: Callable[[Ring], Ring]) -> bool:
        """Put a changed ring in place of the one that stands, and remove what was before. False: there is none.

        Of two at a time one does it again on what the other left. Interrupted, it is completed by the next call.
        """
        for _ in range(_TRIES):
            found = await self._highest(epoch)
            if found is None:
                return False
            number, ring = found
            body = self._wrapping.wrap(epoch, change(ring))
            written = await store.put_once(self._uri(epoch, number + 1), body, media_type=MEDIA_TYPE)
            if written == "stored":
                await self._remove_below(store, epoch, number + 1)
                return True
        raise StoreUnavailable(f"{self._place}/{epoch}/", "others keep changing this ring")

    async def _remove_below(self, store: ErasingStore, epoch: str, number: int) -> None:
        stands = self._uri(epoch, number)
        for uri in [uri async for uri in store.list(f"{self._place}/{epoch}/") if uri < stands]:
            await store.delete(uri)

    async def _highest(self, epoch: str) -> tuple[int, Ring] | None:
        uris = [uri async for uri in self._store.list(f"{self._place}/{epoch}/")]
        if not uris:
            return None
        uri = max(uris)
        try:
            ring, _ = self._wrapping.unwrap(epoch, await self._store.get(uri, max_bytes=_MAX_RING_BYTES))
        except ObjectMissing:  # A later generation took its place in between.
            return await self._highest(epoch)
        return int(uri.rsplit("/", 1)[1].removesuffix(".json")), ring

    def _uri(self, epoch: str, generation: int) -> str:
        return f"{self._place}/{epoch}/{generation:06d}.json"
