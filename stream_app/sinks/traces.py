"""The only place that opens a trace in a trace backend: one question over HTTP, to the operator's own address alone.

Delivery guarantee: reads only. What an event gives is a trace ID, and only 32 hex digits of one are ever put into the
address; redirects are not followed, so the answer comes from the host that the settings name. Its size and its time are
bounded, and nothing of it is logged.
"""

from __future__ import annotations

import asyncio
import re
from types import TracebackType
from typing import TYPE_CHECKING, Self

import aiohttp

from stream_app.core.events import KeySpan
from stream_app.core.wire import WireError, read_json
from stream_app.pipeline.ports import TraceAbsent, TraceSource, TraceUnavailable
from stream_app.providers.trace_answers import NoTrace, key_spans_of

_ID = re.compile(r"[0-9a-f]{32}")
AT_A_TIME = 4


class HttpTraceSource:
    """`pipeline.ports.TraceSource` over Jaeger's or Tempo's query API; an async context manager."""

    def __init__(self, url: str, *, token: str | None = None, within_s: float = 5.0, max_bytes: int = 32 << 20) -> None:
        """`url`: up to and without `/api/traces`. `token`: sent as `Authorization: Bearer`, where one is needed."""
        self._url = url.rstrip("/")
        self._headers = {"Accept": "application/json"} | ({} if token is None else {"Authorization": f"Bearer {token}"})
        self._within_s = within_s
        self._max_bytes = max_bytes
        self._turns = asyncio.Semaphore(AT_A_TIME)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers=self._headers, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False,
            timeout=aiohttp.ClientTimeout(total=self._within_s),
        )  # fmt: skip
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def key_spans(self, trace_id: str) -> tuple[KeySpan, ...]:
        """See `TraceSource`."""
        if not _ID.fullmatch(trace_id):
            raise TraceAbsent("its ID is not that of a trace")
        try:
            async with self._turns:
                body = await self._asked(trace_id)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            raise TraceUnavailable("the trace backend did not answer") from None
        try:
            return key_spans_of(read_json(body), trace_id)
        except WireError:
            raise TraceUnavailable("the trace backend's answer is not readable") from None
        except NoTrace as error:
            raise TraceAbsent(f"the trace backend does not have it: {error}") from None

    async def _asked(self, trace_id: str) -> bytes:
        assert self._session is not None
        async with self._session.get(f"{self._url}/api/traces/{trace_id}", allow_redirects=False) as answer:
            if answer.status == 404:
                raise TraceAbsent("the trace backend does not know it")
            if answer.status != 200:
                raise TraceUnavailable(f"the trace backend answered {answer.status}")
            parts, size = [], 0
            async for part in answer.content.iter_any():
                size += len(part)
                if size > self._max_bytes:
                    raise TraceAbsent("the trace is larger than is read")
                parts.append(part)
            return b"".join(parts)


if TYPE_CHECKING:
    _: TraceSource = HttpTraceSource("")
