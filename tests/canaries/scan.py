"""The only place that looks for canaries in bytes: whole files, by `grep` for fixed strings, every form of each."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.canaries.values import Canary


def found(canaries: Iterable[Canary], surfaces: Path) -> dict[str, Counter[str]]:
    """Surface (first directory below `surfaces`) -> which canaries lie in it, how often."""
    by_form: dict[bytes, list[Canary]] = {}
    for canary in canaries:
        for form in canary.forms():  # In base64 the last character of a value may be shared: then it may be either.
            by_form.setdefault(form, []).append(canary)
    patterns = surfaces.parent / "patterns"
    patterns.write_bytes(b"\n".join(by_form) + b"\n")
    told = subprocess.run(
        ["grep", "-r", "-a", "-o", "-F", "--null", "-f", str(patterns), "."],
        cwd=surfaces, stdout=subprocess.PIPE, env={"LC_ALL": "C"}, check=False,
    )  # fmt: skip
    assert told.returncode in (0, 1), told
    seen: dict[str, Counter[str]] = {}
    for line in told.stdout.splitlines():
        path, _, form = line.partition(b"\0")
        surface = path.decode().removeprefix("./").split("/")[0]
        for canary in by_form[form]:
            seen.setdefault(surface, Counter())[f"{canary.kind}: {canary.text}"] += 1
    return seen


def keep(surfaces: Path, surface: str, name: str, *content: bytes) -> None:
    """Put bytes where they will be looked at. A record's parts lie on lines of their own."""
    directory = surfaces / surface
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / name.replace("/", "_")).open("ab") as out:
        for part in content:
            out.write(part + b"\n")
