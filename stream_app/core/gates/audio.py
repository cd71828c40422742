"""The only place for the audio gate: a controlled pointer to a recording that fits the call."""

from __future__ import annotations

from typing import NamedTuple

from stream_app.core.gates.subject import Subject, absence, verdict
from stream_app.core.media_types import is_recording_type
from stream_app.core.packet import GateResult

RULES = (
    "block: the recording's own header states other channels than the call",
    "block: the recording's own header states a length that differs from the call's by more than 5 s and 5 %",
    "block: the recording claims to be a WAV and its header cannot be read, or contradicts itself",
    "block: its producer states other channels or another length than the call, or than the header",
    "block: it is stated to be of a media type that no recording has",
    "block: the recording is not redacted (raw_restricted apart), or was copied",
    "block: a required recording is absent and not named; warn: it is named in missing[]",
)
TOLERANCE_MS = 5000
TOLERANCE_SHARE = 0.05
"""A recording starts after the line does and ends with its last packet: it may differ by the larger of the two."""


def check(subject: Subject) -> GateResult:
    """Blocks on a recording that is not redacted, was copied, or has other channels or another length than the call,
    and on one whose header contradicts itself."""
    artifact = subject.artifact("audio")
    if artifact is None:
        if subject.figures_only:
            return verdict("audio", block=[], warn=[])
        block, warn = absence(subject, "recording")
        return verdict("audio", block=block, warn=warn)
    block = []
    if artifact.redaction_state != "redacted" and not subject.raw:
        block.append(f"the recording's redaction state is {artifact.redaction_state}")
    if not is_recording_type(artifact.media_type):
        block.append("its stated media type is none that a recording has")
    if artifact.source_uri is not None:
        block.append("the recording was copied; a packet holds a pointer to it")
    if subject.recording_problem is not None:
        block.append(subject.recording_problem)
    # What the file itself says goes before what is said about it; what its producer says is held against both.
    reference, measured = subject.recording, subject.measured
    call = subject.facts.primary("call")
    event = call.event if call is not None else {}
    said = _Sound("the call", event.get("channels"), event.get("durationMs"))
    if measured is not None:
        found = _Sound("the recording", measured.channels, measured.duration_ms)
        block += _misfit(found, said)
        if reference is not None:
            block += _misfit(found, _Sound("its reference", reference.channels, reference.duration_ms))
    elif reference is not None:
        block += _misfit(_Sound("the recording", reference.channels, reference.duration_ms), said)
    return verdict("audio", block=block, warn=[])


class _Sound(NamedTuple):
    who: str
    channels: int | None
    duration_ms: int | None


def _misfit(recording: _Sound, other: _Sound) -> list[str]:
    """What both state, and differ in; silence is no conflict."""
    problems = []
    if None not in (recording.channels, other.channels) and recording.channels != other.channels:
        problems.append(f"the recording has {recording.channels} channels, {other.who} {other.channels}")
    if recording.duration_ms is not None and other.duration_ms is not None:
        allowed = max(TOLERANCE_MS, TOLERANCE_SHARE * other.duration_ms)
        if abs(other.duration_ms - recording.duration_ms) > allowed:
            problems.append(f"the recording lasts {recording.duration_ms} ms, {other.who} {other.duration_ms} ms")
    return problems
