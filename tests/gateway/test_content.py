"""Inline content in intake's hands: the store is opened for the first, and none at all is said so."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

import pytest

from stream_app.core.events import ArtifactReady
from stream_app.gateway.content import InlineContent
from stream_app.pipeline.ports import ObjectStore
from stream_app.pipeline.provider_records import ContentRefused
from stream_app.providers.adapter import Delivery, Normalised, event, staged_transcript
from stream_app.providers.privacy import Screen
from stream_app.sinks.links import LinkFetcher
from tests.fakes import InMemoryObjectStore

DELIVERY = Delivery({}, "vapi", 1_700_000_000_000)
REFERENCE, BLOB = staged_transcript({"turns": [{"speaker": "user", "text": "hello"}]})
MADE = Normalised(
    (
        event(
            ArtifactReady, DELIVERY, id="t", at_ms=1, canonical_call_id="c", artifact="transcript",
            availability="ready", reference=REFERENCE,
        ),
    ),
    (BLOB,),
)  # fmt: skip


class Opened:
    """A store that knows whether it is open."""

    def __init__(self) -> None:
        self.inner = InMemoryObjectStore()
        self.entered = self.left = 0

    async def __aenter__(self) -> ObjectStore:
        self.entered += 1
        return self.inner

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.left += 1


def content(make: Any, *, enabled: bool = True) -> InlineContent:
    return InlineContent(make, "staging", LinkFetcher((), max_bytes=1, within_s=1), enabled=enabled)


def test_the_store_is_opened_once_when_content_comes_and_closed_at_the_end() -> None:
    opened = Opened()

    async def run() -> Any:
        async with content(lambda: opened) as made:
            assert opened.entered == 0
            first, second = await asyncio.gather(made.put_away(MADE, Screen()), made.put_away(MADE, Screen()))
            assert opened.left == 0
            return first, second

    first, second = asyncio.run(run())
    assert (opened.entered, opened.left) == (1, 1)
    assert first == second
    assert first[0].reference.uri.startswith("s3://staging/staging/sha256/")
    assert list(opened.inner.objects) == [first[0].reference.uri]


def test_without_a_key_content_is_refused_with_what_to_set() -> None:
    async def run() -> None:
        async with content(lambda: None) as made:
            await made.put_away(MADE, Screen())

    with pytest.raises(ContentRefused, match="STREAM_APP_STAGING_KEY"):
        asyncio.run(run())


def test_switched_off_it_opens_nothing_and_says_that_the_content_will_never_come() -> None:
    opened = Opened()

    async def run() -> Any:
        async with content(lambda: opened, enabled=False) as made:
            return await made.put_away(MADE, Screen())

    (told,) = asyncio.run(run())
    assert (told.availability, told.reference, opened.entered) == ("never", None, 0)
