"""The only place that knows what LiveKit's egress says of a recording: that it is there, or never will be, and why.

Sources: `EgressInfo` of LiveKit's protocol (1.1.29), and its egress service, which shows when a file's location is set
and which texts an end has. All times and durations are nanoseconds. Of the request, which may hold the storage's
credentials, only the kinds of outputs and names of buckets are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

from stream_app.core.events import ArtifactReady, Event, Reference
from stream_app.core.wire import Json
from stream_app.providers import artifacts, times
from stream_app.providers.adapter import Blob, Normalised
from stream_app.providers.livekit_call import Call, word
from stream_app.providers.privacy import Screen, bare_link, numbers_of
from stream_app.providers.reading import boolean, identifier, integer, items, mapping, number, take, text

STATUSES = dict(enumerate(("STARTING", "ACTIVE", "ENDING", "COMPLETE", "FAILED", "ABORTED", "LIMIT_REACHED")))
FAILED = {"FAILED": "egress failed", "ABORTED": "egress was aborted", "LIMIT_REACHED": "egress reached its limit"}
REQUESTS = ("egress", "replay", "roomComposite", "web", "participant", "trackComposite", "track")
MIXING = {1: "DUAL_CHANNEL_AGENT", 2: "DUAL_CHANNEL_ALTERNATE"}
CHANNELS = {1: "AUDIO_CHANNEL_LEFT", 2: "AUDIO_CHANNEL_RIGHT"}
SAYINGS = (
    "Session limit reached", "Start signal not received", "Session limit reached before start signal",
    "Stop called before pipeline could start", "Process killed", "Source closed", "CPU exhausted",
)  # fmt: skip
"""What LiveKit itself says of an end. Any other text may quote a storage's answer, and is not repeated."""
MEDIA_TYPES = {
    "mp4": "video/mp4", "webm": "video/webm", "ogg": "audio/ogg", "opus": "audio/ogg", "mp3": "audio/mpeg",
    "m4a": "audio/mp4", "wav": "audio/wav",
}  # fmt: skip
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,220}")
_NS = 1e-6
"""A nanosecond in ms."""


def normalize(call: Call, info: dict[str, Any], said: int | None, *, ended: bool) -> Normalised:
    """What an egress says; `said` is when its webhook was made."""
    status = (word(take(info, "status"), STATUSES) or "").removeprefix("EGRESS_")
    at = times.nanos(take(info, "updatedAt")) or said or times.nanos(take(info, "endedAt"))
    over = "ended" if ended else "goes on"
    files = _files(info)
    there = [one for one in files if text(one, "location") or (number(one, "size") or 0) > 0]
    if status == "COMPLETE":
        there = files
    elif status in FAILED and (status != "LIMIT_REACHED" or not there):
        return _never(call, info, status, at)
    elif status != "LIMIT_REACHED" and not ended:
        return call.linked(f"egress {over}", at, "the egress is not over")
    if not there or _without_sound(info, there):
        return call.linked(f"egress {over}", at, "the egress was to make no recording file")
    events, blobs = zip(*(_ready(call, info, index, one, at) for index, one in enumerate(there)), strict=True)
    return Normalised(events, tuple(blob for group in blobs for blob in group))


def _never(call: Call, info: dict[str, Any], status: str, at: int | None) -> Normalised:
    if not _makes_file(info) or _without_sound(info, _files(info)):
        return call.linked(f"egress {status}", at, "an egress failed that was to make no recording file")
    details = (text(info, "details") or "").removeprefix("End reason: ")
    said = next((one for one in (text(info, "error"), details) if one in SAYINGS), None)
    code = integer(info, "errorCode")
    reason = FAILED[status] + (f": {said}" if said else "") + (f" (code {code})" if code else "")
    never: Event = call.tell(
        ArtifactReady, f"recording:{_own(info)}:never", at_ms=at, artifact="recording", availability="never",
        reason=reason,
    )  # fmt: skip
    return Normalised((never,))


