"""Payloads bent out of shape: keys dropped, values replaced, names in another case; seeded, so that it comes back."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 0.0, -0.5, 1e308, 2**53, 2**64, 10**400, "", " ", "x", "0", "null", "{", "[]", "{}",
    '{"a": 1}', "2026-13-45T99:99:99Z", "é" * 300, "a\x00b", "1" * 400, [], {}, [None], [[]], [{}], {"": None},
    {"key": {"value": []}}, ["x", 1, None, {}], {"stringValue": 5}, {"intValue": "9" * 40}, "data:,", "=" * 9, "+" * 9,
)  # fmt: skip


def mutants(document: Any, count: int, *, seed: int = 0) -> Iterator[Any]:
    """`count` variants of a document, each with one to four changes."""
    rng = random.Random(seed)
    for _ in range(count):
        mutant = copy.deepcopy(document)
        for _ in range(rng.randint(1, 4)):
            mutant = _changed(mutant, rng)
        yield mutant


def _changed(document: Any, rng: random.Random) -> Any:
    places = list(_places(document))
    if not places or rng.random() < 0.01:
        return rng.choice(ODD)
    parent, key = rng.choice(places)
    change = rng.randrange(5)
    if change == 0:
        del parent[key]
    elif change == 1 and isinstance(key, str):
        parent[rng.choice((key.upper(), key.title(), key.replace("_", ""), _camel(key), f" {key}"))] = parent.pop(key)
    elif change == 2:
        parent[key] = copy.deepcopy(rng.choice([found[name] for found, name in places]))
    elif change == 3 and isinstance(parent, list):
        parent.insert(key, copy.deepcopy(parent[key]))
    else:
        parent[key] = copy.deepcopy(rng.choice(ODD))
    return document


def _camel(key: str) -> str:
    first, *others = key.split("_")
    return first + "".join(word.title() for word in others)


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(document, dict):
        for key in document:
            yield document, key
            yield from _places(document[key])
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield document, index
            yield from _places(value)
