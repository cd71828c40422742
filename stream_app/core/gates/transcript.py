"""The only place for the transcript gate: a redacted transcript with ordered speaker turns."""

from __future__ import annotations

from stream_app.core.gates.subject import Subject, absence, verdict
from stream_app.core.packet import GateResult


def check(subject: Subject) -> GateResult:
    """Blocks on a transcript that cannot be shown to be one, or that is not redacted; warns where there is none."""
    if subject.figures_only:
        return verdict("transcript", block=[], warn=[])
    artifact = subject.artifact("redactedTranscript")
    block = [] if subject.transcript is None else list(subject.transcript.problems)
    warn: list[str] = []
    if artifact is not None and artifact.redaction_state != "redacted":
        block.append(f"the transcript's redaction state is {artifact.redaction_state}")
    if artifact is None and not block:
        block, warn = absence(subject, "transcript")
        if not block and not warn:
            warn = ["there is no transcript; the policy does not require one"]
    return verdict("transcript", block=block, warn=warn)
