"""The only place where intake puts inline content away as the gateway does, and opens its store for it.

Most deployments have no providers' topics, and most payloads no content: the store is opened when the first one comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Protocol, Self

from stream_app.core.events import Event
from stream_app.gateway.staging import Stager, StagingNotConfigured
from stream_app.pipeline.ports import ObjectStore
from stream_app.pipeline.provider_records import ContentRefused
from stream_app.providers.adapter import Normalised
from stream_app.providers.privacy import Screen
from stream_app.sinks.links import LinkFetcher


class OpenedStore(Protocol):
    """A store whose connection is opened and closed here."""

    async def __aenter__(self) -> ObjectStore: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class InlineContent:
    """`put_away` for `pipeline.provider_records`; an async context manager."""

    def __init__(
        self, make_store: Callable[[], OpenedStore | None], bucket: str, links: LinkFetcher, *, enabled: bool
    ) -> None:
        """`make_store`: a store that encrypts, None where there is no key for it."""
        self._make_store = make_store
        self._bucket = bucket
        self._links = links
        self._enabled = enabled
        self._opened = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._stager: Stager | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.aclose()

    async def put_away(self, made: Normalised, screen: Screen) -> tuple[Event, ...]:
        """The events with addresses that lead somewhere. Raises StoreError, ContentRefused."""
        try:
            return await (await self._ready()).put_away(made, screen)
        except StagingNotConfigured:
            raise ContentRefused(
                "content came inline and there is no key to encrypt it with: set STREAM_APP_STAGING_KEY, "
                "or STREAM_APP_GATEWAY_STAGE=false to do without it, then replay this letter"
            ) from None

    async def _ready(self) -> Stager:
        async with self._opening:
            if self._stager is None:
                made = self._make_store() if self._enabled else None
                store = None if made is None else await self._opened.enter_async_context(made)
                links = await self._opened.enter_async_context(self._links)
                self._stager = Stager(store, self._bucket, links, enabled=self._enabled)
            return self._stager
