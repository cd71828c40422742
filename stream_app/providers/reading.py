"""The only place for how values are taken out of foreign payloads: by any of several names, in any case, or not at all.

Providers add fields, leave optional ones out, and change the case of keys between two products. So nothing here fails:
what is absent, empty or of another type is None, and the adapter decides whether it can do without.
"""

from __future__ import annotations

import re
from typing import Any

from stream_app.core.wire import Json, WireError, read_json

MAX_TEXT = 512
"""As `core.model.Text`: a longer one is cut."""
MAX_IDENTIFIER = 256
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
"""Nanoseconds since the epoch have 19 digits."""
_DECIMAL = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?")
_LARGEST = 1e300
"""Beyond it arithmetic with units would leave what a double can hold."""


def fold(name: str) -> str:
    """`ContactId`, `contactId` and `contact_id` are one name."""
    return name.replace("_", "").replace("-", "").lower()


def take(document: Json, *path: str) -> Json:
    """The value at this path of keys, their case and underscores aside; None where any step is missing.

    Where an object has one key in several cases the one written as asked for wins, then the first that is not null.
    """
    for name in path:
        if not isinstance(document, dict):
            return None
        if document.get(name) is not None:
            document = document[name]
            continue
        wanted = fold(name)
        document = next((value for key, value in document.items() if value is not None and fold(key) == wanted), None)
    return document


def first(document: Json, *names: str) -> Json:
    """The first of these fields that is there."""
    return next((value for name in names if (value := take(document, name)) is not None), None)


def items(value: Json) -> list[Any]:
    """A list's elements; of anything else none."""
    return value if isinstance(value, list) else []


def mapping(value: Json) -> dict[str, Any]:
    """An object; of anything else an empty one. An object that came as JSON in a string is read."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = parsed(value)
    return value if isinstance(value, dict) else {}


def parsed(value: Json) -> Json:
    """JSON that came inside of a string, else the value as it is."""
    if isinstance(value, str) and value.strip()[:1] in ("{", "[", '"'):
        try:
            return read_json(value.encode())
        except (WireError, UnicodeEncodeError):
            return value
    return value


def text(value: Json, *path: str, limit: int = MAX_TEXT) -> str | None:
    """Text without control characters and outer blanks, at most `limit` characters; numbers as they are written."""
    value = take(value, *path) if path else value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return _CONTROLS.sub(" ", str(value)).strip()[:limit] or None


def identifier(value: Json, *path: str) -> str | None:
    """An ID; None for one that is no ID: empty, too long, or not text or a whole number."""
    value = take(value, *path) if path else value
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    found = str(value).strip()
    return found if found and len(found) <= MAX_IDENTIFIER and not _CONTROLS.search(found) else None


def integer(value: Json, *path: str) -> int | None:
    """A whole number, also where it came as text or as 42.0; None for a negative or an absurd one."""
    found = number(value, *path)
    return int(found) if found is not None and 0 <= found < 2**53 else None


def number(value: Json, *path: str) -> float | int | None:
    """A number, also where it came as text. 0 is a number."""
    value = take(value, *path) if path else value
    if isinstance(value, str):
        value = value.strip()
        if _INTEGER.fullmatch(value):
            return int(value)
        value = float(value) if _DECIMAL.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < _LARGEST else None


def boolean(value: Json, *path: str) -> bool | None:
    """True or false, also where it came as text."""
    value = take(value, *path) if path else value
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None
