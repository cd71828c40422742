"""The only place that knows what a phone number looks like, and what only looks like one.

A number in its international form (`+1 555 010 0147`, `%2B1555…`, `0044 20 …`) is known anywhere, a national one by its
groups (`(555) 010-0147`, `020 7946 0958`). Digits alone could be an order or a moment as well: those are a number where
what stands before them says so (`sip:`, `phone=`, `caller_`), or where the payload names that number elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from stream_app.core.wire import Json
from stream_app.providers.reading import fold, parsed

PHONE = "[phone]"

_SEPARATOR = r"(?:[ .()/_\u00a0\u2007\u2009\u202f\u2010-\u2015\u2212-]|%20|%2[89DdEeFf])"
_PLUS = r"(?:[+\uff0b]|%(?:25)?2[Bb]|&#43;|&plus;|\\u002[Bb])"
_INTERNATIONAL = re.compile(rf"{_PLUS}\(?(?:[1-9]\d{{9,14}}(?!\d)|[1-9](?:(?:{_SEPARATOR}|\+){{0,3}}\d){{6,14}}(?!\d))")
_DECIMAL = re.compile(r"\+[1-9]\d{3,8}\.\d+")
"""`+1234567.89`: no country's number has a single point so late."""
_EXIT = re.compile(
    rf"(?<![\w.,:/+-])(?:00|011)(?:[ \u00a0-]?)(?=[1-9])((?:{_SEPARATOR}{{0,2}}\d){{8,15}})(?![\w]|[.-]\w)"
)
_GROUPED = re.compile(
    rf"(?<!\d)(?:1{_SEPARATOR}{{1,2}})?(?:(?:\(|%28)[2-9]\d\d(?:\)|%29){_SEPARATOR}{{0,2}}|[2-9]\d\d{_SEPARATOR})"
    rf"\d{{3}}{_SEPARATOR}\d{{4}}(?!\d)"
)
"""North America: 3-3-4."""
_TRUNK = re.compile(
    r"(?<![\w.,/+-])(?<!\d:)\(?0[1-9]\d{0,4}\)?(?:([ \u00a0]|[-./])\(?\d{2,8}\)?)(?:\1\d{2,8}){0,4}(?![\w]|[.,:/-]\w)"
)
"""Elsewhere: a 0 and groups, all parted alike."""
_MARKED = re.compile(
    r"(?<![A-Za-z0-9])(?:sips?|tel|phone|mobile|msisdn|caller|callee|callto|whatsapp|sms|fax|call-_)[-_.:=/]{0,3}"
    r"(\d{10,15})(?![0-9A-Za-z])",
    re.IGNORECASE,
)
_LINKED = re.compile(r"(?<![A-Za-z0-9])(?:tel|callto|sms|fax):/{0,2}(\(?\d[\d ().-]{5,20}\d)", re.IGNORECASE)
_KEYED = re.compile(
    r"(?<![A-Za-z0-9_])([A-Za-z][A-Za-z0-9_.-]{0,39})[\\\"'\s]{0,4}[:=][\\\"'\s]{0,4}"
    r"(\+?\d{7,15}(?!\d)|\+?\(?\d[\d ().-]{5,22}\d)"
)
_SPOKEN = re.compile(
    r"\b(?:(?:tele)?phone|mobile|cell|tel|whatsapp|callback|fax|dial(?:l?ed)?"
    r"|(?:call|reach|text)(?:ed|ing)?(?: me| us| you| him| her| them)?(?: back)?(?: at| on))\b[^\d+\n]{0,24}"
    r"(\(?\d(?:[ ().-]{0,2}\d){9,14})(?!\d)",
    re.IGNORECASE,
)
_MAYBE = re.compile(r"(?:\d\D{0,8}){6}\d")
"""Without seven digits near to each other there is no number."""

_RUN = re.compile(rf"\d(?:(?:{_SEPARATOR}|\+){{0,3}}\d){{6,}}")
_STEP = re.compile(rf"{_SEPARATOR}|\+|\d")
_BEFORE = re.compile(rf"(?:{_PLUS}|\(|%28)+\Z")
_NUMBER = re.compile(r"[\s+\uff0b().\d/_\u00a0\u2007\u2009\u202f\u2010-\u2015\u2212-]{7,32}")
_ADDRESS = re.compile(r"(?:[^<]*<)?\s*(?:(?:sips?|tel|callto|whatsapp|sms|rcs):(?://)?)?([^@;>]*)", re.IGNORECASE)
_DATE = re.compile(r"(?:19|20)\d\d-\d\d-\d\d|[0-3]?\d[-./ ][0-3]?\d[-./ ](?:19|20)\d\d(?!\d)")
_COMPACT_DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])?(?:[0-5]\d){0,2}")
_COUNTRY = re.compile(r"1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3}")
"""Country codes; all but these have three digits."""

