"""The only place for the two S3 requests that every packet needs, sent without the client library: GET, PUT once.

The library costs 2 to 3 ms of CPU a request, this a fifth of it. It knows the plain answers only. Anything else (an
error, a redirect, no answer) is no answer here: the caller asks the library, which knows what all of them mean and when
to try again. That may send a request twice, and both may be: a GET changes nothing, and the loser of a conditional PUT
reads back what stands there.
"""

from __future__ import annotations

import base64
import hashlib
import re
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

import aiohttp
from yarl import URL

from stream_app.sinks.sigv4 import ALGORITHM, Keys, Signer, encoded_key

if TYPE_CHECKING:
    from types import TracebackType

_HEADERS = {"accept-encoding": "identity", "user-agent": "call-evidence-stream"}
_NO_ANSWER = (aiohttp.ClientError, TimeoutError, OSError)
_PLAIN = re.compile(r"[!-~]+( [!-~]+)*")
_CHUNK_BYTES = 256 * 1024


class BrokenBody(Exception):
    """An object's body came otherwise than its checksum says."""


@dataclass(frozen=True, slots=True)
class Room:
    """Where a bucket's requests go, as the library resolved it."""

    scheme: str
    host: str
    path: str
    """What stands before the key."""
    signer: Signer

    @classmethod
    def of(cls, presigned: str) -> Self | None:
        """Taken from an address that the library has signed for the key `k`; None where it is of another sort."""
        parts = urlsplit(presigned)
        query = parse_qs(parts.query)
        scope = query.get("X-Amz-Credential", [""])[0].split("/")
        plain = query.get("X-Amz-Algorithm") == [ALGORITHM] and "X-Amz-S3session-Token" not in query
        if not plain or scope[-2:] != ["s3", "aws4_request"] or not parts.path.endswith("/k"):
            return None
        return cls(parts.scheme, parts.netloc, parts.path[:-1], Signer(scope[-3]))


class QuickRequests:
    """A pool of connections of its own; an async context manager.

    `presigned(bucket)` is an address that the library signed for the key `k` of the bucket (None: ask again later),
    `keys` the credentials of now, `ca_file` the certificates that the library trusts.
    """

    def __init__(
        self,
        presigned: Callable[[str], Awaitable[str | None]],
        keys: Callable[[], Awaitable[Keys | None]],
        *,
        ca_file: str | None,
        pool_size: int,
        connect_timeout: float,
        read_timeout: float,
    ) -> None:
        self._presigned = presigned
        self._keys = keys
        self._rooms: dict[str, Room | None] = {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=pool_size, keepalive_timeout=12, ssl=ssl.create_default_context(cafile=ca_file)
            ),
            timeout=aiohttp.ClientTimeout(sock_connect=connect_timeout, sock_read=read_timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("accept", "accept-encoding", "user-agent", "content-type"),
            auto_decompress=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def put_once(
        self, bucket: str, key: str, body: bytes, media_type: str
    ) -> Literal["stored", "exists", "conflict"] | None:
        """Write the object unless one is there; None: not known, ask the library."""
        if _PLAIN.fullmatch(media_type) is None:
            return None  # Signing has rules of its own for such values.
        headers = {
            "content-type": media_type,
            "if-none-match": "*",
            "x-amz-checksum-crc32": _text(zlib.crc32(body).to_bytes(4, "big")),
            "x-amz-sdk-checksum-algorithm": "CRC32",
        }
        try:
            answer = await self._request("PUT", bucket, key, headers, body)
            if answer is None:
                return None
            async with answer:
                await answer.read()
        except _NO_ANSWER:
            return None
        outcomes: dict[int, Literal["stored", "exists", "conflict"]] = {200: "stored", 409: "conflict", 412: "exists"}
        return outcomes.get(answer.status)

    async def get(self, bucket: str, key: str) -> QuickBody | None:
        """The object's body, to be read within `async with`; None: not known, ask the library."""
        try:
            answer = await self._request("GET", bucket, key, {"x-amz-checksum-mode": "ENABLED"}, b"")
        except _NO_ANSWER:
            return None
        if answer is None:
            return None
        if answer.status != 200 or answer.content_length is None:
            answer.close()
            return None
        return QuickBody(answer, answer.content_length)

    async def _request(
        self, method: str, bucket: str, key: str, headers: dict[str, str], body: bytes
    ) -> aiohttp.ClientResponse | None:
        room, keys = await self._room(bucket), await self._keys()
        if room is None or keys is None:
            return None
        path = room.path + encoded_key(key)
        signed = room.signer.sign(method, room.host, path, headers, body, keys, time.time())
        return await self._session.request(
            method,
            URL(f"{room.scheme}://{room.host}{path}", encoded=True),
            headers=_HEADERS | signed,
            data=body or None,
            allow_redirects=False,
        )

    async def _room(self, bucket: str) -> Room | None:
        if bucket not in self._rooms:
            presigned = await self._presigned(bucket)
            if presigned is None:
                return None
            self._rooms[bucket] = Room.of(presigned)
        return self._rooms[bucket]


class QuickBody:
    """A body on its way: its size, its chunks, checked against the checksum that the store has of it."""

    def __init__(self, answer: aiohttp.ClientResponse, size: int) -> None:
        self._answer = answer
        self.size = size

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._answer.release()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, chunk by chunk. Raises BrokenBody at its end."""
        check = _checksum_of(self._answer.headers)
        async for chunk in self._answer.content.iter_chunked(_CHUNK_BYTES):
            if check is not None:
                check.update(chunk)
            yield chunk
        if check is not None and not check.agrees():
            raise BrokenBody(f"its {check.name} is another than the store has of it")


class _Checksum:
    def __init__(self, name: str, expected: str) -> None:
        self.name = name
        self._expected = expected
        self._crc = 0
        self._hash: Any = None if name == "crc32" else hashlib.new(name)

    def update(self, chunk: bytes) -> None:
        if self._hash is None:
            self._crc = zlib.crc32(chunk, self._crc)
        else:
            self._hash.update(chunk)

    def agrees(self) -> bool:
        found = self._crc.to_bytes(4, "big") if self._hash is None else self._hash.digest()
        return _text(found) == self._expected


def _checksum_of(headers: Any) -> _Checksum | None:
    """The checksum of the whole object, of a sort that we know; an upload in parts has another, of its parts."""
    for name in ("crc32", "sha256", "sha1"):
        expected = headers.get(f"x-amz-checksum-{name}")
        if expected is not None and "-" not in expected:
            return _Checksum(name, expected)
    return None


def _text(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
