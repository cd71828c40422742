"""Blobs put away: what events say of them, that repeats are the same, and that no outcome contradicts another."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Any

import pytest

from stream_app.core.events import ArtifactReady, CallEnded, Event, Reference
from stream_app.gateway.staging import HIDDEN_LINK, SWITCHED_OFF, Stager, StagingNotConfigured
from stream_app.pipeline.ports import StoreUnavailable
from stream_app.providers.adapter import Blob, Delivery, Normalised, event, staged_transcript
from stream_app.providers.privacy import Screen
from stream_app.sinks.links import Unfetched
from stream_app.sinks.staged import BESIDE_BYTES
from tests.fakes import InMemoryObjectStore

DELIVERY = Delivery({}, "retell/test", 1_700_000_000_000)
LINK = "https://files.example.org/recording.wav?X-Amz-Signature=abc"
BARE = "https://files.example.org/recording.wav"
TRANSCRIPT, INLINE = staged_transcript({"turns": [{"speaker": "user", "text": "hello"}]})
AUDIO = b"audio"


class Links:
    """A fetcher that gives what it was told, and counts."""

    def __init__(self) -> None:
        self.allowed = True
        self.content: bytes | None = AUDIO
        self.fetched: list[str] = []

    def allows(self, _link: str) -> bool:
        return self.allowed

    async def fetch(self, link: str) -> bytes:
        self.fetched.append(link)
        if self.content is None:
            raise Unfetched("too_slow")
        return self.content


@pytest.fixture
def links() -> Links:
    return Links()


@pytest.fixture
def store() -> InMemoryObjectStore:
    return InMemoryObjectStore()


@pytest.fixture
def stager(store: InMemoryObjectStore, links: Links) -> Stager:
    return Stager(store, "staging", links)


def ready(reference: Reference, *, id: str = "call-1:recording", artifact: str = "recording") -> ArtifactReady:
    return event(
        ArtifactReady, DELIVERY, id=id, at_ms=1_700_000_000_000, artifact=artifact, availability="ready",
        reference=reference, aliases={"retellCallId": "call-1"},
    )  # fmt: skip


def linked(link: str = LINK, **fields: Any) -> Normalised:
    blob = Blob("audio/wav", link=link)
    return Normalised((ready(Reference(uri=blob.uri, **fields)),), (blob,))


def inline() -> Normalised:
    return Normalised((ready(TRANSCRIPT, id="call-1:transcript", artifact="transcript"),), (INLINE,))


def ended(**fields: Any) -> CallEnded:
    return event(
        CallEnded, DELIVERY, id="call-1:ended", at_ms=1_700_000_000_000, ended_at=1_700_000_000_000,
        aliases={"retellCallId": "call-1"}, trace_id="t-1", **fields,
    )  # fmt: skip


def away(stager: Stager, made: Normalised, *numbers: str) -> tuple[Event, ...]:
    return asyncio.run(stager.put_away(made, Screen(frozenset(numbers))))


def only(events: tuple[Event, ...]) -> ArtifactReady:
    (one,) = events
    assert isinstance(one, ArtifactReady)
    # What a copy holds must be what a producer may send.
    assert ArtifactReady.from_dict(one.to_dict()) == one
    return one


def test_content_that_came_inline_lies_under_its_digest(stager: Stager, store: InMemoryObjectStore) -> None:
    made = inline()
    told = only(away(stager, made))
    assert told.reference is not None
    assert INLINE.content is not None
    digest = sha256(INLINE.content).hexdigest()
    assert told.reference == TRANSCRIPT.model_copy(update={"uri": f"s3://staging/staging/sha256/{digest}"})
    assert (told.reference.sha256, told.reference.size_bytes) == (digest, len(INLINE.content))
    assert store.objects == {told.reference.uri: INLINE.content}
    assert told.event_id == made.events[0].event_id
    assert away(stager, made) == (told,)


def test_large_content_too(stager: Stager, store: InMemoryObjectStore) -> None:
    blob = Blob("audio/mpeg", content=b"x" * BESIDE_BYTES)
    told = only(away(stager, Normalised((ready(Reference(uri=blob.uri)),), (blob,))))
    assert told.reference is not None
    assert told.reference.sha256 == sha256(blob.content or b"").hexdigest()
    assert told.reference.size_bytes == BESIDE_BYTES
    assert list(store.objects) == [told.reference.uri]


def test_what_a_link_leads_to_is_put_away_and_the_link_is_gone(
    stager: Stager, store: InMemoryObjectStore, links: Links
) -> None:
    made = linked(media_type="audio/wav")
    told = only(away(stager, made))
    assert told.reference is not None
    assert told.reference.uri == f"s3://staging/staging/sha256/{sha256(AUDIO).hexdigest()}"
    assert (told.reference.sha256, told.reference.size_bytes) == (sha256(AUDIO).hexdigest(), len(AUDIO))
    assert store.objects == {told.reference.uri: AUDIO}
    assert links.fetched == [LINK]
    assert told.event_id == f"{made.events[0].event_id}:staged-{sha256(AUDIO).hexdigest()[:16]}"


def test_a_digest_that_is_stated_stays_for_whoever_compares(stager: Stager) -> None:
    told = only(away(stager, linked(sha256="0" * 64, size_bytes=7)))
    assert told.reference is not None
    assert (told.reference.sha256, told.reference.size_bytes) == ("0" * 64, 7)


@pytest.mark.parametrize("why", ["not allowed", "not fetched", "switched off"])
def test_a_link_that_is_not_fetched_is_kept_bare(store: InMemoryObjectStore, links: Links, why: str) -> None:
    links.allowed, links.content = why != "not allowed", None
    made = linked()
    told = only(away(Stager(store, "staging", links, enabled=why != "switched off"), made))
    assert told.reference is not None
    assert (told.reference.uri, told.reference.sha256, told.reference.size_bytes) == (BARE, None, None)
    assert told.event_id == made.events[0].event_id
    assert store.objects == {}
    assert bool(links.fetched) == (why == "not fetched")


def test_different_outcomes_of_one_delivery_never_share_an_event_id(stager: Stager, links: Links) -> None:
    told: dict[str, Event] = {}
    for content in (AUDIO, None, b"other", AUDIO, None):
        links.content = content
        one = only(away(stager, linked()))
        assert told.setdefault(one.event_id, one) == one
    assert len(told) == 3


@pytest.mark.parametrize(
    "link", ["https://example.org/15005550006.wav?token=x", f"https://example.org/{'a' * 2100}?sig=x"]
)
def test_a_bare_link_that_must_not_be_shown_is_none(stager: Stager, links: Links, link: str) -> None:
    links.allowed = False
    told = only(away(stager, linked(link), "15005550006"))
    assert (told.reference, told.availability, told.reason) == (None, "never", HIDDEN_LINK)


def test_without_staging_inline_content_will_never_come(store: InMemoryObjectStore, links: Links) -> None:
    made = inline()
    told = only(away(Stager(store, "staging", links, enabled=False), made))
    assert (told.reference, told.availability, told.reason) == (None, "never", SWITCHED_OFF)
    assert told.event_id == f"{made.events[0].event_id}:not-staged"
    assert store.objects == {}


def test_a_call_that_ended_says_so_by_another_event(store: InMemoryObjectStore, links: Links) -> None:
    off = Stager(store, "staging", links, enabled=False)
    before = ended(transcript=TRANSCRIPT)
    never, call = away(off, Normalised((before,), (INLINE,)))
    assert isinstance(call, CallEnded)
    assert isinstance(never, ArtifactReady)
    assert call == before.model_copy(update={"transcript": None, "event_id": f"{before.event_id}:not-staged"})
    assert (never.artifact, never.availability, never.reason) == ("transcript", "never", SWITCHED_OFF)
    assert (never.aliases, never.trace_id, never.source) == (before.aliases, "t-1", before.source)
    assert ArtifactReady.from_dict(never.to_dict()) == never
    assert away(off, Normalised((before,), (INLINE,))) == (never, call)


def test_both_of_a_calls_artifacts_are_told(stager: Stager) -> None:
    blob = Blob("audio/wav", link=LINK)
    made = Normalised((ended(transcript=TRANSCRIPT, recording=Reference(uri=blob.uri)),), (INLINE, blob))
    (call,) = away(stager, made)
    assert isinstance(call, CallEnded)
    assert call.transcript is not None
    assert call.recording is not None
    assert {one.uri.rpartition("/")[0] for one in (call.transcript, call.recording)} == {"s3://staging/staging/sha256"}


def test_without_a_key_content_is_refused_and_bare_links_are_not(links: Links) -> None:
    stager = Stager(None, "staging", links)
    for made in (inline(), linked()):
        with pytest.raises(StagingNotConfigured):
            away(stager, made)
    assert links.fetched == []
    links.allowed = False
    assert only(away(stager, linked())).reference == Reference(uri=BARE)


def test_a_store_that_is_away_is_said(stager: Stager, store: InMemoryObjectStore) -> None:
    store.fail("s3://staging/", StoreUnavailable, times=1)
    with pytest.raises(StoreUnavailable):
        away(stager, inline())
    only(away(stager, inline()))


def test_events_without_blobs_stay_as_they_are(stager: Stager, store: InMemoryObjectStore) -> None:
    made = (ended(), ready(Reference(uri="s3://provider-drop/a")))
    assert away(stager, Normalised(made)) == made
    unused = Blob("audio/wav", link=LINK)
    assert away(stager, Normalised(made, (unused, INLINE))) == made
    assert store.calls == []


def test_a_long_id_is_cut_and_still_one_of_its_own(stager: Stager, links: Links) -> None:
    blob = Blob("audio/wav", link=LINK)
    made = Normalised((ready(Reference(uri=blob.uri), id="x" * 240),), (blob,))
    first = only(away(stager, made))
    links.content = b"other"
    second = only(away(stager, made))
    assert first.event_id != second.event_id
    assert max(len(first.event_id), len(second.event_id)) <= 256


async def test_it_can_be_asked_whether_it_could_write(store: InMemoryObjectStore, links: Links) -> None:
    stager = Stager(store, "staging", links)
    await stager.ask()
    await stager.ask()
    assert len(store.objects) == 1
    store.fail("s3://", StoreUnavailable)
    with pytest.raises(StoreUnavailable):
        await stager.ask()
    await Stager(store, "staging", links, enabled=False).ask()
    await Stager(None, "staging", links).ask()
