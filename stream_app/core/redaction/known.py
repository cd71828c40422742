"""The only place that looks for known values: what metadata and tool arguments say of a call, in any spoken form.

A value is compared by its letters and digits alone: `+1 500 555 0142`, "five hundred five five five ..." and "five oh
oh ..." come to the same digits, and so does a number given over several turns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stream_app.core.redaction.lexicon import ADDRESS_JOINTS
from stream_app.core.redaction.ordinary import ORDINARY
from stream_app.core.redaction.spans import Span
from stream_app.core.redaction.units import Unit

_SHORT_DIGITS = 4
"""Shorter values (a CVV, a house number) are in too many sentences to be looked for."""
_SHORT_WORD = 3


@dataclass(frozen=True, slots=True)
class KnownValues:
    """Values of one call: digit strings, letter-and-digit IDs, e-mails and words, all in their compared form."""

    digits: frozenset[str] = frozenset()
    compact: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.digits or self.compact or self.words)


NO_VALUES = KnownValues()


def known_values(values: Iterable[object]) -> KnownValues:
    """From raw values (text, numbers, lists of them) to their compared forms. Ordinary words are passed over."""
    digits: set[str] = set()
    compact: set[str] = set()
    words: set[str] = set()
    for value in _flat(values):
        bare = re.sub(r"[^0-9a-z]", "", value.lower())
        if bare.isdigit():
            if len(bare) >= _SHORT_DIGITS and len(set(bare)) > 1:
                digits.add(bare)
                if len(bare) == 11 and bare[0] == "1":
                    digits.add(bare[1:])
        elif (
            any(character.isdigit() for character in bare) and len(bare) >= 5 and " " not in value.strip()
        ) or "@" in value:
            compact.add(bare)
        else:
            parts = re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", value.lower())
            words.update(part for part in parts if len(part) >= _SHORT_WORD and part not in ORDINARY)
    return KnownValues(frozenset(digits), frozenset(compact), frozenset(words))


def known_spans(turns: Sequence[list[Unit]], known: KnownValues) -> list[list[Span]]:
    """Where known values stand, a list a turn."""
    found: list[list[Span]] = [[] for _ in turns]
    if not known:
        return found
    if known.words:
        for number, units in enumerate(turns):
            found[number] += [
                Span(unit.start, unit.end, "PERSON", "known")
                for unit in units
                if unit.kind == "w" and unit.value.removesuffix("'s") in known.words
            ]
    if known.digits:
        _stream(turns, known.digits, found, letters=False, kind="KNOWN")
    if known.compact:
        _stream(turns, known.compact, found, letters=True, kind="KNOWN")
        for number, units in enumerate(turns):
            found[number] += _compact(units, known.compact)
    return found


def _stream(
    turns: Sequence[list[Unit]], values: frozenset[str], found: list[list[Span]], *, letters: bool, kind: str
) -> None:
    """Values in the digits (and spelled letters) of the call, in a row over the edges of units and turns."""
    characters: list[str] = []
    owners: list[tuple[int, Unit]] = []
    last_turn = -1
    for number, units in enumerate(turns):
        for unit in units:
            if unit.kind == "d" or (letters and unit.kind == "l"):
                if last_turn >= 0 and number - last_turn > 4:
                    characters.append("|")
                    owners.append((number, unit))
                last_turn = number
                for character in unit.value:
                    characters.append(character)
                    owners.append((number, unit))
            elif letters and unit.kind == "w" and len(unit.value) > 4 and characters[-1:] not in ([], ["|"]):
                characters.append("|")
                owners.append((number, unit))
    line = "".join(characters)
    for value in values:
        at = line.find(value)
        while at >= 0:
            mark = owners[at : at + len(value)]
            for number in {turn for turn, _ in mark}:
                mine = [unit for turn, unit in mark if turn == number]
                found[number].append(Span(mine[0].start, mine[-1].end, kind, "known"))
            at = line.find(value, at + 1)


def _compact(units: list[Unit], values: frozenset[str]) -> list[Span]:
    """IDs and e-mails in one turn: written, or read out with "dot" and "at"."""
    found: list[Span] = []
    pieces: list[str] = []
    owners: list[Unit] = []
    for unit in units:
        value = unit.value
        if unit.kind == "s" or value in ADDRESS_JOINTS or value == "at":
            continue
        for character in value:
            pieces.append(character)
            owners.append(unit)
    line = "".join(pieces)
    for value in values:
        if len(value) < 5:
            continue
        at = line.find(value)
        while at >= 0:
            found.append(Span(owners[at].start, owners[at + len(value) - 1].end, "KNOWN", "known"))
            at = line.find(value, at + 1)
    return found


def _flat(values: Iterable[object]) -> Iterable[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, bool) or value is None:
            continue
        elif isinstance(value, int | float):
            yield str(value)
        elif isinstance(value, dict):
            yield from _flat(value.values())
        elif isinstance(value, list | tuple):
            yield from _flat(value)
