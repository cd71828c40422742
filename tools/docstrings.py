"""The only place where the words written under a class's fields are read back, so that pages and schemas can say them.

Python keeps no docstring for an attribute; the source has it as a bare string below the assignment.
"""

from __future__ import annotations

import ast
import inspect
from functools import cache
from textwrap import dedent


@cache
def field_docs(cls: type) -> dict[str, str]:
    """Field name -> the text below it, base classes included; a class whose source cannot be read has none."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("stream_app"):
            found.update(_own_docs(base))
    return found


def one_line(text: str | None) -> str:
    """The text on one line, as tables and descriptions want it."""
    return " ".join((text or "").split())


def summary(item: object) -> str:
    """First paragraph of an object's own docstring on one line; empty where it has none."""
    text = item.__dict__.get("__doc__") if isinstance(item, type) else inspect.getdoc(item)
    return one_line((text or "").split("\n\n")[0])


def _own_docs(cls: type) -> dict[str, str]:
    try:
        tree = ast.parse(dedent(inspect.getsource(cls)))
    except (OSError, TypeError):
        return {}
    definition = tree.body[0]
    if not isinstance(definition, ast.ClassDef):
        return {}
    docs = {}
    for field, below in zip(definition.body, definition.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        ):
            docs[field.target.id] = one_line(below.value.value)
    return docs
