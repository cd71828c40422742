"""The only place where stages get a call's keys: to conceal what intake takes in, and to read it when calls are sealed.

Theory of operation. A day's ring (`core.key_ring`) is read once, before the first batch of that day is folded
(`prepare`), and held; every key then follows from it without asking anybody. A ring that is held to conceal may be
older than the one that stands: what is concealed under a key that was destroyed meanwhile, nobody can read. To reveal,
a ring is read again after `fresh_ms`, so a destroyed key is gone everywhere soon. One secret that lies beside the rings
keys the digests and the paths.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import blake2b
from types import TracebackType
from typing import Protocol, Self

from stream_app.core.concealment import Concealed, epoch_of
from stream_app.core.key_ring import Ring, path_of
from stream_app.pipeline.ports import Incoming, StoreError

log = logging.getLogger(__name__)

SECRET_EPOCH = "secret"  # The name of a ring, no secret.
MAX_CACHED = 50_000
"""Keys of names that came up lately; the others are made again, which takes 40 hashes."""
FRESH_MS = 30_000
_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 10.0


class Rings(Protocol):
    """Where rings lie; its connection is opened and closed here."""

    async def __aenter__(self) -> Rings: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def ring(self, epoch: str, *, make: bool) -> Ring | None:
        """The ring of this epoch; where there is none, a new one, or None. Raises StoreError."""
        ...


class Cipher(Protocol):
    """One key at work."""

    def encrypt(self, content: bytes) -> bytes: ...
    def decrypt(self, box: bytes) -> bytes: ...


class KeysGone(Exception):
    """Private content cannot be read any more: its key was destroyed, or its day's ring is gone."""


class CallKeys:
    """`core.concealment.Concealer`, after `prepare`; and `reveal`."""

    def __init__(self, rings: Rings, cipher: Callable[[bytes], Cipher], steady: Callable[[], int]) -> None:
        """`cipher`: what works with a key. `steady`: a clock that nobody sets, ms."""
        self._rings = rings
        self._cipher = cipher
        self._steady = steady
        self._secret: bytes | None = None
        self._digests = blake2b()
        self._held: dict[str, Ring] = {}
        self._read: dict[str, tuple[int, Ring | None]] = {}
        self._ciphers: OrderedDict[tuple[str, str], tuple[str, Cipher] | None] = OrderedDict()

    async def __aenter__(self) -> Self:
        await self._rings.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._rings.__aexit__(kind, error, trace)

    async def prepare(self, batch: Sequence[Incoming]) -> None:
        """Have the rings of every day in this batch at hand; waits for as long as the store is away."""
        days = {record.timestamp_ms // 86_400_000 for record in batch}
        for day in days:
            epoch = epoch_of(day * 86_400_000)
            if self._secret is None or epoch not in self._held:
                await self._insisting(epoch)

    def fingerprint(self, content: bytes) -> str:
        """A keyed digest: whoever guesses the content cannot try the guess on it."""
        self._known_secret()
        keyed = self._digests.copy()
        keyed.update(content)
        return keyed.hexdigest()

    def conceal(self, identity: str, at_ms: int, content: bytes) -> str | None:
        """The content under this name's key of that day; None where that was destroyed. The day was prepared."""
        epoch = epoch_of(at_ms)
        name = epoch, identity
        if name not in self._ciphers:
            path = path_of(self._known_secret(), identity)
            key = self._held[epoch].key(path)
            self._ciphers[name] = None if key is None else (path, self._cipher(key))
            if len(self._ciphers) > MAX_CACHED:
                self._ciphers.popitem(last=False)
        found = self._ciphers[name]
        if found is None:
            return None
        path, cipher = found
        return Concealed(epoch, path, cipher.encrypt(content)).written()

    async def reveal(self, written: str) -> bytes:
        """What was concealed. Raises KeysGone, StoreError, and ValueError for what was never concealed by us."""
        concealed = Concealed.read(written)
        ring = await self._fresh(concealed.epoch)
        key = None if ring is None else ring.key(concealed.path)
        if key is None:
            raise KeysGone(f"its key of {concealed.epoch} was destroyed")
        return self._cipher(key).decrypt(concealed.box)

    async def paths(self, names: Sequence[str]) -> list[str]:
        """The paths of these names in every ring."""
        secret = await self._read_secret()
        return [path_of(secret, name) for name in names]

    async def _fresh(self, epoch: str) -> Ring | None:
        at, ring = self._read.get(epoch, (None, None))
        if at is None or self._steady() - at > FRESH_MS:
            ring = await self._rings.ring(epoch, make=False)
            self._read[epoch] = self._steady(), ring
        return ring

    async def _insisting(self, epoch: str) -> None:
        pause = _PAUSE_S
        while True:
            try:
                await self._read_secret()
                ring = await self._rings.ring(epoch, make=True)
                assert ring is not None
                self._held[epoch] = ring
                return
            except StoreError as error:
                log.warning("keys cannot be read from object storage, trying again in %.1f s: %s", pause, error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    async def _read_secret(self) -> bytes:
        if self._secret is None:
            ring = await self._rings.ring(SECRET_EPOCH, make=True)
            assert ring is not None
            self._secret = ring.nodes[""]
            self._digests = blake2b(key=self._secret, digest_size=32, person=b"fingerprint")
        return self._secret

    def _known_secret(self) -> bytes:
        if self._secret is None:
            raise RuntimeError("prepare() comes before the first event")
        return self._secret
