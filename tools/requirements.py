"""The only place for the page that says which code and which test hold each requirement, and for checking it.

The rows themselves are data in `requirements_map`. A row names code (imported to see that it is there) and tests
(parsed to see that they are there), or the issue that will build it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import groupby
from pathlib import Path

from pydantic import BaseModel

from tools.fresh import ROOT
from tools.reference import made_by


@dataclass(frozen=True)
class Row:
    """One requirement. `name` is the runbook's own word for it; `here` says in ours how it is met."""

    group: str
    name: str
    here: str
    code: tuple[str, ...] = ()
    """`module:name` or `module:Class.field`."""
    tests: tuple[str, ...] = ()
    """`path::test` or `path::Class::test`."""
    issue: int | None = None
    """The issue that builds what is not built yet; with code and tests: the rest of it."""


def problems(rows: Iterable[Row], root: Path = ROOT) -> list[str]:
    """What the rows say that is not so, one sentence each."""
    found = []
    for row in rows:
        where = f"{row.group} / {row.name}"
        if row.issue is None and not (row.code and row.tests):
            found.append(f"{where}: names no code and test, and no issue that will build it")
        if bool(row.code) != bool(row.tests):
            found.append(f"{where}: code without a test, or a test without code")
        found += [f"{where}: there is no {place}" for place in row.code if not code_exists(place)]
        found += [f"{where}: there is no test {node}" for node in row.tests if not has_test(node, root)]
    return found


def code_exists(place: str) -> bool:
    """Whether `module:name` can be imported; names of a class may be fields."""
    module, _, path = place.partition(":")
    try:
        target: object = import_module(module)
    except ModuleNotFoundError:
        return False
    for name in path.split(".") if path else ():
        fields = target.model_fields if isinstance(target, type) and issubclass(target, BaseModel) else {}
        if name in fields:
            target = fields[name].annotation
        elif hasattr(target, name):
            target = getattr(target, name)
        else:
            return False
    return True


def has_test(node: str, root: Path = ROOT) -> bool:
    """Whether the file has a function (or class) of that name; without `::` the file is enough."""
    path, *names = node.split("::")
    target = root / path
    if not target.is_file():
        return False
    return not names or "::".join(names) in _test_names(target, target.stat().st_mtime_ns)


@cache
def _test_names(path: Path, _changed: int) -> frozenset[str]:
    def walk(body: list[ast.stmt], prefix: str) -> Iterator[str]:
        for node in body:
            if isinstance(node, ast.ClassDef):
                yield prefix + node.name
                yield from walk(node.body, f"{prefix}{node.name}::")
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield prefix + node.name

    return frozenset(walk(ast.parse(path.read_text(encoding="utf-8")).body, ""))


def page(rows: Iterable[Row]) -> str:
    """The page, one table a group."""
    known = tuple(rows)
    whole = sum(row.issue is None for row in known)
    part = sum(row.issue is not None and bool(row.code) for row in known)
    parts = [
        made_by(),
        "# Requirements\n",
        "What a call evidence export must do, row by row, with the code and the test that hold it. Each code name is",
        "imported and each test looked up when this page is checked.\n",
        f"{len(known)} rows: {whole} built, {part} built in part, {len(known) - whole - part} not built yet.\n",
    ]
    for group, members in groupby(known, key=lambda row: row.group):
        parts.append(f"## {group}\n\n| requirement | how it is met | code | test |\n|---|---|---|---|")
        parts += [_line(row) for row in members]
        parts.append("")
    return "\n".join(parts)


def _line(row: Row) -> str:
    here = row.here
    if row.issue is not None:
        here += f" {'The rest comes' if row.code else 'Not built yet: comes'} with issue {row.issue}."
    code = "<br>".join(f"`{place}`" for place in row.code) or "-"
    tests = "<br>".join(f"`{node}`" for node in row.tests) or "-"
    return f"| {row.name} | {here} | {code} | {tests} |"
