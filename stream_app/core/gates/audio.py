"""The only place for the audio gate: a controlled pointer to a recording that fits the call."""

from __future__ import annotations

from stream_app.core.events import Reference
from stream_app.core.gates.subject import Subject, absence, verdict
from stream_app.core.packet import GateResult

TOLERANCE_MS = 5000
TOLERANCE_SHARE = 0.05
"""A recording starts after the line does and ends with its last packet: it may differ by the larger of the two."""


def check(subject: Subject) -> GateResult:
    """Blocks on a recording that is not redacted, was copied, or has other channels or another length than the call."""
    artifact = subject.artifact("audio")
    if artifact is None:
        if subject.figures_only:
            return verdict("audio", block=[], warn=[])
        block, warn = absence(subject, "recording")
        return verdict("audio", block=block, warn=warn)
    block = []
    if artifact.redaction_state != "redacted":
        block.append(f"the recording's redaction state is {artifact.redaction_state}")
    if artifact.source_uri is not None:
        block.append("the recording was copied; a packet holds a pointer to it")
    reference = subject.recording
    if reference is not None:
        block += _misfit(reference, subject)
    return verdict("audio", block=block, warn=[])


def _misfit(reference: Reference, subject: Subject) -> list[str]:
    """What the recording's producer and the call's end both state, and differ in; silence is no conflict."""
    call = subject.facts.primary("call")
    event = call.event if call is not None else {}
    channels, duration = event.get("channels"), event.get("durationMs")
    problems = []
    if channels is not None and reference.channels is not None and channels != reference.channels:
        problems.append(f"the recording has {reference.channels} channels, the call {channels}")
    if duration is not None and reference.duration_ms is not None:
        allowed = max(TOLERANCE_MS, TOLERANCE_SHARE * duration)
        if abs(duration - reference.duration_ms) > allowed:
            problems.append(f"the recording lasts {reference.duration_ms} ms, the call {duration} ms")
    return problems
