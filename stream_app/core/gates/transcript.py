"""The only place for the transcript gate: a redacted transcript with ordered speaker turns."""

from __future__ import annotations

from stream_app.core.gates.subject import Subject, absence, verdict
from stream_app.core.media_types import is_transcript_type
from stream_app.core.packet import GateResult

RULES = (
    "block: the transcript cannot be read, has no turns, or has them out of order or without speaker",
    "block: its redaction state is another than redacted (raw_restricted apart)",
    "block: it is stated to be of a media type that no transcript has",
    "block: personal data is still found in it",
    "block: a required transcript is absent and not named; warn: it is named in missing[], or not required",
)


def check(subject: Subject) -> GateResult:
    """Blocks on a transcript that cannot be shown to be one, or that is not redacted; warns where there is none."""
    if subject.figures_only:
        return verdict("transcript", block=[], warn=[])
    artifact = subject.artifact("redactedTranscript")
    block = [] if subject.transcript is None else list(subject.transcript.problems)
    warn: list[str] = []
    if subject.leaks and not subject.raw:
        block.append(f"personal data is still found in what is to leave: {', '.join(sorted(set(subject.leaks)))}")
    if artifact is not None and artifact.redaction_state != "redacted" and not subject.raw:
        block.append(f"the transcript's redaction state is {artifact.redaction_state}")
    if artifact is not None and not is_transcript_type(artifact.media_type):
        block.append("its stated media type is none that a transcript has")
    if artifact is None and not block:
        block, warn = absence(subject, "transcript")
        if not block and not warn:
            warn = ["there is no transcript; the policy does not require one"]
    return verdict("transcript", block=block, warn=warn)
