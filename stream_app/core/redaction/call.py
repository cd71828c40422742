"""The only place where the rules read a whole call: what was asked, what goes on over turns, what is said again.

Steps: 1 cut every turn into units, 2 the rules turn by turn with the questions that are open, 3 what a model found,
4 spread what was found over the call, 5 known values, 6 merge.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stream_app.core.redaction.addresses import address_spans, town_spans
from stream_app.core.redaction.known import NO_VALUES, KnownValues, known_spans
from stream_app.core.redaction.lexicon import CUE_OF, words
from stream_app.core.redaction.names import name_spans, organisations_of
from stream_app.core.redaction.numbers import number_spans
from stream_app.core.redaction.ordinary import ALSO_NAMES, ORDINARY
from stream_app.core.redaction.secrets import told_secrets
from stream_app.core.redaction.spans import Span, Turn, merged
from stream_app.core.redaction.spoken import date_spans, email_spans, id_spans, ip_spans
from stream_app.core.redaction.units import Run, Unit, runs_of, units_of
from stream_app.core.redaction.worth import worth_a_look
from stream_app.core.redaction.written import written_spans

NOTHING: Mapping[int, Sequence[Span]] = {}

_OPEN_FOR = 9
"""Turns that a question stays open."""
_GOES_ON_FOR = 4
"""Turns after a piece of a number in which the next piece may come."""
_SHORT_TURN = 8
"""Units; a turn as short as this that names a kind ("and the zip code") asks for it."""
_ASKING = words(
    """
    what what's which can could may would please need confirm verify read tell give provide who
    """
)
_NAME_ASKED = words("name speaking who")


@dataclass(slots=True)
class _Open:
    """The questions that are open: kind -> the turn in which it was asked."""

    asked: dict[str, int] = field(default_factory=dict)
    last_number: int = -100
    name_asked: int = -100

    def kind(self, turn: int) -> str | None:
        known = [(at, kind) for kind, at in self.asked.items() if turn - at <= _OPEN_FOR]
        return max(known)[1] if known else None

    def has(self, kind: str, turn: int) -> bool:
        return turn - self.asked.get(kind, -100) <= 3


class CallRules:
    """The rules over one call, in two parts, so that a model may look at what they leave open in between."""

    def __init__(
        self, turns: Sequence[Turn], organisations: frozenset[str] = frozenset(), before: CallRules | None = None
    ) -> None:
        """`organisations`: lower-case words that are never a person's name.

        `before`: rules that read the same call before it was masked; turns that kept their text are not cut up again.
        """
        self._texts = [turn.text for turn in turns]
        organisations = organisations | organisations_of(self._texts)
        self._organisations = organisations
        # 1. Cut every turn into units.
        cut = before.cut() if before is not None else {}
        both = [cut[text] if text in cut else _cut(text) for text in self._texts]
        self._units = [units for units, _ in both]
        self._runs = [runs for _, runs in both]
        # 2. The rules, turn by turn.
        state = _Open()
        self._found = [
            _turn_spans(number, turn, self._units[number], self._runs[number], state, organisations)
            for number, turn in enumerate(turns)
        ]

    def cut(self) -> dict[str, tuple[list[Unit], list[Run]]]:
        """Each turn's text, and what it was cut into; never changed afterwards."""
        return dict(zip(self._texts, zip(self._units, self._runs, strict=True), strict=True))

    def doubtful(self) -> list[int]:
        """Numbers of the turns that hold a word which is neither ordinary nor masked by now."""
        return [
            number
            for number, text in enumerate(self._texts)
            if worth_a_look(_blanked(text, self._found[number]), self._organisations)
        ]

    def spans(self, extra: Mapping[int, Sequence[Span]] = NOTHING, known: KnownValues = NO_VALUES) -> list[list[Span]]:
        """What is personal in each turn, in order and without overlaps. Once only.

        `extra`: what a model found, by the turn's number.
        """
        found = self._found
        # 3. What a model found.
        for number, spans in extra.items():
            found[number] += _sensible(spans, self._texts[number], self._organisations)
        # 4. Spread what was found.
        _spread(found, self._units, self._runs, self._texts, self._organisations)
        # 5. Known values.
        if known:
            known = KnownValues(known.digits, known.compact, known.words - self._organisations)
            for number, more in enumerate(known_spans(self._units, known)):
                found[number] += more
        # 6. Merge.
        return [_joined(merged(spans), self._texts[number]) for number, spans in enumerate(found)]


def _cut(text: str) -> tuple[list[Unit], list[Run]]:
    units = units_of(text)
    return units, runs_of(units)


def _blanked(text: str, spans: Sequence[Span]) -> str:
    for span in spans:
        text = text[: span.start] + " " * (span.end - span.start) + text[span.end :]
    return text


