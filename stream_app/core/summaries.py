"""The only place where a tool's arguments and results become a summary that is safe to show: keys and types.

A value is shown only where it cannot identify anybody: booleans, and codes from a short list of closed vocabularies.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

MAX_FIELDS = 24
"""More fields than this end in `…`, so that a summary stays a summary."""

_KEY = re.compile(r"(?!.*[0-9]{5})[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_CLOSED_VOCABULARIES: dict[str, re.Pattern[str]] = {
    "currency": re.compile(r"[A-Z]{3}"),
}


TRUNCATED = "…"
"""Stands for the fields that a summary leaves out."""

Redactor = Callable[[str], str]
"""A text as it may be shown."""


def unredacted(text: str) -> str:
    """The text as it is: where no engine was given."""
    return text


def shape_of(summary: str) -> dict[str, str] | None:
    """Key -> type (`string`, `number`, `boolean`, `object`, `list`, `null`) of a summary that `summarise` made.

    What it left out stands as TRUNCATED. None where the payload was no object.
    """
    if summary == "empty object":
        return {}
    shape: dict[str, str] = {}
    for part in summary.split(", "):
        key, colon, told = part.partition(": ")
        if part == TRUNCATED or key == "(key)":
            shape[TRUNCATED] = "any"
        elif not colon:
            return None
        else:
            shape[key] = _type_told(told)
    return shape


def _type_told(told: str) -> str:
    if told in ("true", "false"):
        return "boolean"
    if told.startswith("list of "):
        return "list"
    return told if told in ("null", "number", "object") else "string"


def summarise(payload: Any) -> str:
    """`{"orderId": "A-1", "amount": 18.5, "currency": "EUR"}` -> `orderId: string, amount: number, currency: EUR`."""
    if isinstance(payload, dict):
        parts = [f"{_safe_key(key)}: {_describe(key, value)}" for key, value in list(payload.items())[:MAX_FIELDS]]
        return ", ".join(parts + ["…"] * (len(payload) > MAX_FIELDS)) or "empty object"
    return _describe("", payload)


def _safe_key(key: str) -> str:
    """A key that does not look like a name may itself be data (an e-mail address as key): it is not shown."""
    return key if _KEY.fullmatch(key) else "(key)"


def _describe(key: str, value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        vocabulary = _CLOSED_VOCABULARIES.get(key)
        return value if vocabulary and vocabulary.fullmatch(value) else "string"
    if isinstance(value, list):
        return f"list of {len(value)}"
    return "object"
