"""The only place for the written patterns: e-mail, IP, IBAN, phone, card, SSN, IDs, with their checksums."""

from __future__ import annotations

import re

from stream_app.core.redaction.spans import Span

_EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+", re.UNICODE)
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IPV4 = re.compile(rf"(?<![\d.]){_OCTET}(?:\.{_OCTET}){{3}}(?![\d.]\d)")
_IPV6 = re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{1,4}:){3,7}(?::?[0-9A-Fa-f]{1,4})+(?![\w:])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}\b")
_PHONE = re.compile(
    r"(?<![\w.])(?:\+|00)?\(?\d{1,4}\)?(?:[ .\-/]{0,2}\(?\d{1,5}\)?){1,6}"
    r"(?:\s?(?:x|ext\.?|extension)\s?\d{1,6})?(?!\w)",
    re.IGNORECASE,
)
_SSN = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}([- ])\d{2}\1\d{4}(?![\d-])")
_ID = re.compile(r"\b(?=[A-Z0-9-]*\d[A-Z0-9-]*\d[A-Z0-9-]*\d[A-Z0-9-]*\d)[A-Z]{1,5}-?\d[A-Z0-9]{4,}(?:-\d+)?\b")
_DIGIT = re.compile(r"\d")
_URL = re.compile(r"\bhttps?://\S+|\bwww\.\S+", re.IGNORECASE)


def written_spans(text: str) -> list[Span]:
    """What a pattern alone decides. Digits without a form of their own are left to the number rules."""
    found: list[Span] = []
    if "@" in text:
        found += [Span(*match.span(), "EMAIL", "written") for match in _EMAIL.finditer(text)]
    if _DIGIT.search(text) is None:
        return found
    found += [Span(*match.span(), "IP", "written") for match in _IPV4.finditer(text)]
    if text.count(":") > 2:
        found += [Span(*match.span(), "IP", "written") for match in _IPV6.finditer(text)]
    for match in _IBAN.finditer(text):
        if iban(match.group().replace(" ", "")):
            found.append(Span(*match.span(), "IBAN", "written"))
    found += [Span(*match.span(), "US_SSN", "written") for match in _SSN.finditer(text)]
    found += [Span(*match.span(), "MEMBER_ID", "written") for match in _ID.finditer(text)]
    for match in _PHONE.finditer(text):
        written = match.group()
        digits = re.sub(r"\D", "", re.split(r"(?i)x|ext", written)[0])
        if 13 <= len(digits) <= 19 and luhn(digits):
            found.append(Span(*match.span(), "CREDIT_CARD", "written"))
        elif (
            8 <= len(digits) <= 15 and (written[0] in "+(" or re.search(r"[ .\-/()x]", written)) and not _dated(written)
        ):
            found.append(Span(*match.span(), "PHONE", "written"))
    return found


def _dated(written: str) -> bool:
    return re.fullmatch(r"(\d{1,2}[-/. ]){2}\d{4}|\d{4}[-/. ]\d{1,2}[-/. ]\d{1,2}", written.strip()) is not None


def luhn(digits: str) -> bool:
    """The checksum of payment cards."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit)
        if place % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def routing(digits: str) -> bool:
    """The checksum of US bank routing numbers."""
    return len(digits) == 9 and sum(int(digit) * (3, 7, 1)[place % 3] for place, digit in enumerate(digits)) % 10 == 0


def iban(text: str) -> bool:
    """The checksum of an IBAN without spaces."""
    if not 15 <= len(text) <= 34 or not text.isalnum():
        return False
    turned = text[4:] + text[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1