def _ready(call: Call, info: dict[str, Any], index: int, file: Json, at: int | None) -> tuple[Event, tuple[Blob, ...]]:
    location, filename = text(file, "location", limit=4096), text(file, "filename", limit=1024)
    begin, end = number(file, "startedAt"), number(file, "endedAt")
    length = times.span_ms(take(file, "duration"), unit_ms=_NS)
    if not length and begin and end:  # In protobuf 0 is what was not set.
        length = times.span_ms(end - begin, unit_ms=_NS)
    fields: dict[str, Any] = {
        "media_type": MEDIA_TYPES.get((filename or location or "").rpartition(".")[2].lower()),
        "producer": f"livekit/egress/{_kind(info)}",
        "channels": _channels(info),
        "duration_ms": length or None,
        "size_bytes": integer(file, "size") or None,
    }
    link = location if location is not None and bare_link(location) is not None else _stored(info, index, filename)
    blobs: tuple[Blob, ...] = ()
    if link is not None:
        reference, blobs = artifacts.at_link(call.delivery, link, **fields)
    else:
        # It is there, where only whoever set up the egress can find it by its name.
        path = quote((filename or location or "").lstrip("/"))[:1500]
        if not path or Screen(numbers_of(call.delivery.document)).text(unquote(path)) != unquote(path):
            path = f"file-{index}"
        reference = Reference(uri=f"livekit-egress://{quote(_own(info), safe='')[:500]}/{path}", **fields)
    ready = call.tell(
        ArtifactReady, f"recording:{_own(info)}:{index}", at_ms=at, artifact="recording", availability="ready",
        reference=reference,
    )  # fmt: skip
    return ready, blobs


def _own(info: dict[str, Any]) -> str:
    return identifier(info, "egressId") or "egress"


def _files(info: dict[str, Any]) -> list[Any]:
    """`file` is how older servers name the one file."""
    listed = [*items(take(info, "fileResults")), take(info, "file")]
    found = [one for one in listed if text(one, "filename") or text(one, "location")]
    return found[:-1] if len(found) > 1 and found[-1] is listed[-1] else found


def _requests(info: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What was asked for, by its kind: mostly one, in older servers' words or in newer ones'."""
    for name in REQUESTS:
        if request := mapping(take(info, name)):
            yield name, request


def _kind(info: dict[str, Any]) -> str:
    return next((name for name, _ in _requests(info)), "unknown")


def _makes_file(info: dict[str, Any]) -> bool:
    """Whether a file was to come of it; where nothing says what was asked for, it was."""
    others = 0
    for _, request in _requests(info):
        outputs = items(take(request, "outputs"))
        if take(request, "file") or items(take(request, "fileOutputs")) or any(take(one, "file") for one in outputs):
            return True
        named = ("stream", "segments", "streamOutputs", "segmentOutputs", "imageOutputs", "websocketUrl")
        others += len(outputs) + sum(bool(take(request, name)) for name in named)
    results = ("streamResults", "segmentResults", "imageResults", "stream", "segments")
    others += sum(bool(take(info, name)) for name in results)
    return bool(_files(info)) or others == 0


def _without_sound(info: dict[str, Any], files: list[Any]) -> bool:
    """Whether what is recorded is video only."""
    for name, request in _requests(info):
        media = mapping(take(request, "media"))
        if any(boolean(one, "videoOnly") for one in (request, take(request, "template"), take(request, "web"))):
            return True
        if media and take(media, "audio") is None:
            return True
        if name == "trackComposite" and take(request, "videoTrackId") and not take(request, "audioTrackId"):
            return True
        # One track alone becomes a file of its own kind: Opus an .ogg, video any of these.
        suffixes = (".mp4", ".webm", ".ivf", ".h264")
        if name == "track" and any((text(one, "filename") or "").lower().endswith(suffixes) for one in files):
            return True
    return False


def _channels(info: dict[str, Any]) -> int | None:
    """Two where the agent, or every other participant, has a channel of its own; else nothing is promised."""
    for _, request in _requests(info):
        if word(take(request, "audioMixing"), MIXING) in MIXING.values():
            return 2
        routes = items(take(request, "media", "audio", "routes"))
        if len({word(take(one, "channel"), CHANNELS) for one in routes} & set(CHANNELS.values())) == 2:
            return 2
    return None


def _stored(info: dict[str, Any], index: int, filename: str | None) -> str | None:
    """Where a file without a location lies: in the bucket that the request names for it."""
    for _, request in _requests(info):
        outputs = [one for one in items(take(request, "outputs")) if take(one, "file") is not None]
        outputs += [*items(take(request, "fileOutputs")), take(request, "file")]
        own = outputs[index] if index < len(outputs) else None
        for place in (take(own, "storage"), own, take(request, "storage")):
            for scheme, service in (("s3", "s3"), ("gs", "gcp")):
                bucket = text(place, service, "bucket")
                if bucket is not None and _BUCKET.fullmatch(bucket) and filename is not None:
                    return f"{scheme}://{bucket}/{quote(filename.lstrip('/'))}"
    return None
