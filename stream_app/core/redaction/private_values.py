"""The only place that picks from a call's private fields what must not be shown of it: its known values.

What a producer names in `knownValues` counts whole. Of a tool's arguments and results only what stands under a key that
says so is personal or secret: a transcript in which every product and every amount is masked helps nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stream_app.core.redaction.secrets import PERSONAL_KEYS, SECRET_KEYS, bare_key
from stream_app.core.wire import Json

_LONGEST = 256
"""A longer text is prose: not a value that would be said as it stands."""


def values_in(private: Mapping[str, Json]) -> list[Json]:
    """Of the fields of one event (`core.concealment`), what is to be looked for in every form."""
    found: list[Json] = []
    for field, content in private.items():
        if field == "knownValues":
            found += _personal(content, under=True)
        elif field in ("arguments", "result"):
            found += _personal(content, under=False)
    return found


def is_private(key: str) -> bool:
    """Whether what stands under this key is somebody's own, or a secret: `phone_number`, `dateOfBirth`, `apiKey`."""
    bare = bare_key(key)
    return bare in PERSONAL_KEYS or bare in SECRET_KEYS


def _personal(content: Json, *, under: bool) -> Iterator[Json]:
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _personal(value, under=under or is_private(key))
    elif isinstance(content, list):
        for one in content:
            yield from _personal(one, under=under)
    elif under and isinstance(content, str | int) and not isinstance(content, bool) and len(str(content)) <= _LONGEST:
        yield content
