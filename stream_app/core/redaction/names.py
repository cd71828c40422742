"""The only place for names by rule: words after a cue ("my name is", "this is", "thanks"), titles, answers.

A model finds the rest; see engines/redaction. What a rule finds is masked in the whole call.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from stream_app.core.redaction.lexicon import ACRONYMS, FILLERS, MONTHS, STATES, words
from stream_app.core.redaction.ordinary import ALSO_NAMES, ORDINARY
from stream_app.core.redaction.spans import Span
from stream_app.core.redaction.units import Unit

STRONG: tuple[tuple[str, ...], ...] = (
    ("name", "is"), ("name's",), ("names",), ("last", "name"), ("first", "name"), ("surname",), ("surname", "is"),
    ("speaking", "with"), ("speaking", "to"), ("ask", "for"), ("call", "me"), ("calls", "me"), ("mr",), ("mrs",),
    ("ms",), ("miss",), ("mister",), ("dr",), ("doctor",), ("wife",), ("husband",), ("spouse",), ("wife", "is"),
    ("husband", "is"), ("son",), ("daughter",), ("mother",), ("father",), ("brother",), ("sister",), ("name", "was"),
    ("day",), ("professor",), ("captain",),
)  # fmt: skip
"""What stands right before a name."""
WEAK: tuple[tuple[str, ...], ...] = (
    ("this", "is"), ("hi",), ("hello",), ("hey",), ("thanks",), ("thank", "you"), ("i'm",), ("i", "am"), ("it's",),
    ("added",), ("dear",), ("sure", "it's"), ("bye",), ("goodbye",), ("im",), ("that's",), ("sorry",), ("okay",),
    ("yes",), ("speaking",), ("with",), ("morning",), ("afternoon",), ("evening",), ("for",), ("welcome",),
)  # fmt: skip
"""What may stand before a name: only a word that is no ordinary one counts."""
_GREETING = re.compile(
    r"(?:(?:thank you|thanks) for calling|you(?:'ve| have) reached|welcome to|virtual assistant for)\s+(.{3,48}?)"
    r"(?=[,.?!]|\s+(?:this is|my name|how|what|you're|speaking|i'm)\b|$)",
    re.IGNORECASE,
)
_HOUSE = re.compile(
    r"\bthis is ((?:[^\W\d_]+\s){1,3})(?:national |community |federal )?"
    r"(?:bank|insurance|energy|health|support|airlines|electric|telecom|wireless|pharmacy|clinic|hotel|hotels)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+")
_ALWAYS_WEAK = frozenset(("okay", "yes", "it's", "that's", "sorry", "with", "for", "speaking", "welcome"))
"""Cues that count in turns with capitals alone, or where a name was asked for."""
_SKIPPED = words(",-") | {",", "-", ".", "uh", "um", "er"}
_AFTER = frozenset(("speaking", "here"))
_MOST_WORDS = 3
_NO_NAME = words("mhm umm hmmm yea ya ah ahh aww gotcha yall ma'am okey haha ha ooh") | MONTHS.keys()


def name_spans(units: list[Unit], text: str, asked: bool, organisations: frozenset[str]) -> list[Span]:
    """Names by their cues. `asked`: a name was asked for just now; `organisations`: lower-case words that are none."""
    found: list[Span] = []
    cased = text != text.lower()
    words = [unit.value for unit in units]
    for at, word in enumerate(words):
        strong = word in _STRONG_BY_LAST and _ends(words, at, _STRONG_BY_LAST[word])
        weak = not strong and word in _WEAK_BY_LAST and _ends(words, at, _WEAK_BY_LAST[word])
        if not (strong or weak):
            continue
        if weak and word in _ALWAYS_WEAK and not asked and not (cased and word in ("it's", "with", "for")):
            continue
        if weak and word in ("with", "for", "it's") and not asked:
            continue
        first = at + 1
        while first < len(units) and (words[first] in _SKIPPED or (words[first] in FILLERS and not asked and strong)):
            first += 1
        last = _name(units, text, first, cased, strong, organisations)
        if last is not None:
            found.append(Span(units[first].start, units[last].end, "PERSON", "cue"))
    for at in range(1, len(words)):
        if words[at] in _AFTER and units[at - 1].kind == "w" and _is_name(units[at - 1], text, cased, organisations):
            first = at - 1
            if first and units[first - 1].kind == "w" and _is_name(units[first - 1], text, cased, organisations):
                first -= 1
            if words[at] == "speaking" or cased:
                found.append(Span(units[first].start, units[at - 1].end, "PERSON", "cue"))
    if asked and not found:
        found += _answer(units, text, cased, organisations)
    return found


def organisations_of(texts: Sequence[str]) -> frozenset[str]:
    """Words by which an organisation names itself ("thank you for calling Harbor Bank, this is ...")."""
    found: set[str] = set()
    for text in texts:
        for match in _GREETING.finditer(text):
            found.update(word.lower() for word in _WORD.findall(match.group(1))[:4])
        for match in _HOUSE.finditer(text):
            found.update(word.lower() for word in _WORD.findall(match.group(1)))
    return frozenset(word for word in found if len(word) > 2 and word not in ALSO_NAMES)


def _answer(units: list[Unit], text: str, cased: bool, organisations: frozenset[str]) -> list[Span]:
    """A turn of few words after a question for a name is that name."""
    names = [unit for unit in units if unit.kind == "w" and _is_name(unit, text, cased, organisations)]
    spoken = sum(unit.kind == "w" for unit in units)
    if not names or spoken > len(names) + 5:
        return []
    return [Span(unit.start, unit.end, "PERSON", "asked") for unit in names]


def _name(
    units: list[Unit], text: str, first: int, cased: bool, strong: bool, organisations: frozenset[str]
) -> int | None:
    last: int | None = None
    index = first
    while index < len(units) and index - first < _MOST_WORDS:
        unit = units[index]
        if unit.kind == "l" and last is not None and index + 1 < len(units) and units[index + 1].kind == "w":
            index += 1  # An initial.
            continue
        if unit.kind != "w":
            break
        capital = text[unit.start].isupper()
        fits = _is_name(unit, text, cased, organisations)
        if not fits and strong and unit.value in ALSO_NAMES and (capital or not cased):
            fits = True
        if not fits and last is not None and unit.value in ALSO_NAMES and (capital or not cased):
            fits = index + 1 >= len(units) or units[index + 1].kind != "w" or units[index + 1].value in ORDINARY
        if not fits:
            break
        last = index
        index += 1
    return last


def _is_name(unit: Unit, text: str, cased: bool, organisations: frozenset[str]) -> bool:
    word = unit.value.removesuffix("'s")
    if word in ORDINARY or word in organisations or word in _NO_NAME or word in STATES or word in ACRONYMS:
        return False
    return len(word) > 1 and (text[unit.start].isupper() or not cased)


def _ends(words: list[str], at: int, befores: tuple[list[str], ...]) -> bool:
    """Whether one of these stands right before the word at `at`."""
    return [] in befores or any(at >= len(before) and words[at - len(before) : at] == before for before in befores)


def _by_last(cues: tuple[tuple[str, ...], ...]) -> dict[str, tuple[list[str], ...]]:
    """By a cue's last word what stands before it: only that is compared, for each word of each call is asked."""
    lasts = dict.fromkeys(cue[-1] for cue in cues)
    return {last: tuple(list(cue[:-1]) for cue in cues if cue[-1] == last) for last in lasts}


_STRONG_BY_LAST = _by_last(STRONG)
_WEAK_BY_LAST = _by_last(WEAK)
