"""The only place where the sealer reads source objects: what it found, or why not, as values and never as errors.

A source that cannot be read is somebody else's trouble and is tried again beside the line, so nothing here raises for
it. Texts name no address: they end in packets.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from stream_app.core.events import Reference
from stream_app.core.sources import Source
from stream_app.core.transcripts import MAX_TRANSCRIPT_BYTES
from stream_app.core.wav import HEAD_BYTES, Measured, WavError, is_wav, read_wav
from stream_app.pipeline.ports import (
    ArtifactSource,
    ObjectDenied,
    ObjectMissing,
    ObjectTooLarge,
    StoreError,
    StoreUnavailable,
)

_TOLD: tuple[tuple[type[StoreError], str], ...] = (
    (ObjectMissing, "there is no such object"),
    (ObjectDenied, "access was denied"),
    (ObjectTooLarge, "it is larger than is read"),
    (StoreUnavailable, "its store did not answer"),
    (StoreError, "its store refused"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """A source object as it was read. `body` is kept of transcripts only."""

    source: Source
    sha256: str
    size: int
    body: bytes | None = None
    measured: Measured | None = None
    """What the header of a recording says that claims to be a WAV."""
    problem: str | None = None
    """Why it is none."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A source object that could not be read; `final` where trying again cannot help."""

    source: Source
    detail: str
    final: bool


async def read_source(store: ArtifactSource, source: Source, max_bytes: int) -> Found | Failure:
    """Read one allowed source: transcripts whole, recordings as a digest in constant memory."""
    uri = source.reference.uri
    try:
        if source.kind == "transcript":
            body = await store.get(uri, max_bytes=min(max_bytes, MAX_TRANSCRIPT_BYTES))
            found = Found(source, sha256(body).hexdigest(), len(body), body)
        else:
            head = _Head()
            digest, size = await store.digest(uri, max_bytes=max_bytes, tee=head.take)
            found = _recording(source, digest, size, bytes(head.kept))
    except StoreError as error:
        told = next(text for kind, text in _TOLD if isinstance(error, kind))
        return Failure(source, told, final=isinstance(error, ObjectTooLarge))
    difference = _difference(source.reference, found)
    # An upload may still be under way: what differs now may agree later.
    return found if difference is None else Failure(source, difference, final=False)


class _Head:
    """The first bytes of what passes."""

    def __init__(self) -> None:
        self.kept = bytearray()

    def take(self, part: bytes) -> None:
        if len(self.kept) < HEAD_BYTES:
            self.kept += part[: HEAD_BYTES - len(self.kept)]


def _recording(source: Source, digest: str, size: int, head: bytes) -> Found:
    if not is_wav(source.reference.media_type, source.reference.uri):
        return Found(source, digest, size)
    try:
        return Found(source, digest, size, measured=read_wav(head, size))
    except WavError as error:
        return Found(source, digest, size, problem=str(error))


def _difference(reference: Reference, found: Found) -> str | None:
    if reference.size_bytes is not None and reference.size_bytes != found.size:
        return f"it has {found.size} bytes, its reference says {reference.size_bytes}"
    if reference.sha256 is not None and reference.sha256 != found.sha256:
        return "its digest is not the one its reference states"
    return None
