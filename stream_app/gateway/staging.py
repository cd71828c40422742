"""The only place where a payload's blobs are put away, and events learn where: before any of them is published.

Content that came inline is stored under its digest, so a webhook that is sent again writes nothing new and makes the
same events. What a link leads to is fetched where its host is allowed; else the link is kept, bare. What became of a
link does not follow from the payload, and what is configured neither: events that tell of it have it in their ID, so
that the same webhook, sent again after another outcome, is another report and not a contradiction.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

from stream_app.core.events import ArtifactKind, ArtifactReady, CallEnded, Event, Reference
from stream_app.pipeline.ports import ObjectStore
from stream_app.providers.adapter import Blob, Normalised
from stream_app.providers.privacy import Screen, bare_link
from stream_app.sinks.links import Unfetched
from stream_app.sinks.staged import BESIDE_BYTES, PREFIX

log = logging.getLogger(__name__)

SWITCHED_OFF = "not staged: staging is switched off"
HIDDEN_LINK = "not staged: its link holds what must not be passed on"
_FIELDS = ("reference", "transcript", "recording")
_MAX_URI = 2048
_MAX_ID = 256
_PROBE = b"call-evidence-stream: the gateway can write here"


class StagingNotConfigured(Exception):
    """There is content to be put away, no key to encrypt it with, and nobody said to do without."""


class Fetches(Protocol):
    """What fetches links."""

    def allows(self, link: str) -> bool:
        """Whether this link's host is on the list."""
        ...

    async def fetch(self, link: str) -> bytes:
        """What it leads to. Raises Unfetched."""
        ...


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a blob: an address, or none and why; `mark` goes into the IDs of events that tell of it."""

    uri: str | None
    sha256: str | None = None
    size: int | None = None
    mark: str = ""
    reason: str = ""


class Stager:
    """Puts blobs into `s3://<bucket>/staging/sha256/<digest of the content>`.

    `store` encrypts what is written there; None where it cannot. `enabled` False: inline content is not kept.
    """

    def __init__(self, store: ObjectStore | None, bucket: str, links: Fetches, *, enabled: bool = True) -> None:
        self._store = store if enabled else None
        self._prefix = f"s3://{bucket}/{PREFIX}sha256/"
        self._links = links
        self._enabled = enabled

    async def put_away(self, made: Normalised, screen: Screen) -> tuple[Event, ...]:
        """The events with addresses that lead somewhere. Raises StagingNotConfigured, StoreError."""
        if not made.blobs:
            return made.events
        named = {reference.uri for event in made.events for reference in _references(event).values()}
        blobs = {blob.uri: blob for blob in made.blobs if blob.uri in named}
        found = await asyncio.gather(*(self._outcome(blob, screen) for blob in blobs.values()))
        outcomes = dict(zip(blobs, found, strict=True))
        return tuple(told for event in made.events for told in _told(event, outcomes))

    async def ask(self) -> None:
        """Raises StoreError where content could not be written now; does nothing where none would be."""
        if self._store is not None:
            await self._stored(_PROBE, "text/plain")

    async def _outcome(self, blob: Blob, screen: Screen) -> _Outcome:
        if blob.content is not None:
            if not self._enabled:
                return _Outcome(None, mark="not-staged", reason=SWITCHED_OFF)
            return await self._stored(blob.content, blob.media_type)
        link = blob.link or ""
        if self._enabled and self._links.allows(link):
            self._require_store()  # Before fetching what could not be written.
            try:
                content = await self._links.fetch(link)
            except Unfetched as error:
                log.warning("a link was not fetched: %s", error.reason)
            else:
                stored = await self._stored(content, blob.media_type)
                return _Outcome(stored.uri, stored.sha256, stored.size, mark=f"staged-{(stored.sha256 or '')[:16]}")
        bare = bare_link(link)
        if bare is None or len(bare) > _MAX_URI or screen.text(bare) != bare:
            return _Outcome(None, reason=HIDDEN_LINK)
        return _Outcome(bare)

    async def _stored(self, content: bytes, media_type: str) -> _Outcome:
        store = self._require_store()
        if len(content) < BESIDE_BYTES:
            digest = sha256(content).hexdigest()
        else:
            digest = (await asyncio.to_thread(sha256, content)).hexdigest()
        uri = f"{self._prefix}{digest}"
        await store.put_once(uri, content, media_type=media_type)
        return _Outcome(uri, digest, len(content))

    def _require_store(self) -> ObjectStore:
        if self._store is None:
            raise StagingNotConfigured
        return self._store


def _references(event: Event) -> dict[str, Reference]:
    found = {name: getattr(event, name, None) for name in _FIELDS}
    return {name: reference for name, reference in found.items() if reference is not None}


def _told(event: Event, outcomes: Mapping[str, _Outcome]) -> Iterator[Event]:
    """The event with what became of its blobs, and what it can no longer tell by itself."""
    changes: dict[str, Any] = {}
    marks: list[str] = []
    for name, reference in _references(event).items():
        outcome = outcomes.get(reference.uri)
        if outcome is None:
            continue
        marks += [outcome.mark] if outcome.mark else []
        if outcome.uri is not None:
            changes[name] = reference.model_copy(update={"uri": outcome.uri, **_measured(reference, outcome)})
        else:
            changes[name] = None
            if isinstance(event, ArtifactReady):
                changes |= {"availability": "never", "reason": outcome.reason}
            elif isinstance(event, CallEnded):
                yield _never(event, "transcript" if name == "transcript" else "recording", outcome.reason)
    yield event.model_copy(update=changes | {"event_id": _marked(event.event_id, *marks)}) if changes else event


def _measured(reference: Reference, outcome: _Outcome) -> dict[str, Any]:
    """Digest and size of what was put away, but for what is stated: who seals the call compares, and says so."""
    found = {"sha256": outcome.sha256, "size_bytes": outcome.size}
    return {name: value for name, value in found.items() if getattr(reference, name) is None}


def _never(event: CallEnded, artifact: ArtifactKind, reason: str) -> ArtifactReady:
    """A call that ended cannot say that its transcript will never come: this event does."""
    return ArtifactReady(
        schema_version=1,
        event_id=_marked(event.event_id, artifact, "never"),
        type="artifact-ready",
        source=event.source,
        occurred_at=event.occurred_at,
        canonical_call_id=event.canonical_call_id,
        aliases=event.aliases,
        trace_id=event.trace_id,
        artifact=artifact,
        availability="never",
        reason=reason,
    )


def _marked(event_id: str, *marks: str) -> str:
    """An ID with marks; one that grows too long for an ID is cut as the adapters cut theirs."""
    whole = ":".join((event_id, *marks))
    return whole if len(whole) <= _MAX_ID else f"{whole[:190]}:{sha256(whole.encode()).hexdigest()}"