_KEY = re.compile(
    r"phone|msisdn|callerid|call(?:ed|ing)party|mobile|whatsapp|\bfax"
    r"|(?:caller|called|callee|calling|from|to|cell|agent|external|customer|user|dial(?:l?ed)?|callback|contact|destination|source"
    r"|home|work|office|daytime|emergency|forward(?:ing)?|transfer(?:to)?|twilio|inbound|outbound|trunk|virtual|sms)number"
)
_NO_KEY = re.compile(r"(?:(?<!caller)id|sid|at|time|count|code|type|version|status|provider|price|cost|ms|timestamp)\Z")
_WEAK_KEYS = frozenset({"from", "to", "callback"})
_PLAIN_KEYS = frozenset({"caller", "called", "callee", "ani", "dnis", "tel", "cell", "fax", "diversion", "remoteparty"})
_NEUTRAL = frozenset(
    {
        "value",
        "stringvalue",
        "intvalue",
        "number",
        "address",
        "raw",
        "e164",
        "national",
        "nationalnumber",
        "user",
        "uri",
    }
)
"""Names that say of what they hold no more than the name above them."""
_PEOPLE = frozenset({"customer", "destination", "contact", "endpoint", "customerendpoint", "systemendpoint", "party"})
_LONGEST_READ = 1 << 20
"""A longer text is audio, and nobody names a number in it."""


def spans(text: str, known: frozenset[str] = frozenset()) -> list[tuple[int, int]]:
    """Where phone numbers stand in a text, in order and apart; `known` are digits as `named_in` gives them."""
    if not _MAYBE.search(text):
        return []
    found: list[tuple[int, int]] = []
    for place, last in sorted((*_shaped(text), *_told(text), *_known(text, known))):
        if found and place <= found[-1][1]:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((place, last))
    return found


def holds(text: str, known: frozenset[str] = frozenset()) -> bool:
    """Whether a phone number stands in this text."""
    return bool(spans(text, known))


def blotted(text: str, known: frozenset[str] = frozenset()) -> str:
    """The text without its phone numbers."""
    for start, end in reversed(spans(text, known)):
        text = text[:start] + PHONE + text[end:]
    return text


def named_in(document: Json) -> frozenset[str]:
    """Every phone number that a payload names as one or writes in full: its digits, with and without the country's."""
    return frozenset(form for number in _numbers(document, "") for form in _forms(number))


def is_number_at(key: str, value: Any) -> bool:
    """Whether this value is a phone number, given the name it stands under."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return False
    if isinstance(value, float):
        value = int(value) if value.is_integer() and abs(value) < 1e15 else ""
    return _is_key(key) and _digits(str(value), least=10 if fold(key) in _WEAK_KEYS else 7) is not None


def context(above: str, name: str, beside: dict[str, Any]) -> str:
    """Under which name a value counts: its own, the one above (`{"phone": {"value": …}}`), or the one beside it.

    OTLP and lists of headers write a field as an object of its key and its value.
    """
    folded = fold(name)
    if folded == "value":
        named = beside.get("key", beside.get("name"))
        return named if isinstance(named, str) else above
    if folded not in _NEUTRAL:
        return name
    return "phone" if fold(above) in _PEOPLE and folded in ("number", "address") else above


def _shaped(text: str) -> Iterator[tuple[int, int]]:
    """Numbers that are known by their shape."""
    for match in _INTERNATIONAL.finditer(text):
        if not _DECIMAL.fullmatch(match[0]):
            yield match.span()
    for match in _EXIT.finditer(text):
        digits = _only_digits(match[1])
        if len(digits) >= (11 if len(digits) == len(match[1]) else 8) and _plausible(digits, 8):
            yield match.span()
    for match in _GROUPED.finditer(text):
        yield match.span()
    for match in _TRUNK.finditer(text):
        if _has_trunk_groups(match[0]):
            yield match.span()


def _has_trunk_groups(number: str) -> bool:
    groups = re.findall(r"\d+", number)
    if not 9 <= sum(map(len, groups)) <= 11 or _DATE.match(number):
        return False
    # Orders are parted by hyphens as well, but end otherwise.
    return "-" not in number or len(groups[-1]) in (3, 4) or (len(groups) == 2 and len(groups[-1]) >= 6)


def _told(text: str) -> Iterator[tuple[int, int]]:
    """Numbers that are known by what stands before them."""
    for match in _MARKED.finditer(text):
        if _plausible(match[1], 10):
            yield match.span(1)
    for pattern in (_LINKED, _SPOKEN):
        for match in pattern.finditer(text):
            if _digits(match[1], least=7) is not None:
                yield match.span(1)
    for match in _KEYED.finditer(text):
        if is_number_at(match[1], match[2]):
            yield match.span(2)


def _known(text: str, known: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Numbers that were named elsewhere, however they are grouped here, also inside of longer words."""
    lengths = sorted({len(one) for one in known}, reverse=True)
    for run in _RUN.finditer(text) if known else ():
        places = [step.start() for step in _STEP.finditer(text, *run.span()) if text[step.start()].isdigit()]
        digits = _only_digits("".join(text[place] for place in places))
        for length in lengths:
            for begin in range(len(digits) - length + 1):
                if digits[begin : begin + length] in known:
                    start, end = places[begin], places[begin + length - 1] + 1
                    if length >= 10 or not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum()):
                        before = _BEFORE.search(text, max(0, start - 12), start)
                        yield (before.start() if before else start), end


