"""The only place for the leak gate: what still stands in a text that is about to leave.

Structured values and known values block. Names and places are told apart: they are masked in our copy, and block
nothing, since a rule that finds all of them also finds much that is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from stream_app.core.redaction.call import NOTHING, CallRules
from stream_app.core.redaction.known import NO_VALUES, KnownValues
from stream_app.core.redaction.masks import without_masks
from stream_app.core.redaction.spans import STRUCTURED, Span, Turn


class Leaks(msgspec.Struct, frozen=True):
    """Places (turn, span) that block, and those that are masked again. Never the values."""

    blocking: tuple[tuple[int, Span], ...] = ()
    remask: tuple[tuple[int, Span], ...] = ()

    def says(self) -> tuple[str, ...]:
        """One line a kind that blocks: how often, and in which turns (from 1)."""
        where: dict[str, list[int]] = {}
        for turn, span in self.blocking:
            where.setdefault("a known value" if span.rule == "known" else span.kind, []).append(turn + 1)
        return tuple(
            f"{kind} in turn {', '.join(map(str, sorted(set(turns))[:5]))}" for kind, turns in sorted(where.items())
        )


def leaks_of(
    turns: Sequence[Turn],
    known: KnownValues = NO_VALUES,
    *,
    extra: Mapping[int, Sequence[Span]] = NOTHING,
    organisations: frozenset[str] = frozenset(),
    before: CallRules | None = None,
) -> Leaks:
    """What leaks in text that calls itself redacted. `extra`: what a model found, by the turn's number.

    `before`: the rules that masked it, or read the same text: their work is used again, their findings are not.
    """
    blank = [Turn(turn.speaker, without_masks(turn.text)) for turn in turns]
    blocking: list[tuple[int, Span]] = []
    remask: list[tuple[int, Span]] = []
    for number, spans in enumerate(CallRules(blank, organisations, before).spans(extra, known)):
        for span in spans:
            inside = blank[number].text[span.start : span.end]
            if not any(character.isalnum() for character in inside):
                continue
            (blocking if _blocks(span) else remask).append((number, span))
    return Leaks(tuple(blocking), tuple(remask))


def _blocks(span: Span) -> bool:
    if span.kind == "SECRET":
        return span.rule == "form"  # What only looks like one is masked.
    return span.rule == "known" or (span.kind in STRUCTURED and span.rule != "ner")
