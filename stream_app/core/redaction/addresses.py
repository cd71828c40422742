"""The only place for postal addresses: a house number, a street, a unit, a town, a state, a ZIP, said or written."""

from __future__ import annotations

from stream_app.core.redaction.lexicon import (
    DWELLINGS,
    FILLERS,
    STATE_CODES,
    STATE_PAIRS,
    STATES,
    STREETS,
    SURE_STREETS,
    words,
)
from stream_app.core.redaction.ordinary import ORDINARY
from stream_app.core.redaction.spans import Span
from stream_app.core.redaction.units import Run, Unit

_FAR = 6
_SMALL = words(
    """
    the a an to of in on at for is was are from with and or but my your we i you it this that per more less every times
    minutes hours dollars days miles feet percent
    """
)
_BEFORE_ZIP = FILLERS | {",", ".", "zip", "code"}
_COMPASS = words("north south east west new lake port saint st fort mount el los san santa la")


def address_spans(units: list[Unit], runs: list[Run], text: str, asked: bool) -> list[Span]:
    """Addresses that begin with a number. `asked`: somebody asked for one."""
    found: list[Span] = []
    by_first = {run.first: run for run in runs}
    covered = -1
    for run in runs:
        if run.first <= covered or len(run.digits) > 6:
            continue
        last = _address(units, run, by_first, text, asked)
        if last is not None:
            found.append(Span(run.start, units[last].end, "ADDRESS", "address"))
            covered = last
    return found


def _address(units: list[Unit], run: Run, by_first: dict[int, Run], text: str, asked: bool) -> int | None:
    index = run.last + 1
    street: int | None = None
    sure = False
    counted = 0
    # The street: up to five words, the last of them a street word where there is one.
    while index < len(units) and counted < 6:
        unit = units[index]
        if unit.value in FILLERS and unit.value not in ("well",):
            index += 1
            continue
        if unit.value in DWELLINGS or _state(units, index, text):
            break
        if unit.value in STREETS and counted:
            street, sure = index, unit.value in SURE_STREETS
            follower = units[index + 1].value if index + 1 < len(units) else ""
            if follower in SURE_STREETS:  # "Copper Ridge Road"
                street, sure = index + 1, True
            break
        if (
            unit.kind == "l"
            or (unit.kind == "w" and unit.value not in ORDINARY)
            or unit.value in _COMPASS
            or (unit.kind == "w" and text[unit.start].isupper() and unit.value not in ("i",))
            or (
                unit.kind == "w" and _street_ahead(units, index) and (asked or _cued(units, run) or len(run.digits) > 2)
            )
        ):
            counted += 1
        elif unit.value in ("'", "-") or (unit.value == "." and counted):
            pass
        elif unit.value == "," and counted:
            break
        else:
            break
        index += 1
    reach = index - 1
    last = street
    if street is not None and counted > 3:
        sure = False
    place = _place(units, street + 1 if street is not None else run.last + 1, by_first, text)
    if place is not None:
        last = max(place, last or 0)
    if last is None or not (sure or place is not None or asked or _cued(units, run)):
        if counted and asked and street is None and reach > run.last and _cued(units, run):
            return reach
        if street is None or counted == 0:
            return None
        # A street word that may be another: a capital or an uncommon word between must speak for it.
        between = [unit for unit in units[run.last + 1 : street] if unit.kind == "w"]
        if len(run.digits) < 2 or not all(unit.value not in ORDINARY or text[unit.start].isupper() for unit in between):
            return None
        last = street
    return last


def _street_ahead(units: list[Unit], index: int) -> bool:
    """Whether this ordinary word is part of a street's name ("old mill drive"): no small word, a street word near."""
    near = [unit.value for unit in units[index : index + 4]]
    if any(unit.kind != "w" for unit in units[index : index + 2]) or near[0] in _SMALL:
        return False
    return any(value in SURE_STREETS for value in near[1:3]) and not _SMALL.intersection(near[:2])


def _place(units: list[Unit], at: int, by_first: dict[int, Run], text: str) -> int | None:
    """Index of the last unit of "apartment two, springfield, ohio four three five nine two"; None without any."""
    last: int | None = None
    index, steps = at, 0
    while index < len(units) and steps < 2 + _FAR:
        unit = units[index]
        if unit.value in DWELLINGS and index + 1 < len(units):
            following = index + 1
            while following < len(units) and (units[following].value in FILLERS or units[following].value in ".#"):
                following += 1
            run = by_first.get(following)
            if run is not None:
                last = run.last
                if last + 1 < len(units) and units[last + 1].kind == "l":
                    last += 1
                # A unit's number and what follows it are one run where no word stands between.
                index = last + 1
                continue
            if following < len(units) and units[following].kind == "l":
                last = following
                index = following + 1
                continue
        length = _state(units, index, text)
        if length and steps <= _FAR:
            last = index + length - 1
            zip_at = index + length
            while zip_at < len(units) and units[zip_at].value in _BEFORE_ZIP:
                zip_at += 1
            run = by_first.get(zip_at)
            if run is not None and 3 <= len(run.digits) <= 9:
                last = run.last
            return last
        run = by_first.get(index)
        if run is not None and 5 <= len(run.digits) <= 9 and steps <= 4 and (steps or last is not None):
            return run.last
        if unit.kind in "w" and (unit.value not in ORDINARY or unit.value in _COMPASS or text[unit.start].isupper()):
            steps += 1
        elif unit.value in (",", ".", "'", "-", "in") or unit.value in FILLERS:
            pass
        else:
            break
        index += 1
    return last


def _state(units: list[Unit], at: int, text: str) -> int:
    """How many units of a state's name stand here: 0, 1 or 2."""
    unit = units[at]
    if unit.value in STATES:
        return 1
    if at + 1 < len(units) and f"{unit.value} {units[at + 1].value}" in STATE_PAIRS:
        return 2
    return 1 if len(unit.value) == 2 and text[unit.start : unit.end] in STATE_CODES else 0


def _cued(units: list[Unit], run: Run) -> bool:
    near = [unit.value for unit in units[max(0, run.first - 4) : run.first]]
    return bool({"address", "street", "live", "lives", "residence", "ship", "located"}.intersection(near)) or (
        bool(near) and near[-1] == "at" and len(near) > 1 and near[-2] in ("i'm", "am", "live", "reside", "located")
    )


def town_spans(units: list[Unit], text: str) -> list[Span]:
    """Towns that an address leaves open: "in South Phillip", after "city is"."""
    found: list[Span] = []
    for at in range(1, len(units) - 1):
        if units[at].value not in _COMPASS or units[at - 1].value not in ("in", "from", "to", "city"):
            continue
        follower = units[at + 1]
        if follower.kind == "w" and follower.value not in ORDINARY and len(follower.value) > 3:
            cased = text[follower.start].isupper() or text.islower()
            if cased and follower.value not in STATES:
                found.append(Span(units[at].start, follower.end, "CITY", "cue"))
    return found
