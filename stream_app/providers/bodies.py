"""The only place that tells the payloads in a file apart: one JSON document, several, JSON Lines, or forms, one a line.

A line that cannot be read is named and does not take the others with it. Files that people hand around have byte order
marks, blank lines, and documents that were laid out by hand: those are read too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl

from stream_app.core.wire import Json, WireError, read_json

MAX_FORM_FIELDS = 1000


@dataclass(frozen=True, slots=True)
class Body:
    """One payload of a file."""

    line: int
    """Where it begins, counted from 1."""
    document: Json = None
    problem: str | None = None
    """Why it cannot be read; None where it can."""


def split(data: bytes) -> Iterator[Body]:
    """The payloads of a file, in its order; one without any is a body with a problem."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        yield Body(1 + data[: error.start].count(b"\n"), problem="not UTF-8")
        return
    stripped = text.strip()
    if not stripped:
        yield Body(1, problem="the file is empty")
        return
    if stripped[0] in "{[":
        yield from _documents(text)
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _line(line.strip(), number)


def form(text: str) -> dict[str, str]:
    """A form-encoded body as an object of text. Raises ValueError for what is none."""
    pairs = parse_qsl(
        text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MAX_FORM_FIELDS
    )
    return dict(pairs)


def _line(text: str, number: int) -> Body:
    if text[0] in '{["':
        return _json(text, number)
    try:
        return Body(number, form(text))
    except ValueError:
        return Body(number, problem="neither JSON nor a form")


def _documents(text: str) -> Iterator[Body]:
    """Documents one behind the other, over one line or many. Behind a mistake the next line that is a whole document
    by itself is where reading goes on: nothing is guessed of what lies between."""
    decoder, place = json.JSONDecoder(), 0
    while (place := _skip(text, place)) < len(text):
        line = 1 + text.count("\n", 0, place)
        try:
            _, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            yield Body(line, problem=_json(text[place:].partition("\n")[0], line).problem or "not JSON")
            end = _next_line(text, place)
        else:
            yield _json(text[place:end], line)
        place = end


def _next_line(text: str, place: int) -> int:
    """Where the next line begins that is a whole object; the end where there is none."""
    while (place := text.find("\n", place) + 1) > 0:
        line = text[place:].partition("\n")[0].strip()
        if line.startswith("{") and len(line) > 2 and _json(line, 1).problem is None:
            return place
    return len(text)


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t\r\n,\ufeff":
        place += 1
    return place


def _json(text: str, line: int) -> Body:
    try:
        return Body(line, read_json(text.encode()))
    except WireError as error:
        return Body(line, problem=error.detail)
    except UnicodeEncodeError:
        return Body(line, problem="not UTF-8")
