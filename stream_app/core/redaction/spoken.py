"""The only place for what is said in more than digits: e-mail addresses, dates, IDs, spelled names, IPs."""

from __future__ import annotations

from stream_app.core.redaction.lexicon import ACRONYMS, ADDRESS_JOINTS, FILLERS, MONTHS, ORDINALS, TLDS, words
from stream_app.core.redaction.numbers import is_free
from stream_app.core.redaction.ordinary import ALSO_NAMES, ORDINARY
from stream_app.core.redaction.spans import Span
from stream_app.core.redaction.units import Run, Unit

_PAUSES = FILLERS - {"like", "so", "see", "me", "let", "well", "right"}
_EMAIL_STOPS = words("is it's its to use as so that's at email address mail me be under by my said")


def email_spans(units: list[Unit]) -> list[Span]:
    """Addresses read out: `john dot smith nineteen at gmail dot com`, spelled ones too."""
    found: list[Span] = []
    for at, unit in enumerate(units):
        if unit.value not in ("at", "@"):
            continue
        last = _domain(units, at + 1)
        if last is not None:
            first = _local(units, at)
            found.append(Span(units[first].start, units[last].end, "EMAIL", "spoken"))
    return found


def _domain(units: list[Unit], at: int) -> int | None:
    """Index of the last unit of `gmail dot com`; None where there is no domain."""
    index, last = at, None
    while index < len(units) and index - at < 24:
        value = units[index].value
        if value in ("dot", "period", "point", ".") and index > at:
            nxt = index + 1
            while nxt < len(units) and units[nxt].value in _PAUSES:
                nxt += 1
            spelled = "".join(unit.value for unit in units[nxt : nxt + 3])
            if nxt < len(units) and (
                units[nxt].value in TLDS or (units[nxt].kind == "w" and len(units[nxt].value) < 5)
            ):
                last = nxt
                index = nxt + 1
                continue
            if spelled in TLDS and all(unit.kind == "l" for unit in units[nxt : nxt + 3]):
                return nxt + 2
            if value == ".":
                return last
        elif last is not None:
            return last
        elif value in (",", "?", "!", ";"):
            return None
        index += 1
        if last is None and index - at > 6 and units[index - 1].kind == "w" and value not in ADDRESS_JOINTS:
            return None
    return last


def _local(units: list[Unit], at: int) -> int:
    """Index of the first unit of what stands before the "at"."""
    index = first = at
    words = 0
    while index > 0:
        unit = units[index - 1]
        joint = unit.value in ADDRESS_JOINTS and unit.value != "."
        after_joint = index < at and units[index].value in ADDRESS_JOINTS
        if unit.kind in "dl" or joint:
            if unit.kind == "l" and unit.value in "ai" and index < at and units[index].kind == "w" and not after_joint:
                break
            first = index - 1
        elif unit.value in _PAUSES and index < at and first == index:
            index -= 1
            if index == 0 or (units[index - 1].kind == "w" and units[index - 1].value in ORDINARY):
                break
            continue
        elif unit.kind == "w":
            ordinary = unit.value in ORDINARY and unit.value not in ALSO_NAMES
            if not after_joint and (unit.value in _EMAIL_STOPS or (ordinary and first < at) or words >= 2):
                break
            words += not after_joint
            first = index - 1
        else:
            break
        index -= 1
    return first


def date_spans(units: list[Unit], runs: list[Run], birth: bool, expiry: bool) -> list[Span]:
    """Dates of birth (a day, a month and a year that has passed) and card expiries, said or written.

    `birth`, `expiry`: the turn, or a question that is open, speaks of one.
    """
    found: list[Span] = []
    for at, unit in enumerate(units):
        if unit.kind != "w" or unit.value not in MONTHS:
            continue
        first, last, year = _named_date(units, at)
        if year is not None and first is not None and (birth or 1900 <= year <= 2012):
            found.append(Span(units[first].start, units[last].end, "DOB", "date"))
        elif expiry and last > at and units[last].kind == "d":
            found.append(Span(unit.start, units[last].end, "CARD_EXPIRY", "date"))
        elif birth and last > at:
            found.append(Span(units[first if first is not None else at].start, units[last].end, "DOB", "date"))
    for run in runs:
        if not is_free(units, run):
            continue
        parts = run.groups
        written = not run.spoken
        if (
            written and len(parts) == 3 and _calendar(parts) and (birth or _year_of(parts) <= 2012)
            and {unit.value for unit in units[run.first : run.last + 1] if unit.kind != "d"} <= {"/", "-", "."}
        ):  # fmt: skip
            found.append(Span(run.start, run.end, "DOB", "date"))
        elif birth and 4 <= len(run.digits) <= 8:
            found.append(Span(run.start, run.end, "DOB", "date"))
        elif expiry and 3 <= len(run.digits) <= 6 and 1 <= _int(parts[0]) <= 12 and len(parts) > 1:
            found.append(Span(run.start, run.end, "CARD_EXPIRY", "date"))
    return found