def _turn_spans(
    number: int, turn: Turn, units: list[Unit], runs: list[Run], state: _Open, organisations: frozenset[str]
) -> list[Span]:
    text = turn.text
    said = {unit.value for unit in units if unit.kind == "w"}
    kinds = {CUE_OF[word] for word in said if word in CUE_OF}
    short = len(units) <= _SHORT_TURN
    if kinds and (short or said & _ASKING or "?" in text or (runs and len(runs[-1].digits) < 7)):
        for kind in kinds:
            if kind != "LAST4" or not state.asked:
                state.asked[kind] = number
    name_asked = number - state.name_asked <= 1
    if ("name" in said and said & _ASKING) or "who" in said or {"speaking", "with"} <= said:
        state.name_asked = number
    spans = [*written_spans(text), *told_secrets(text)]
    letters = any(unit.kind == "l" for unit in units)
    if runs:
        asked = state.kind(number)
        dictating = number - state.last_number <= _GOES_ON_FOR and asked is not None
        birth = "DOB" in kinds or state.has("DOB", number)
        expiry = "CARD_EXPIRY" in kinds or state.has("CARD_EXPIRY", number)
        spans += address_spans(units, runs, text, state.has("ADDRESS", number))
        numbers = number_spans(units, runs, asked, dictating)
        spans += numbers
        spans += date_spans(units, runs, birth, expiry)
        if len(runs) > 1 or letters:
            spans += ip_spans(units)
        if numbers:
            state.last_number = number
    if letters:
        spelling = bool(said & {"spelled", "spell", "spelling", "name", "last"}) or name_asked or _all_letters(units)
        spans += id_spans(units, bool(kinds & {"MEMBER_ID", "BANK_ACCOUNT"}) or spelling)
    if "at" in said or "@" in text:
        spans += email_spans(units)
    spans += town_spans(units, text)
    spans += name_spans(units, text, name_asked, organisations)
    return spans


def _all_letters(units: list[Unit]) -> bool:
    return sum(unit.kind == "l" for unit in units) > len(units) / 2


def _sensible(spans: Sequence[Span], text: str, organisations: frozenset[str]) -> list[Span]:
    """What a model found, without ordinary words and organisations read as names."""
    kept: list[Span] = []
    for span in spans:
        named = re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)*", text[span.start : span.end].lower())
        if span.kind in ("PERSON", "CITY", "ADDRESS"):
            if named and all(word in organisations or (word in ORDINARY and word not in ALSO_NAMES) for word in named):
                continue
            if not named and span.kind == "ADDRESS" and span.end - span.start < 3:
                continue
            if len(named) == 1 and named[0] in ALSO_NAMES and not text[span.start].isupper():
                continue
        elif not any(character.isdigit() for character in text[span.start : span.end]) and span.kind != "EMAIL":
            continue
        kept.append(span)
    return kept


def _spread(
    found: list[list[Span]],
    units: list[list[Unit]],
    runs: list[list[Run]],
    texts: list[str],
    organisations: frozenset[str],
) -> None:
    """Names, e-mails and digits found once are masked wherever they are said again in the call."""
    names: set[str] = set()
    doubtful: set[str] = set()
    digits: set[str] = set()
    for number, spans in enumerate(found):
        for span in spans:
            inside = [unit for unit in units[number] if unit.start < span.end and unit.end > span.start]
            if span.kind == "PERSON":
                spelled = "".join(unit.value for unit in inside if unit.kind == "l")
                for word in [unit.value.removesuffix("'s") for unit in inside if unit.kind == "w"] + [spelled]:
                    if len(word) > 2 and word not in organisations:
                        (doubtful if word in ORDINARY else names).add(word)
            elif span.kind not in ("ADDRESS", "CITY", "URL"):
                value = "".join(unit.value for unit in inside if unit.kind == "d")
                if len(value) >= 4:
                    digits.add(value)
    if not (names or doubtful or digits):
        return
    everything = "|".join(digits)
    for number, each in enumerate(units):
        for unit in each:
            if unit.kind != "w":
                continue
            word = unit.value.removesuffix("'s")
            if word in names or (word in doubtful and _capital_inside(unit, texts[number])):
                found[number].append(Span(unit.start, unit.start + len(word), "PERSON", "spread"))
        for run in runs[number]:
            if len(run.digits) >= 4 and run.digits in everything:
                found[number].append(Span(run.start, run.end, "NUMBER", "spread"))


def _capital_inside(unit: Unit, text: str) -> bool:
    """A capital where no sentence begins."""
    before = text[: unit.start].rstrip()
    return text[unit.start].isupper() and bool(before) and before[-1] not in ".?!"


def _joined(spans: list[Span], text: str) -> list[Span]:
    """Neighbouring pieces of one name or address as one."""
    out: list[Span] = []
    for span in spans:
        last = out[-1] if out and out[-1].kind == span.kind else None
        between = text[last.end : span.start] if last is not None else ""
        near = between == " " if span.kind == "PERSON" else span.kind == "ADDRESS" and not between.strip(" ,")
        if last is not None and near:
            out[-1] = Span(last.start, span.end, span.kind, last.rule)
        else:
            out.append(span)
    return out
