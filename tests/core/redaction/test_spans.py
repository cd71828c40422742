"""Spans that overlap become one: as wide as both, of the weightier kind, and known where either is."""

from __future__ import annotations

from stream_app.core.redaction.spans import ORDER, RANK, STRUCTURED, Span, merged


def test_overlapping_spans_become_one() -> None:
    spans = [Span(5, 9, "NUMBER", "spread"), Span(0, 6, "PHONE", "number"), Span(12, 14, "PERSON", "cue")]
    assert merged(spans) == [Span(0, 9, "PHONE", "number"), Span(12, 14, "PERSON", "cue")]
    assert merged([Span(0, 4, "PHONE", "number"), Span(0, 4, "KNOWN", "known")])[0].rule == "known"
    assert merged([Span(3, 3, "PHONE")]) == []


def test_kinds_are_ranked_once_each() -> None:
    assert len(RANK) == len(ORDER)
    assert "PERSON" not in STRUCTURED
    assert "PHONE" in STRUCTURED
