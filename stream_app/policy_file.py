"""The only place where a policy file becomes a Policy, every mistake in it explained by line and column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from stream_app.core.policy import Policy, PolicyProblems
from stream_app.core.wire import write_json
from stream_app.marked_yaml import Mark, Marked, Mistake, read_marked
from stream_app.marked_yaml import Path as Place

SCHEMA_ID = "urn:call-evidence-stream:schema:policy:v1"


class PolicyFileError(ValueError):
    """A policy file with mistakes; the text has one line for each, as compilers write them."""

    def __init__(self, name: str, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=lambda mistake: (mistake.mark, mistake.path_text)))
        super().__init__("\n".join(f"{name}:{mistake}" for mistake in self.mistakes))


def load(path: Path) -> Policy:
    """The policy in this file. Raises OSError where it cannot be read, PolicyFileError where it has mistakes."""
    return parse(path.read_bytes(), name=str(path))


def parse(data: bytes, *, name: str = "policy") -> Policy:
    """The policy in these bytes; `name` stands before each line of the PolicyFileError."""
    marked = read_marked(data)
    if marked.value is None:
        mistakes = marked.mistakes or [Mistake(Mark(1, 1), (), "the file is empty")]
        raise PolicyFileError(name, mistakes)
    try:
        # By way of JSON: there a duration is text with a unit, and a bare number a mistake.
        policy = Policy.model_validate_json(write_json(marked.value))
    except ValidationError as error:
        raise PolicyFileError(name, [*marked.mistakes, *_mistakes(error, marked)]) from None
    if marked.mistakes:
        raise PolicyFileError(name, marked.mistakes)
    return policy


def default_text() -> str:
    """The policy file that ships with the software, comments included."""
    return files("stream_app").joinpath("policies/default.yaml").read_text("utf-8")


@cache
def default_policy() -> Policy:
    """The policy that ships with the software."""
    return parse(default_text().encode(), name="default.yaml")


def dump(policy: Policy) -> str:
    """The policy as YAML text (without comments) that `parse` reads back to an equal policy."""
    return yaml.safe_dump(policy.to_dict(), sort_keys=False, allow_unicode=True, width=120)


@cache
def schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a policy file. Rules between fields are not in it: `parse` checks those."""
    body = Policy.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **_without_titles(body),
        "title": "policy",
    }


def _without_titles(node: Any, *, names: bool = False) -> Any:
    """Without the titles that only repeat a field's name; below `properties` a `title` would be a name."""
    if isinstance(node, dict):
        return {
            key: _without_titles(value, names=key in ("properties", "$defs"))
            for key, value in node.items()
            if names or key != "title"
        }
    return [_without_titles(item) for item in node] if isinstance(node, list) else node


_WANTED = {
    "string_type": "text (in quotes where it looks like a number)", "int_type": "a number",
    "float_type": "a number", "bool_type": "true or false", "tuple_type": "a list", "dict_type": "a mapping",
    "model_type": "a mapping",
}  # fmt: skip


def _mistakes(error: ValidationError, marked: Marked) -> Iterator[Mistake]:
    wanted: dict[Place, list[str]] = {}
    details = error.errors(include_url=False)
    for detail in details:
        loc, kind, context = detail["loc"], detail["type"], detail.get("ctx", {})
        place = _place(loc, marked.value)
        if isinstance(problems := context.get("error"), PolicyProblems):
            for inner, text in problems.problems:
                inside = _place((*place, *inner), marked.value)
                yield Mistake(marked.mark(inside), inside, text)
        elif kind == "missing":
            yield Mistake(marked.mark(place), place, f"{loc[-1]} is missing")
        elif kind == "extra_forbidden":
            yield Mistake(marked.keys[place], place, f"unknown key{_hint(str(loc[-1]), _allowed(loc[:-1]))}")
        elif kind == "literal_error":
            known = str(context["expected"]).replace(" or ", ", ").replace("'", "").split(", ")
            mark = marked.keys[place] if loc[-1] == "[key]" else marked.mark(place)
            yield Mistake(mark, place, f"{_shown(detail['input'])} is not known here{_hint(detail['input'], known)}")
        elif kind == "too_short":
            # Also said of a list whose entries are wrong; then those are what there is to mend.
            if not any(other["loc"][: len(loc)] == loc for other in details if other is not detail):
                yield Mistake(marked.mark(place), place, "must not be empty")
        elif kind == "string_pattern_mismatch":
            yield Mistake(marked.mark(place), place, "must be lower-case letters, digits and underscores")
        elif kind in _WANTED:
            # The members of a union complain one by one; the author gets one sentence.
            wanted.setdefault(place, []).append(_WANTED[kind])
        else:
            yield Mistake(marked.mark(place), place, _plain(detail["msg"]))
    for place, nouns in wanted.items():
        yield Mistake(marked.mark(place), place, f"must be {' or '.join(dict.fromkeys(nouns))}")


def _place(loc: Iterable[str | int], value: Any) -> Place:
    """The part of `loc` that exists in the document: names of union members and absent keys fall away."""
    place: list[str | int] = []
    for part in loc:
        inside = (isinstance(value, dict) and part in value) or (
            isinstance(value, list) and isinstance(part, int) and part < len(value)
        )
        if inside:
            value = value[part]
            place.append(part)
    return tuple(place)


def _plain(message: str) -> str:
    text = message.removeprefix("Value error, ").removeprefix("Input ")
    return text.replace("should be", "must be", 1)


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else write_json(value).decode()[:80]


def _hint(word: Any, known: Iterable[str]) -> str:
    choices = list(known)
    plain = {choice.lower().replace("_", ""): choice for choice in choices}
    close = get_close_matches(str(word).lower().replace("_", ""), plain, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {plain[close[0]]}?"
    return f"; one of {', '.join(choices)}" if choices else ""


def _allowed(loc: Iterable[str | int]) -> list[str]:
    """The keys that the schema knows at this place."""
    nodes = _opened([schema()])
    for part in loc:
        below = [
            child
            for node in nodes
            for child in (
                [node["properties"][part]] if part in node.get("properties", {})
                else [node["items"]] if isinstance(part, int) and "items" in node
                else []
            )
        ]  # fmt: skip
        nodes = _opened(below) if below else nodes
    return list(dict.fromkeys(name for node in nodes for name in node.get("properties", {})))


def _opened(nodes: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The nodes with references followed and alternatives laid side by side."""
    found: list[dict[str, Any]] = []
    for node in nodes:
        if "$ref" in node:
            found += _opened([schema()["$defs"][node["$ref"].rsplit("/", 1)[1]]])
        found += _opened([*node.get("anyOf", ()), *node.get("oneOf", ())])
        found.append(node)
    return found
