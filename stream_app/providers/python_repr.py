"""The only place that reads what Python's `repr` wrote: results of tools that were kept as `str(result)`.

Nothing is evaluated: the text is taken apart into strings, numbers, names and brackets, rewritten as JSON, and read as
such. What is not made of those alone (a set, a date, an object) stays text.
"""

from __future__ import annotations

import re

from stream_app.core.wire import Json, WireError, read_json, write_json

MAX_CHARS = 65_536
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
      | (?P<number>-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?(?:e[+-]?[0-9]{1,3})?)(?![\w.])
      | (?P<name>True|False|None)(?!\w)
      | (?P<mark>[\[\](){},:])
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_SIMPLE = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
_NAMES = {"True": "true", "False": "false", "None": "null"}


def parsed_repr(value: Json) -> Json:
    """A dict, list or tuple that came as its `repr`, as plain values; anything else as it is."""
    if not isinstance(value, str) or len(value) > MAX_CHARS or value.lstrip()[:1] not in ("{", "[", "("):
        return value
    try:
        return read_json(_as_json(value.strip()).encode())
    except (WireError, ValueError):
        return value


def _as_json(text: str) -> str:
    """Raises ValueError for what is not such a `repr`."""
    parts: list[str] = []
    place, last = 0, ""
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            raise ValueError("not a repr of plain values")
        place, kind, said = token.end(), token.lastgroup, token[0].strip()
        if kind == "string":
            parts.append(write_json(_ESCAPE.sub(_unescaped, said[1:-1])).decode())
        elif kind == "name":
            parts.append(_NAMES[said])
        else:
            if said == ")" and last == "," and parts[-2] != "[":
                parts.pop()  # A tuple of one has a comma behind it.
            parts.append({"(": "[", ")": "]"}.get(said, said))
        last = said
    return " ".join(parts)


def _unescaped(escape: re.Match[str]) -> str:
    said = escape[1]
    if len(said) == 1:
        return _SIMPLE[said] if said in _SIMPLE else escape[0]
    code = int(said[1:], 16)
    if code > 0x10FFFF:
        raise ValueError("no such character")
    return chr(code)