def _numbers(document: Json, key: str) -> Iterator[str]:
    """What is named as a number, and what is one in full, as it is written."""
    if isinstance(document, dict):
        for name, value in document.items():
            yield from _numbers(value, context(key, name, document))
    elif isinstance(document, list):
        for value in document:
            yield from _numbers(value, key)
    elif is_number_at(key, document):
        yield str(int(document) if isinstance(document, float) else document)
    elif isinstance(document, str) and 7 <= len(document) <= _LONGEST_READ:
        inside = parsed(document)
        if inside is not document and not isinstance(inside, str):
            yield from _numbers(inside, key)
        elif _MAYBE.search(document):
            yield from (document[slice(*span)] for span in (*_shaped(document), *_told(document)))


def _forms(number: str) -> Iterator[str]:
    """Its digits, and those without the country's code or the 0 before an area's."""
    digits = _digits(number, least=7)
    if digits is None:
        return
    yield digits
    country = _COUNTRY.match(digits)
    if digits.startswith("0"):
        inland = digits.lstrip("0")
    elif country is not None and (len(digits) >= 11 or _is_full(number)):
        inland = digits[country.end() :]
    else:
        return
    if len(inland) >= 7 and len(set(inland)) > 1:
        yield inland


def _digits(value: str, *, least: int) -> str | None:
    """The digits of what may be a phone number, without 00 or 011 before them; None for what is none."""
    address = _ADDRESS.match(value.strip())
    value = re.sub(r"(?i)%(?:25)?2b", "+", (address[1] if address else value).strip())
    if not _NUMBER.fullmatch(value) or _DATE.match(value) or re.fullmatch(r"[+-]?\d+\.\d{1,2}", value):
        return None
    digits = _only_digits(value)
    if _is_full(value):
        return digits if 7 <= len(digits) <= 15 and len(set(digits)) > 1 else None
    for prefix in ("011", "00"):
        if digits.startswith(prefix) and len(digits) >= len(prefix) + 8:
            digits, least = digits[len(prefix) :], 8
            break
    return digits if _plausible(digits, least) else None


def _plausible(digits: str, least: int) -> bool:
    """Whether digits without a `+` can be a number: moments since 1970 and compact dates cannot.

    Where a number begins with 1 it is North America's, and has eleven digits.
    """
    if not least <= len(digits) <= 15 or len(set(digits)) == 1:
        return False
    if digits[0] == "1":
        return len(digits) == 11 and digits[1] in "23456789"
    return len(digits) not in (8, 12, 14) or _COMPACT_DATE.fullmatch(digits) is None


def _is_full(value: str) -> bool:
    return value.lstrip(" (")[:1] in ("+", "\uff0b", "%", "&", "\\")


def _only_digits(value: str) -> str:
    """Its digits, whatever script they are in."""
    return "".join(str(int(char)) for char in value if char.isdecimal())


def _is_key(key: str) -> bool:
    name = fold(key).replace(".", "").replace(" ", "")
    if name in _WEAK_KEYS or name in _PLAIN_KEYS:
        return True
    return _KEY.search(name) is not None and _NO_KEY.search(name) is None
