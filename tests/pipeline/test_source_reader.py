"""Reading source objects: what was found, or why not, never an error."""

from __future__ import annotations

from hashlib import sha256

import pytest

from stream_app.core.events import Reference
from stream_app.core.sources import Source, SourceKind
from stream_app.core.transcripts import MAX_TRANSCRIPT_BYTES
from stream_app.core.wav import Measured
from stream_app.pipeline.ports import ObjectDenied, ObjectMissing, StoreError, StoreUnavailable
from stream_app.pipeline.source_reader import Failure, Found, read_source
from tests.examples import contract_audio
from tests.fakes import InMemoryObjectStore

URI = "s3://provider-drop/secret-name"
BODY = b"some bytes"
DIGEST = sha256(BODY).hexdigest()


def source(kind: SourceKind = "recording", **stated: object) -> Source:
    return Source(kind, Reference.from_dict({"uri": URI, "redactionState": "redacted", **stated}), "evt-1")


async def test_a_transcript_is_read_whole_a_recording_as_a_digest() -> None:
    store = InMemoryObjectStore({URI: BODY})
    transcript = await read_source(store, source("transcript"), 100)
    recording = await read_source(store, source("recording"), 100)
    assert isinstance(transcript, Found)
    assert isinstance(recording, Found)
    assert (transcript.body, transcript.sha256, transcript.size) == (BODY, DIGEST, len(BODY))
    assert (recording.body, recording.sha256, recording.size) == (None, DIGEST, len(BODY))
    assert store.calls == [("get", URI), ("digest", URI)]


@pytest.mark.parametrize("kind", ["transcript", "recording"])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ObjectMissing, "no such object"),
        (ObjectDenied, "denied"),
        (StoreUnavailable, "did not answer"),
        (StoreError, "refused"),
    ],
)
async def test_a_store_that_says_no_may_say_yes_later(kind: SourceKind, error: type[StoreError], told: str) -> None:
    store = InMemoryObjectStore({URI: BODY})
    store.fail(URI, error)
    failure = await read_source(store, source(kind), 100)
    assert isinstance(failure, Failure)
    assert told in failure.detail
    assert not failure.final
    assert "secret-name" not in failure.detail


@pytest.mark.parametrize("kind", ["transcript", "recording"])
async def test_what_is_too_large_stays_so(kind: SourceKind) -> None:
    failure = await read_source(InMemoryObjectStore({URI: BODY}), source(kind), 9)
    assert isinstance(failure, Failure)
    assert failure.final


async def test_a_transcript_has_a_limit_of_its_own() -> None:
    store = InMemoryObjectStore({URI: bytes(MAX_TRANSCRIPT_BYTES + 1)})
    failure = await read_source(store, source("transcript"), 1 << 40)
    assert isinstance(failure, Failure)
    assert isinstance(await read_source(store, source("recording"), 1 << 40), Found)


@pytest.mark.parametrize("kind", ["transcript", "recording"])
async def test_stated_digest_and_size_are_compared(kind: SourceKind) -> None:
    store = InMemoryObjectStore({URI: BODY})
    right = await read_source(store, source(kind, sha256=DIGEST, sizeBytes=len(BODY)), 100)
    digest = await read_source(store, source(kind, sha256="0" * 64), 100)
    size = await read_source(store, source(kind, sizeBytes=11), 100)
    assert isinstance(right, Found)
    assert isinstance(digest, Failure)
    assert "digest" in digest.detail
    assert isinstance(size, Failure)
    assert "10 bytes" in size.detail


async def test_a_recordings_own_header_is_read_on_the_way_and_a_false_one_is_a_problem() -> None:
    source = Source("recording", Reference(uri="s3://drop/a.wav", media_type="audio/wav"), "evt")
    found = await read_source(InMemoryObjectStore({"s3://drop/a.wav": contract_audio()}), source, 1 << 30)
    assert isinstance(found, Found)
    assert (found.measured, found.problem) == (Measured(2, 199_000), None)
    fake = await read_source(InMemoryObjectStore({"s3://drop/a.wav": b"<html>not here</html>"}), source, 1 << 30)
    assert isinstance(fake, Found)
    assert fake.measured is None
    assert "does not begin as one" in (fake.problem or "")
    other = Source("recording", Reference(uri="s3://drop/a.wav", media_type="audio/mpeg"), "evt")
    found = await read_source(InMemoryObjectStore({"s3://drop/a.wav": b"ID3"}), other, 1 << 30)
    assert isinstance(found, Found)
    assert (found.measured, found.problem) == (None, None)
