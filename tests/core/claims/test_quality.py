"""What packets state of the claim rules is what the bench measures now."""

from __future__ import annotations

from bench import findings
from bench.finding_phrases import UNSEEN
from stream_app.core.claims import quality


def test_the_stated_quality_is_the_measured_one() -> None:
    total = findings.claims_of(findings.on_cases(UNSEEN))
    assert (round(total.precision, 3), round(total.recall, 3)) == (quality.PRECISION, quality.RECALL)
    assert quality.MEASURED_ON


def test_what_needs_no_transcript_is_found_without_error() -> None:
    scores = findings.on_cases(UNSEEN, 25)
    for kind in ("failed", "timed_out", "invalid_result", "wrong_arguments", "duplicated_write", "out_of_order"):
        assert (kind, scores[kind].precision, scores[kind].recall) == (kind, 1.0, 1.0)
