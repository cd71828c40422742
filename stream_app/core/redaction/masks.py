"""The only place that puts masks in the place of what is personal: the same value, the same mask, in a whole call."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stream_app.core.redaction.spans import Span
from stream_app.core.redaction.units import units_of

MASK = re.compile(r"\[[A-Z][A-Z0-9_]*\]|<[A-Z][A-Z0-9_]*>|\[\[?(?:REDACTED|redacted)\]?\]")
"""What masks look like: ours, and those of providers ([PII], [NAME_1], <PHONE>)."""
_NAMES = {"US_SSN": "SSN", "CREDIT_CARD": "CARD", "BANK_ACCOUNT": "ACCOUNT", "MEMBER_ID": "ID", "PIN_OTP": "CODE",
          "CARD_EXPIRY": "EXPIRY", "PERSON": "NAME", "KNOWN": "VALUE", "CITY": "PLACE"}  # fmt: skip


class Masks:
    """The masks of one call, numbered in the order in which values come."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    def of(self, kind: str, value: str) -> str:
        """`[PHONE_1]`: the same for a value however it was said."""
        name = _NAMES.get(kind, kind)
        bare = compared(value)
        if name == "NAME":
            # "Christina Olivier" and "Christina" are one person where the first is known.
            for (other, said), mask in self._given.items():
                if other == name and (bare in said.split() or set(said.split()) <= set(bare.split())):
                    return mask
        if name == "SPEAKER":
            bare = value
        digits = re.sub(r"\D", "", bare)
        for (_, said), mask in self._given.items():
            if len(digits) >= 4 and re.sub(r"\D", "", said) == digits:
                return mask
        key = (name, bare)
        if key not in self._given:
            self._counts[name] = self._counts.get(name, 0) + 1
            self._given[key] = f"[{name}_{self._counts[name]}]"
        return self._given[key]


def compared(value: str) -> str:
    """What two sayings of a value have in common: digits and letters; words of a name apart."""
    parts: list[str] = []
    last = "w"
    for unit in units_of(value):
        if unit.kind == "s":
            continue
        if parts and unit.kind in "dl" and last in "dl":
            parts[-1] += unit.value
        else:
            parts.append(unit.value)
        last = unit.kind
    return " ".join(parts)


def masked(text: str, spans: Sequence[Span], masks: Masks) -> str:
    """The text with a mask for each span (in order, without overlaps)."""
    out: list[str] = []
    at = 0
    for span in spans:
        out += [text[at : span.start], masks.of(span.kind, text[span.start : span.end])]
        at = span.end
    return "".join([*out, text[at:]])


def without_masks(text: str) -> str:
    """The text with spaces where masks stand, so that offsets stay."""
    hashes = re.sub(r"#(?:[ -]?#)+", lambda match: " " * len(match.group()), text)
    return MASK.sub(lambda match: " " * len(match.group()), hashes)
