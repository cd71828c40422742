"""The only place that decides which numbers of a turn are personal, and of what kind.

A number of seven digits or more is, unless it is money. A shorter one needs a word that announces it, in its turn or
in a question that is still open, and no word that makes it an amount, a time or a count.
"""

from __future__ import annotations

import re

from stream_app.core.redaction.lexicon import CUE_OF, FILLERS, MONEY, NOT_PERSONAL_AFTER, NOT_PERSONAL_BEFORE, words
from stream_app.core.redaction.spans import Span
from stream_app.core.redaction.units import Run, Unit
from stream_app.core.redaction.written import luhn, routing

_WEAK = frozenset(("ADDRESS", "EMAIL", "DOB"))
"""Kinds whose word near a short number says nothing of it."""
_CODES = {"area": "PHONE", "zip": "ZIP", "postal": "ZIP", "security": "CVV"}
"""What a "code" is by the word before it."""
_DIALLED = re.compile(r"1?[2-9]\d{2}[2-9]\d{6}")
"""A number of the North American plan: area code, exchange, line."""
_ASKED_FROM = 3
_REACH_BEFORE, _REACH_AFTER = 9, 6
_SAID_WITH = words(
    """
    it's its it is yes yeah okay ok sure and then the that's uh um so my number let me find see last one rest
    please well right oh but here i got have number's is um-hum alright correct hmm
    """
)
"""Words around a number that make no sentence of their own: the turn is an answer."""


def number_spans(units: list[Unit], runs: list[Run], asked: str | None, dictating: bool) -> list[Span]:
    """The personal numbers. `asked`: the kind somebody asked for lately; `dictating`: one was being given just now."""
    found: list[Span] = []
    for run in runs:
        kind, rule = _kind(units, run, asked, dictating)
        if kind:
            found.append(Span(_from_area_code(units, run), run.end, kind, rule))
    return found


def _from_area_code(units: list[Unit], run: Run) -> int:
    """Start of the number, "area code" included: it says what the next digits are."""
    said = [unit.value for unit in units[max(0, run.first - 2) : run.first]]
    return units[run.first - 2].start if said == ["area", "code"] else run.start


def _kind(units: list[Unit], run: Run, asked: str | None, dictating: bool) -> tuple[str | None, str]:
    count = len(run.digits)
    before, after = _word(units, run.first - 1), _word(units, run.last + 1)
    if before in MONEY or after in MONEY:
        return None, ""
    cue = _cue(units, run)
    if count >= 7:
        return _long(run.digits, cue or asked), "number"
    if count < 3 and not (dictating or asked):
        return None, ""
    if not is_free(units, run) or (count == 1 and before in ("last", "first", "next")):
        return None, ""
    if before in NOT_PERSONAL_BEFORE and not cue:
        return None, ""
    if cue and cue not in _WEAK and count >= _ASKED_FROM:
        return ("LAST4" if cue == "US_SSN" and count == 4 else cue), "cue"
    if asked and asked not in ("EMAIL", "ADDRESS", "DOB") and not _year(run.digits, before):
        bare = _bare(units, run)
        if (count >= _ASKED_FROM and (bare or (dictating and _mostly(units, run)))) or (
            bare and count >= (1 if dictating else 2)
        ):
            return asked, "asked"
    if asked == "ADDRESS" and count == 5 and not _year(run.digits, before):
        return "ZIP", "asked"
    return None, ""


def is_free(units: list[Unit], run: Run) -> bool:
    """Whether nothing around the number makes it a time, an amount, a count, a range ("between 91 and 53") or a
    flight ("BA2490")."""
    before, after = _word(units, run.first - 1), _word(units, run.last + 1)
    if after in NOT_PERSONAL_AFTER or before in MONEY or _clock(units, run):
        return False
    glued = run.first > 0 and units[run.first - 1].end == run.start and units[run.first - 1].kind in "wl"
    if before == "between" and _two(units, run):
        return False
    near = [unit.value for unit in units[max(0, run.first - 3) : run.first]]
    return not glued and "flight" not in near


def _two(units: list[Unit], run: Run) -> bool:
    """Whether this is a range: two numbers with "and" between them, and no other joint."""
    return [unit.value for unit in units[run.first : run.last + 1] if unit.kind != "d"] == ["and"]


def _long(digits: str, cue: str | None) -> str:
    count = len(digits)
    if 13 <= count <= 19 and (luhn(digits) or cue == "CREDIT_CARD"):
        return "CREDIT_CARD"
    if cue in ("US_SSN", "ROUTING", "BANK_ACCOUNT", "MEMBER_ID", "CREDIT_CARD", "PIN_OTP", "PHONE"):
        if cue == "BANK_ACCOUNT" and count == 9 and routing(digits):
            return "ROUTING"
        return cue
    if count == 9:
        return "US_SSN"
    if count in (7, 10) or (count == 11 and digits[0] == "1"):
        return "PHONE"
    return "BANK_ACCOUNT"


def _cue(units: list[Unit], run: Run) -> str | None:
    """The kind announced nearest before the number, or right after it."""
    low = max(0, run.first - _REACH_BEFORE)
    for index in range(run.first - 1, low - 1, -1):
        unit = units[index]
        if unit.value in ("?", "!") or (unit.kind == "d" and run.first - index > 4):
            break
        kind = CUE_OF.get(unit.value) if unit.kind == "w" else None
        if unit.value == "code" and index:
            kind = _CODES.get(units[index - 1].value, kind)
        if kind == "MEMBER_ID" and unit.value == "number":
            # "My number is …" says nothing of its kind: then its form does.
            kind = _of_the_number(units, index) or ("PHONE" if _DIALLED.fullmatch(run.digits) else kind)
        if kind:
            return kind
    for unit in units[run.last + 1 : run.last + 1 + _REACH_AFTER]:
        if unit.kind == "d" or unit.value in (".", "?", "!", "but"):
            break
        kind = CUE_OF.get(unit.value) if unit.kind == "w" else None
        if kind and kind not in ("PHONE", "LAST4", "CARD_EXPIRY"):
            return kind
    return None


def _of_the_number(units: list[Unit], index: int) -> str | None:
    for unit in units[max(0, index - 3) : index]:
        kind = CUE_OF.get(unit.value)
        if kind:
            return kind
    return None


def _clock(units: list[Unit], run: Run) -> bool:
    after, second = _word(units, run.last + 1), _word(units, run.last + 2)
    if after in ("a", "p") and second == "m":
        return True
    return after == ":" or (_word(units, run.first - 1) == ":" and _word(units, run.first - 2).isdigit())


def _bare(units: list[Unit], run: Run) -> bool:
    """Whether the turn says nothing but this number, fillers and words of an answer."""
    outside = units[: run.first] + units[run.last + 1 :]
    return all(unit.kind != "w" or unit.value in _SAID_WITH or unit.value in FILLERS for unit in outside)


def _mostly(units: list[Unit], run: Run) -> bool:
    """Whether few words of the turn are about something else than the number."""
    outside = units[: run.first] + units[run.last + 1 :]
    other = sum(unit.kind == "w" and unit.value not in _SAID_WITH and unit.value not in FILLERS for unit in outside)
    return other <= 4


def _year(digits: str, before: str) -> bool:
    return len(digits) == 4 and digits[:2] in ("19", "20") and before in ("in", "since", "of", "back", "until", "year")


def _word(units: list[Unit], at: int) -> str:
    return units[at].value if 0 <= at < len(units) else ""
