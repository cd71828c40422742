"""The only place that knows where Vapi puts transcripts, recordings, logs and captures, and how none of them will come.

A recording has up to eleven links, by the age of the account; those that are signed open without a key, and expire.
What a report does not hold is late unless a setting explains it: switched off, HIPAA, PCI, no retention, no consent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from stream_app.core.events import ArtifactKind, ArtifactReady
from stream_app.providers import artifacts, times, turns
from stream_app.providers.adapter import Blob, Refused, staged_transcript
from stream_app.providers.reading import boolean, first, items, mapping, take, text
from stream_app.providers.restated import told
from stream_app.providers.turns import Turn
from stream_app.providers.vapi_call import Call, moment

Made = tuple[list[ArtifactReady], list[Blob]]

_SPEAKERS = {"bot": "assistant", "assistant": "assistant", "user": "user", "customer": "user"}
"""Roles that speak: what the system says is a prompt, what tools say is evidence of its own."""
_MEDIA_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg", "mp4": "video/mp4", "webm": "audio/webm"}
_TALKED = (
    "customer-ended", "assistant-ended", "assistant-said", "assistant-forwarded", "exceeded-max-duration",
    "silence-timed-out", "voicemail", "manually-canceled",
)  # fmt: skip
"""Begin of reasons for which only a call ends that was answered."""
_UPLOADS: dict[str, ArtifactKind] = {"recording": "recording", "log": "log", "pcap": "pcap"}
MAX_LINK = 8192


def of_report(call: Call) -> Made:
    """What a finished call has left behind, or never will."""
    events: list[ArtifactReady] = []
    blobs: list[Blob] = []
    for kind, made in (("transcript", transcript(call)), ("recording", recording(call))):
        events += made[0]
        blobs += made[1]
        if not made[0] and (reason := _why_never(call, kind)) is not None:
            events.append(never(call, "transcript" if kind == "transcript" else "recording", reason))
    for kind_, names in (("log", ("presignedLogUrl", "logUrl")), ("pcap", ("presignedPcapUrl", "pcapUrl"))):
        links = (take(place, name) for name in names for place in call.artifacts)
        more = _linked(call, "log" if kind_ == "log" else "pcap", ((link, None) for link in links))
        events += more[0]
        blobs += more[1]
    return events, blobs


def transcript(call: Call) -> Made:
    """The turns that were spoken. Vapi has no redacted twin: what filters changed is not redacted for it."""
    spoken = [turn for message in call.messages or () if (turn := _turn(message)) is not None]
    if not spoken:
        texts = (take(place, "transcript") for place in call.artifacts)
        spoken = next((found for one in texts if (found := turns.of_text(one))), [])
    if not spoken:
        return [], []
    reference, blob = staged_transcript(turns.document_of(spoken))
    ready = artifacts.ready(
        call.delivery, "transcript", reference, id=_id(call, "transcript"), at_ms=call.at_ms, **call.names
    )
    return [told(ready)], [blob]


def recording(call: Call) -> Made:
    """The best recording there is: one that opens, then one with a channel for each side."""
    return _linked(call, "recording", _recordings(call))


def channels(call: Call) -> int | None:
    """How many channels the recording has."""
    return next((found for link, found in _recordings(call) if _as_link(link) is not None), None)


def never(call: Call, artifact: ArtifactKind, reason: str) -> ArtifactReady:
    """There will be none of it."""
    made = artifacts.never(
        call.delivery, artifact, reason[:512], id=_id(call, artifact), at_ms=call.at_ms, **call.names
    )
    return told(made)


def of_upload(call: Call) -> Made:
    """What was stored in the user's own storage. One recording of several that failed is no loss of the recording."""
    outcomes: dict[ArtifactKind, list[bool]] = {}
    for item in items(take(call.message, "artifacts")):
        kind = _UPLOADS.get((text(item, "type", limit=64) or "").lower().partition("-")[0])
        success = boolean(item, "success")
        if kind is not None and success is not None:
            outcomes.setdefault(kind, []).append(success)
    failed = [kind for kind, successes in outcomes.items() if not any(successes)]
    events = [never(call, kind, "storing it in the storage of its owner failed") for kind in failed]
    blobs: list[Blob] = []
    if any(outcomes.get("recording", ())):
        ready, blobs = recording(call)
        events += ready
    return events, blobs


