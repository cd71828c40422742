"""The transcript gate: a redacted transcript with ordered turns."""

from __future__ import annotations

import pytest

from tests.core.gates.subjects import Case, artifact_with, holds, optional, required, unnamed, unreadable

CASES: tuple[Case, ...] = (
    ("block", lambda: unreadable("the transcript has no turns"), "no turns"),
    ("block", lambda: unnamed("transcript"), "transcript is required"),
    ("block", lambda: artifact_with("redactedTranscript", redaction_state="unknown"), "redaction state is unknown"),
    ("warn", lambda: required("transcript"), "transcript is missing: never_seen"),
    ("warn", lambda: optional("transcript"), "policy does not require one"),
)


@pytest.mark.parametrize("case", CASES)
def test_transcript(case: Case) -> None:
    holds("transcript", case)
