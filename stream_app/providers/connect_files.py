"""The only place that knows where Connect and Contact Lens keep their files, and what a file's name says of it.

Sources: "Output file locations" of the administrator guide. The contact's ID is in the name and not in the file. What
lies under `Redacted/` is called redacted by its producer; everything else of the kind is not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote_plus

from stream_app.core.events import ArtifactKind, RedactionState, Reference
from stream_app.core.wire import Json
from stream_app.providers import artifacts, times
from stream_app.providers.adapter import Blob, Delivery, Normalised, Refused
from stream_app.providers.connect_names import names_of
from stream_app.providers.reading import integer, take, text

_CONTACT = r"([0-9A-Za-z-]{8,64}?)"
_SHAPES: tuple[tuple[re.Pattern[str], ArtifactKind, RedactionState], ...] = (
    (re.compile(_CONTACT + r"_analysis_redacted_.*\.json"), "transcript", "redacted"),
    (re.compile(_CONTACT + r"_analysis_.*\.json"), "transcript", "unredacted"),
    (re.compile(_CONTACT + r"_call_recording_redacted_.*\.wav"), "recording", "redacted"),
    (re.compile(_CONTACT + r"_\d{8}T\d{2}[:_]\d{2}_UTC\.wav"), "recording", "unredacted"),
)
_WRITTEN = re.compile(r"_(\d{4}-\d{2}-\d{2}T\d{2}[:_]\d{2}[:_]\d{2}(?:\.\d+)?Z)\.")
_MEDIA: dict[ArtifactKind, Literal["application/json", "audio/wav"]] = {
    "transcript": "application/json", "recording": "audio/wav",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class File:
    """What a file's name says."""

    contact: str
    kind: ArtifactKind
    redaction_state: RedactionState
    at_ms: int | None = None
    """When it was written, where the name says so."""


def file_named(key: str) -> File | None:
    """A file of a call by its key; None for any other. Called redacted in its name it must lie under `Redacted/` too,
    where the key says where it lies."""
    folder, _, name = key.rpartition("/")
    for shape, kind, state in _SHAPES:
        if (match := shape.fullmatch(name)) is not None:
            beside = folder and "Redacted" not in folder.split("/")
            at = _WRITTEN.search(name)
            written = None if at is None else times.iso(at[1].replace("_", ":"))
            return File(match[1], kind, "unknown" if state == "redacted" and beside else state, written)
    return None


def notified(delivery: Delivery, record: Json) -> Normalised:
    """One record of an S3 notification; its keys are quoted as in a form."""
    name = text(record, "eventName") or ""
    if "ObjectCreated" not in name:
        raise Refused("nothing_to_report", "an object was not created")
    return object_created(delivery, take(record, "s3"), times.iso(take(record, "eventTime")), quoted=True)


def object_created(delivery: Delivery, detail: Json, at: int | None, *, quoted: bool = False) -> Normalised:
    """An object was created: a transcript or a recording of a call, if its name says so."""
    bucket, key = text(detail, "bucket", "name"), text(detail, "object", "key", limit=1024)
    if bucket is None or key is None:
        raise Refused("unknown_shape", "no bucket or no key")
    key = unquote_plus(key) if quoted else key
    if "Analysis/Chat/" in key:
        raise Refused("nothing_to_report", "a file of a chat")
    file = file_named(key)
    if file is None:
        raise Refused("nothing_to_report", "no transcript or recording of a call, by its name")
    reference, blobs = reference_to(
        delivery, f"{bucket}/{key}", media_type=_MEDIA[file.kind], redaction_state=file.redaction_state,
        size_bytes=integer(detail, "object", "size"),
    )  # fmt: skip
    names = names_of(delivery, None, file.contact, chained=False)
    etag = text(detail, "object", "eTag", limit=64) or text(detail, "object", "sequencer", limit=64)
    id = f"{file.contact}:{key.rpartition('/')[2]}:{etag}"
    at = at or file.at_ms
    return Normalised((artifacts.ready(delivery, file.kind, reference, id=id, at_ms=at, **names),), blobs)


def reference_to(
    delivery: Delivery, location: str, *, media_type: str, redaction_state: RedactionState = "unredacted", **more: Any
) -> tuple[Reference, tuple[Blob, ...]]:
    """A reference to `bucket/key`, or to an address of S3."""
    link = location if "://" in location else f"s3://{location}"
    return artifacts.at_link(
        delivery, link, media_type=media_type, redaction_state=redaction_state, producer="amazon-connect", **more
    )