def never_connected(call: Call) -> bool:
    """Whether nobody ever answered: it ended, and never began."""
    if call.started_ms is not None or call.ended_ms is None or (call.ended_reason or "").startswith(_TALKED):
        return False
    spoken = any(_turn(message) is not None for message in call.messages or ())
    lasted = any(times.span_ms(take(call.message, name), unit_ms=1) for name in ("durationMs", "durationSeconds"))
    return not spoken and not lasted and not any(_as_link(link) for link, _ in _recordings(call))


def _why_never(call: Call, kind: str) -> str | None:
    """What explains that a report does not hold this; None: nothing does, it may be late."""
    if never_connected(call):
        return f"the call was never connected: {call.ended_reason or 'no reason given'}"
    for name in ("zdrEnabled", "zeroDataRetention", "zeroDataRetentionEnabled"):
        if any(call.switch(*path, name) for path in ((), ("compliancePlan",), ("compliance",))):
            return "nothing is kept (zero data retention)"
    if kind == "recording":
        if call.switch("artifactPlan", "recordingEnabled") is False or call.switch("recordingEnabled") is False:
            return "recording was switched off (artifactPlan.recordingEnabled)"
        if _consent_refused(call):
            return "consent to the recording was not given"
    elif call.switch("artifactPlan", "transcriptPlan", "enabled") is False:
        return "the transcript was switched off (artifactPlan.transcriptPlan)"
    for name, mode in (("hipaaEnabled", "HIPAA"), ("pciEnabled", "PCI")):
        if call.switch("compliancePlan", name) or call.switch("compliance", name) or call.switch(name):
            return f"it is not kept in {mode} mode"
    written = any(text(place, "transcript") for place in call.artifacts)
    if kind == "transcript" and call.messages is not None and not written:
        return "nothing was said in the call"
    return None


def _consent_refused(call: Call) -> bool:
    """A consent that was asked for and has no time at which it was given was not given."""
    for place in (call.message, call.call):
        consent = mapping(take(place, "compliance", "recordingConsent"))
        if consent:
            return moment(take(consent, "grantedAt")) is None
    return False


def _turn(message: Any) -> Turn | None:
    speaker = _SPEAKERS.get((text(message, "role", limit=64) or "").lower())
    said = first(message, "message", "content")
    if speaker is None or not isinstance(said, str) or not said.strip():
        return None
    start = times.span_ms(take(message, "secondsFromStart"), unit_ms=1000)
    return Turn(speaker, said.strip(), start)


def _recordings(call: Call) -> Iterator[tuple[Any, int | None]]:
    """(link, channels), the most useful first: what is signed opens for whoever has it."""
    for signed in ("presignedStereoUrl", "presignedMonoUrl"):
        for place in call.artifacts:
            yield take(place, signed), 2 if "Stereo" in signed else 1
    for place in call.artifacts:
        yield take(place, "recording", "stereoUrl"), 2
        yield take(place, "stereoRecordingUrl"), 2
    for place in call.artifacts:
        yield take(place, "recording", "mono", "combinedUrl"), 1
        yield take(place, "recording", "mono"), 1
        yield take(place, "recording", "url"), None
        yield take(place, "recording"), None
        yield take(place, "recordingUrl"), 1


def _as_link(value: Any) -> str | None:
    found = text(value, limit=MAX_LINK) if isinstance(value, str) and len(value) < MAX_LINK else None
    return found if found is not None and "://" in found else None


def _linked(call: Call, artifact: ArtifactKind, links: Iterable[tuple[Any, int | None]]) -> Made:
    """The first of these links that is one."""
    for value, count in links:
        if (link := _as_link(value)) is None:
            continue
        try:
            reference, blobs = artifacts.at_link(
                call.delivery, link, media_type=_media_type(link), channels=count, producer="vapi"
            )
        except Refused:
            continue  # A broken link is no reason to lose what else the report says.
        ready = artifacts.ready(
            call.delivery, artifact, reference, id=_id(call, artifact), at_ms=call.at_ms, **call.names
        )
        return [told(ready)], list(blobs)
    return [], []


def _media_type(link: str) -> str | None:
    path = link.partition("?")[0].partition("#")[0]
    return _MEDIA_TYPES.get(path.rpartition(".")[2].lower())


def _id(call: Call, fact: str) -> str:
    return f"{call.name}:{fact}:{call.kind}"
