"""The only place where YAML is read, and it remembers the line and column of every key and value.

A small, safe part of YAML: text, numbers, true, false, null, lists and mappings, in one document. Anchors, aliases and
tags are refused, so a file can neither unfold into gigabytes nor make objects; a key that stands twice is a mistake.
`yes`, dates and `15:00` stay the text they look like, as in YAML 1.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32

Path = tuple[str | int, ...]


class Mark(NamedTuple):
    """A place in the file; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: where it stands, in which part of the document, and what to do about it."""

    mark: Mark
    path: Path
    message: str

    @property
    def path_text(self) -> str:
        """The part of the document, like `reasons[1].when.any[0].fact`; empty for the whole."""
        text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)
        return text.removeprefix(".")

    def __str__(self) -> str:
        where = f"{self.path_text}: " if self.path else ""
        return f"{self.mark.line}:{self.mark.column}: {where}{self.message}"


@dataclass(slots=True)
class Marked:
    """What a file holds. `value` is None where it could not be read at all, and `mistakes` say why."""

    value: Any = None
    values: dict[Path, Mark] = field(default_factory=dict)
    keys: dict[Path, Mark] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def mark(self, path: Path) -> Mark:
        """Where to look for this part: at a value itself, but at the key of a whole list or mapping."""
        value = self.value
        for part in path:
            value = value[part]
        return self.keys.get(path, self.values[path]) if isinstance(value, list | dict) else self.values[path]


class _Unreadable(Exception):
    def __init__(self, mark: Mark, message: str) -> None:
        super().__init__(message)
        self.mark = mark


def read_marked(data: bytes) -> Marked:
    """Read one YAML document; never raises for what it holds."""
    marked = Marked()
    try:
        events = _checked_events(_text_of(data))
        first = next(events, None)
        if first is None:
            raise _Unreadable(Mark(1, 1), "the file is empty")
        marked.value = _build(first, events, (), marked)
        if (second := next(events, None)) is not None:
            raise _Unreadable(_mark(second), "a second document starts here; one file holds one document")
    except _Unreadable as error:
        marked.value = None
        marked.mistakes.append(Mistake(error.mark, (), str(error)))
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        mark = Mark(place.line + 1, place.column + 1) if place else Mark(1, 1)
        marked.value = None
        marked.mistakes.append(Mistake(mark, (), f"not YAML: {error.problem or error.context}"))
    except yaml.YAMLError as error:
        marked.value = None
        marked.mistakes.append(Mistake(Mark(1, 1), (), f"not YAML: {' '.join(str(error).split())}"))
    return marked


def _text_of(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise _Unreadable(Mark(1, 1), f"the file has {len(data)} bytes, at most {MAX_BYTES} are read")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        mark = Mark(before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        raise _Unreadable(mark, "not UTF-8 text") from None


def _checked_events(text: str) -> Iterator[Any]:
    """Parser events without stream and document marks; refuses what our part of YAML does not have."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise _Unreadable(_mark(event), "aliases (*name) are not allowed: write the value out")
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            raise _Unreadable(_mark(event), "anchors (&name) are not allowed: write the value out")
        if (tag := getattr(event, "tag", None)) is not None:
            raise _Unreadable(_mark(event), f"tags ({tag}) are not allowed")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise _Unreadable(_mark(event), f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
            yield event


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


def _build(event: Any, events: Iterator[Any], path: Path, marked: Marked) -> Any:
    marked.values[path] = _mark(event)
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event)
    if isinstance(event, yaml.SequenceStartEvent):
        items: list[Any] = []
        while not isinstance(item := next(events), yaml.SequenceEndEvent):
            items.append(_build(item, events, (*path, len(items)), marked))
        return items
    mapping: dict[str, Any] = {}
    while not isinstance(key := next(events), yaml.MappingEndEvent):
        if not isinstance(key, yaml.ScalarEvent):
            raise _Unreadable(_mark(key), "a key is a word, not a list or a mapping")
        name = key.value
        _check_text(key)
        if name in mapping:
            first = marked.keys[(*path, name)]
            marked.mistakes.append(
                Mistake(_mark(key), (*path, name), f"the key {name} stands twice, first in line {first.line}")
            )
            _build(next(events), events, (*path, name), Marked())  # Read over it; the first one counts.
            continue
        marked.keys[(*path, name)] = _mark(key)
        mapping[name] = _build(next(events), events, (*path, name), marked)
    return mapping


_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}([eE][-+]?[0-9]{1,2})?")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


def _scalar(event: Any) -> Any:
    _check_text(event)
    text: str = event.value
    if event.style is not None:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


def _check_text(event: Any) -> None:
    """An escape can smuggle in characters that no JSON of ours may hold."""
    if any((char < " " and char not in "\t\n") or "\ud800" <= char <= "\udfff" for char in event.value):
        raise _Unreadable(_mark(event), "a text holds a control character or a lone surrogate")
