"""The only place for what redaction finds and reads: turns, spans, and what a call's report counts."""

from __future__ import annotations

import msgspec


class Turn(msgspec.Struct, frozen=True):
    """One turn of a call: who spoke (`agent`, `user`, or any name), what, and when (ms from the start, if known)."""

    speaker: str
    text: str
    begin_ms: int | None = None
    end_ms: int | None = None


class Span(msgspec.Struct, frozen=True, order=True):
    """Something personal: characters `start` to `end` (left out) of a turn's original text."""

    start: int
    end: int
    kind: str
    rule: str = ""
    """What found it: `written`, `number`, `cue`, `asked`, `name`, `spread`, `known`, `ner`. No part of equality."""


ORDER = (
    "SECRET", "EMAIL", "CREDIT_CARD", "IBAN", "US_SSN", "ADDRESS", "IP", "PHONE", "DOB", "CARD_EXPIRY", "MEMBER_ID",
    "BANK_ACCOUNT", "ROUTING", "PIN_OTP", "CVV", "LAST4", "ZIP", "URL", "PERSON", "CITY", "KNOWN", "NUMBER",
)  # fmt: skip
"""Kinds; where two spans overlap the one that stands first here names both."""
RANK = {kind: rank for rank, kind in enumerate(ORDER)}
STRUCTURED = frozenset(ORDER) - {"PERSON", "CITY", "ADDRESS", "NUMBER", "KNOWN", "URL", "SECRET"}
"""Kinds that block where they leak; names and places are masked in our copy instead."""


def merged(spans: list[Span]) -> list[Span]:
    """The spans in order, overlapping ones as one: it covers both and has the weightier kind."""
    out: list[Span] = []
    for span in sorted(spans, key=lambda one: (one.start, -one.end)):
        if out and span.start < out[-1].end:
            last = out[-1]
            best = min(last, span, key=lambda one: RANK.get(one.kind, 99))
            # That a value is known outweighs how else it was found: the leak gate goes by it.
            rule = "known" if "known" in (last.rule, span.rule) else best.rule
            out[-1] = Span(last.start, max(last.end, span.end), best.kind, rule)
        elif span.end > span.start:
            out.append(span)
    return out
