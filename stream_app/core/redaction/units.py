"""The only place that cuts a turn into words, and reads numerals and spelled letters, with places in the original text.

A unit is a word, a number however it is said ("double two", "forty five", "415"), a spelled letter ("b", "b as in
boy"), or a sign. Nothing is rewritten: each unit says which characters it stands for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stream_app.core.redaction.lexicon import (
    CONNECTORS,
    FILLERS,
    REPEATS,
    SCALES,
    TEENS,
    TENS,
    UNITS,
)

_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+|[^\w\s]|_")
_NUMERAL = UNITS.keys() | TEENS.keys() | TENS.keys() | REPEATS.keys()
_LETTER_JOINTS = (("as", "in"), ("for",), ("like",), ("is", "for"))


@dataclass(slots=True)
class Unit:
    """`kind`: w word, d digits, l letter, s sign. `value`: lower-case word, digits, letters, or the sign."""

    start: int
    end: int
    kind: str
    value: str
    spoken: bool = False


@dataclass(slots=True)
class Run:
    """Digits that belong together: units `first` to `last` (included), and what they come to."""

    first: int
    last: int
    start: int
    end: int
    digits: str
    groups: tuple[str, ...]
    spoken: bool


def units_of(text: str) -> list[Unit]:
    """The turn, cut up."""
    lowered = text.lower().replace("’", "'")
    if len(lowered) == len(text):
        tokens = [(*match.span(), match.group()) for match in _TOKEN.finditer(lowered)]
    else:  # A few capitals are two characters in lower case: places would move.
        tokens = [(*match.span(), match.group().lower().replace("’", "'")) for match in _TOKEN.finditer(text)]
    out: list[Unit] = []
    at = 0
    count = len(tokens)
    while at < count:
        start, end, low = tokens[at]
        if end - start > 1 and low[0].isalpha() and low not in _NUMERAL:
            out.append(Unit(start, end, "w", low))
            at += 1
            continue
        if low.isdigit():
            out.append(Unit(start, end, "d", low))
            at += 1
            continue
        if low in _NUMERAL:
            step = _number(tokens, at)
            if step is not None:
                digits, nxt = step
                letters = digits.isalpha()
                out.append(Unit(start, tokens[nxt - 1][1], "l" if letters else "d", digits, True))
                at = nxt
                continue
        if len(low) == 1 and low.isalpha() and low.isascii():
            nxt = _spelled(tokens, at)
            out.append(Unit(start, tokens[nxt - 1][1], "l", low, True))
            at = nxt
            continue
        out.append(Unit(start, end, "w" if low[0].isalpha() else "s", low))
        at += 1
    return out


def runs_of(units: list[Unit]) -> list[Run]:
    """All numbers of a turn, each as long as it goes on over fillers, dashes and commas."""
    runs: list[Run] = []
    at = 0
    count = len(units)
    while at < count:
        if units[at].kind != "d":
            at += 1
            continue
        members = [at]
        nxt = at + 1
        while nxt < count:
            ahead = nxt
            while ahead < count and ahead - nxt < 4 and units[ahead].kind != "d" and _joins(units, ahead):
                ahead += 1
            if ahead >= count or units[ahead].kind != "d":
                break
            members.append(ahead)
            nxt = ahead + 1
        first, last = members[0], members[-1]
        groups = tuple(units[index].value for index in members)
        spoken = any(units[index].spoken for index in members)
        runs.append(Run(first, last, units[first].start, units[last].end, "".join(groups), groups, spoken))
        at = nxt
    return runs


def _joins(units: list[Unit], at: int) -> bool:
    value = units[at].value
    if value == ".":
        # A full stop ends a number, a dot inside one does not.
        return at + 1 < len(units) and units[at + 1].start == units[at].end
    return value in FILLERS or value in CONNECTORS


def _spelled(tokens: list[tuple[int, int, str]], at: int) -> int:
    """Index after a letter and the word that explains it ("b as in boy")."""
    letter = tokens[at][2]
    for joint in _LETTER_JOINTS:
        word = at + 1 + len(joint)
        if word < len(tokens) and all(tokens[at + 1 + n][2] == said for n, said in enumerate(joint)):
            explained = tokens[word][2]
            if len(explained) > 1 and explained[0] == letter:
                return word + 1
    return at + 1


def _number(tokens: list[tuple[int, int, str]], at: int) -> tuple[str, int] | None:
    low = tokens[at][2]
    repeat = REPEATS.get(low)
    if repeat is not None:
        follower = tokens[at + 1][2] if at + 1 < len(tokens) else ""
        if follower in UNITS and not (follower == "o" and low == "double" and _near_letters(tokens, at)):
            return str(UNITS[follower]) * repeat, at + 2
        if len(follower) == 1 and follower.isalnum() and follower.isascii():
            return follower * repeat, at + 2
        return None
    if low == "o" and _near_letters(tokens, at):
        return None
    scaled = _cardinal(tokens, at)
    if scaled is not None:
        return scaled
    return _small(tokens, at)


def _near_letters(tokens: list[tuple[int, int, str]], at: int) -> bool:
    """Whether an "o" here is a letter: one of its neighbours is, and none is a numeral."""
    near = [tokens[index][2] for index in (at - 1, at + 1) if 0 <= index < len(tokens)]
    letters = any(len(word) == 1 and word.isalpha() and word != "o" for word in near)
    numerals = any((word in _NUMERAL and word != "o") or word.isdigit() for word in near)
    return (letters and not numerals) or not (letters or numerals or "o" in near)


def _small(tokens: list[tuple[int, int, str]], at: int) -> tuple[str, int] | None:
    low = tokens[at][2] if at < len(tokens) else ""
    if low in TENS:
        nxt = at + 1
        if nxt < len(tokens) and tokens[nxt][2] == "-" and tokens[nxt][0] == tokens[at][1]:
            nxt += 1
        follower = tokens[nxt][2] if nxt < len(tokens) else ""
        if UNITS.get(follower, 0) > 0:
            return str(TENS[low] + UNITS[follower]), nxt + 1
        return str(TENS[low]), at + 1
    if low in TEENS:
        return str(TEENS[low]), at + 1
    if low in UNITS:
        return str(UNITS[low]), at + 1
    return None


def _cardinal(tokens: list[tuple[int, int, str]], at: int) -> tuple[str, int] | None:
    """A number with hundred, thousand or more in it; None where there is none here."""
    head = _small(tokens, at)
    if head is None or head[1] >= len(tokens) or tokens[head[1]][2] not in SCALES or int(head[0]) == 0:
        return None
    total, current, nxt = 0, int(head[0]), head[1]
    smallest = 10**12
    while nxt < len(tokens):
        scale = SCALES.get(tokens[nxt][2])
        if scale is None:
            break
        if scale == 100:
            current *= 100
        else:
            if scale >= smallest:
                break
            total, current, smallest = total + current * scale, 0, scale
        nxt += 1
        follow = nxt + 1 if nxt < len(tokens) and tokens[nxt][2] == "and" else nxt
        part = _small(tokens, follow)
        if part is None or int(part[0]) == 0:
            break
        after = tokens[part[1]][2] if part[1] < len(tokens) else ""
        more = after in SCALES
        if not more and len(part[0]) == 1 and (after in UNITS or after in REPEATS) and follow == nxt:
            break  # "eight hundred five five five": digits one by one.
        if more and SCALES[after] >= smallest and current == 0:
            break
        current += int(part[0])
        nxt = part[1]
        if not more:
            break
    return str(total + current), nxt
