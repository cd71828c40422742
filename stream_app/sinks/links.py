"""The only place that fetches what a payload links to, which is an order from a stranger: from named hosts alone.

Rules: https on its usual port, to a name on the list (never an address), which leads to public addresses only; one
that redirects elsewhere is not followed. Within a size, within a time, a few at once. A link is never logged: it
gives access to what it leads to.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

MAX_REDIRECTS = 3
AT_A_TIME = 4
"""Each is in memory as a whole."""
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))+")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Refusal = Literal["host_not_allowed", "not_fetched", "too_large", "too_slow"]


class Unfetched(Exception):
    """The link's content could not be had, or must not be; `reason` is typed, and nothing quotes the link."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason)
        self.reason: Refusal = reason


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the internet, also as IPv6 writes those of IPv4."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        if found.sixtofour is not None or found.teredo is not None or found in _NAT64:
            return False  # Others carry these on, to an address inside of them.
    return found.is_global and not found.is_multicast and not found.is_reserved


class _PublicResolver(AbstractResolver):
    """Names lead to public addresses or nowhere; asked by the connection itself, so no second look can differ."""

    def __init__(self, resolver: AbstractResolver, allowed: Callable[[str], bool]) -> None:
        self._resolver = resolver
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        public = [one for one in found if self._allowed(one["host"])]
        if len(public) != len(found) or not public:
            raise OSError("a name that leads to an address of no public network")
        return public

    async def close(self) -> None:
        await self._resolver.close()


class LinkFetcher:
    """Fetches links of the hosts on a list; an async context manager that owns its connections."""

    def __init__(
        self,
        hosts: Sequence[str],
        *,
        max_bytes: int,
        within_s: float,
        allowed: Callable[[str], bool] = is_public,
        resolver: AbstractResolver | None = None,
        trust: ssl.SSLContext | None = None,
        port: int = 443,
    ) -> None:
        """`hosts`: each stands for itself and everything below it. The rest but limits is for tests."""
        self._hosts = tuple(host.strip().lower().strip(".") for host in hosts)
        self._max_bytes = max_bytes
        self._within_s = within_s
        self._resolver = resolver
        self._address_allowed = allowed
        self._trust = trust
        self._port = port
        self._turns = asyncio.Semaphore(AT_A_TIME)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        resolver = _PublicResolver(self._resolver or aiohttp.ThreadedResolver(), self._address_allowed)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=resolver, ssl=self._trust or True, limit=AT_A_TIME),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            headers={"Accept-Encoding": "identity"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    def allows(self, link: str) -> bool:
        """Whether a link may be fetched at all."""
        host = self._host_of(link)
        return host is not None and any(host == one or host.endswith(f".{one}") for one in self._hosts if one)

    async def fetch(self, link: str) -> bytes:
        """What the link leads to; raises Unfetched."""
        parts: list[bytes] = []
        await self.pass_on(link, parts.append)
        return b"".join(parts)

    async def pass_on(self, link: str, take: Callable[[bytes], None]) -> None:
        """Give `take` the parts of what the link leads to, none of which is kept here; raises Unfetched."""
        if not self.allows(link):
            raise Unfetched("host_not_allowed")
        try:
            async with asyncio.timeout(self._within_s), self._turns:
                await self._followed(link, take)
        except TimeoutError:
            raise Unfetched("too_slow") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise Unfetched("not_fetched") from None

    def _host_of(self, link: str) -> str | None:
        """The name of the host of an https link without odd parts; None for any other."""
        try:
            parts = urlsplit(link)
            host, port = (parts.hostname or "").rstrip("."), parts.port
            written = _url(link).host
        except ValueError:
            return None
        odd = parts.scheme.lower() != "https" or port not in (None, self._port) or re.search(r"[\x00-\x20\\]", link)
        # The last part of an address in any notation (10.1, 0x7f.1) begins with a digit; no top-level domain does.
        if odd or not _NAME.fullmatch(host) or host.rpartition(".")[2][0].isdigit():
            return None
        # Who decides and who connects must mean the same host.
        return host if (written or "").rstrip(".").lower() == host else None

    async def _followed(self, link: str, take: Callable[[bytes], None]) -> None:
        assert self._session is not None
        host = self._host_of(link)
        for _ in range(MAX_REDIRECTS + 1):
            async with self._session.get(_url(link), allow_redirects=False) as answer:
                if answer.status == 200 and answer.headers.get("Content-Encoding", "identity") == "identity":
                    await self._read(answer, take)
                    return
                target = answer.headers.get("Location")
            if answer.status not in (301, 302, 303, 307, 308) or target is None:
                raise Unfetched("not_fetched")
            link = urljoin(link, target)
            if self._host_of(link) != host:
                raise Unfetched("host_not_allowed")
        raise Unfetched("not_fetched")

    async def _read(self, answer: aiohttp.ClientResponse, take: Callable[[bytes], None]) -> None:
        if (answer.content_length or 0) > self._max_bytes:
            raise Unfetched("too_large")
        size = 0
        async for part in answer.content.iter_any():
            size += len(part)
            if size > self._max_bytes:
                raise Unfetched("too_large")
            take(part)


def _url(link: str) -> URL:
    """As it is written: a signed query that is written anew is another one. Raises ValueError."""
    return URL(link, encoded=True)
