"""The audio gate: a controlled pointer that fits the call."""

from __future__ import annotations

import pytest

from tests.core.gates.subjects import Case, artifact_with, called, holds, optional, required, stating, unnamed

CASES: tuple[Case, ...] = (
    ("block", lambda: unnamed("recording"), "recording is required"),
    ("block", lambda: stating(channels=1), "1 channels, the call 2"),
    ("block", lambda: stating(duration_ms=99_000), "lasts 99000 ms"),
    ("block", lambda: stating(duration_ms=299_000), "lasts 299000 ms"),
    ("block", lambda: artifact_with("audio", redaction_state="unredacted"), "redaction state is unredacted"),
    ("block", lambda: artifact_with("audio", source_uri="s3://provider-drop/a"), "was copied"),
    ("warn", lambda: required("recording"), "recording is missing"),
    ("pass", lambda: optional("recording"), ""),
    ("pass", lambda: stating(duration_ms=199_000 - 9_950), ""),
    ("block", lambda: stating(duration_ms=199_000 - 9_951), "lasts 189049 ms"),
    ("pass", lambda: stating(duration_ms=None, channels=None), ""),
    ("pass", lambda: called(durationMs=..., channels=...), ""),
)


@pytest.mark.parametrize("case", CASES)
def test_audio(case: Case) -> None:
    holds("audio", case)