def _named_date(units: list[Unit], at: int) -> tuple[int | None, int, int | None]:
    """(first unit, last unit, year) of a date around a month; the first is None where there is no day."""
    first: int | None = None
    before = at - 1
    while before >= 0 and (units[before].value == "of" or units[before].value in ("the", "-", ",", "/")):
        before -= 1
    if before >= 0 and (
        units[before].value in ORDINALS or (units[before].kind == "d" and 1 <= _int(units[before].value) <= 31)
    ):
        first = before
        if units[before].value in ORDINALS and before and units[before - 1].value in ("20", "30"):
            first = before - 1
    last, index, year = at, at + 1, ""
    seen_day = first is not None
    while index < len(units) and index - at < 12:
        unit = units[index]
        if unit.value in ORDINALS and not seen_day:
            seen_day, last, first = True, index, at if first is None else first
        elif (
            unit.value in ("20", "30")
            and index + 1 < len(units)
            and units[index + 1].value in ORDINALS
            and not seen_day
        ):
            pass
        elif unit.kind == "d" and not seen_day and len(unit.value) <= 2 and not year:
            seen_day, last, first = True, index, at if first is None else first
            if _int(unit.value) > 31:
                break
        elif unit.kind == "d" and len(year) + len(unit.value) <= 4:
            year, last = year + unit.value, index
            if len(year) == 4:
                break
        elif unit.value in ("th", "st", "nd", "rd") and unit.start == units[index - 1].end:
            last = index
        elif unit.value in FILLERS or unit.value in (",", "-", "of", "the", "/"):
            pass
        else:
            break
        index += 1
    if len(year) == 2 and first is not None:
        return first, last, 1900 + _int(year) if _int(year) > 12 else 2000 + _int(year)
    return first, last, _int(year) if len(year) == 4 and 1900 <= _int(year) <= 2035 else None


def _calendar(parts: tuple[str, ...]) -> bool:
    numbers = [_int(part) for part in parts]
    if len(parts[0]) == 4:
        return 1900 <= numbers[0] <= 2035 and numbers[1] <= 12 and numbers[2] <= 31
    return (
        len(parts[2]) in (2, 4) and max(numbers[:2]) <= 31 and min(numbers[:2]) in range(1, 13) and len(parts[0]) <= 2
    )


def _year_of(parts: tuple[str, ...]) -> int:
    return _int(parts[0] if len(parts[0]) == 4 else parts[2]) if len(parts[2]) == 4 or len(parts[0]) == 4 else 2013


def id_spans(units: list[Unit], cued: bool) -> list[Span]:
    """Letters and digits said one after the other (IDs, IBANs), and names that are spelled."""
    found: list[Span] = []
    at = 0
    while at < len(units):
        if units[at].kind not in "ld" or (units[at].kind == "l" and _stray(units, at)):
            at += 1
            continue
        members = [at]
        nxt = at + 1
        while nxt < len(units):
            ahead = nxt
            while (
                ahead < len(units) and ahead - nxt < 3 and (units[ahead].value in _PAUSES or units[ahead].value in ",-")
            ):
                ahead += 1
            if ahead >= len(units) or units[ahead].kind not in "ld":
                break
            members.append(ahead)
            nxt = ahead + 1
        if "".join(units[index].value for index in members[-2:]) in ("am", "pm") and len(members) > 2:
            members = members[:-2]  # A time.
        while members and units[members[-1]].kind == "l" and _trailing(units, members):
            members.pop()
        if members:
            span = _judged(units, members, cued)
            if span is not None:
                found.append(span)
        at = nxt
    return found


def _judged(units: list[Unit], members: list[int], cued: bool) -> Span | None:
    letters = "".join(units[index].value for index in members if units[index].kind == "l")
    digits = "".join(units[index].value for index in members if units[index].kind == "d")
    start, end = units[members[0]].start, units[members[-1]].end
    if letters and digits:
        if units[members[-1]].kind == "l" and letters in ("am", "pm"):
            return None
        enough = len(digits) >= (3 if cued else 4) and len(letters) + len(digits) >= 5
        return Span(start, end, "MEMBER_ID", "spoken") if enough else None
    if len(letters) >= 3 and letters not in ACRONYMS and not digits:
        return Span(start, end, "PERSON", "spelled") if len(letters) >= 4 or cued or len(set(letters)) > 1 else None
    return None


def _stray(units: list[Unit], at: int) -> bool:
    """An "a" or "I" that is a word: no letter or digit follows it."""
    if units[at].end - units[at].start > 1:
        return False
    follower = units[at + 1].kind if at + 1 < len(units) else ""
    if units[at].value in "ai":
        return follower != "l"
    return follower not in ("l", "d", "s")


def _trailing(units: list[Unit], members: list[int]) -> bool:
    """Whether the last letter belongs to what follows ("... five i check it")."""
    last = members[-1]
    follower = units[last + 1].kind if last + 1 < len(units) else ""
    return units[last].value in "ai" and follower == "w" and units[members[0]].kind != "l"


def ip_spans(units: list[Unit]) -> list[Span]:
    """Four numbers with "dot" between them."""
    found: list[Span] = []
    parts: list[tuple[int, int, str]] = []
    at = 0
    while at <= len(units):
        unit = units[at] if at < len(units) else None
        if unit is not None and unit.kind == "d":
            first, value = at, unit.value
            while at + 1 < len(units) and units[at + 1].kind == "d":
                at += 1
                value += units[at].value
            parts.append((first, at, value))
            joint = units[at + 1].value if at + 1 < len(units) else ""
            if joint not in ("dot", "point", "."):
                found += _four(units, parts)
                parts = []
            else:
                at += 1
        else:
            found += _four(units, parts)
            parts = []
        at += 1
    return found


def _four(units: list[Unit], parts: list[tuple[int, int, str]]) -> list[Span]:
    if len(parts) < 4 or not all(_int(value) <= 255 for _, _, value in parts[:4]):
        return []
    return [Span(units[parts[0][0]].start, units[parts[3][1]].end, "IP", "spoken")]


def _int(text: str) -> int:
    return int(text) if text.isdigit() else 0
