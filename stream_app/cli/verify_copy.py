"""The only place for `stream-app verify` on a whole copy, a directory or a zip: reads it, and prints what is wrong."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import click

from stream_app.core import copies
from stream_app.core.policy import Policy
from stream_app.engines import signing

PAGE = "index.html"
"""The page of an export: a view, and no evidence."""
MAX_COPY_BYTES = 4 << 30


def files_of(place: Path) -> dict[str, bytes]:
    """All files by their path. Raises OSError, BadZipFile, ValueError."""
    if place.is_dir():
        found = (one for one in sorted(place.rglob("*")) if one.is_file())
        return {one.relative_to(place).as_posix(): one.read_bytes() for one in found}
    with zipfile.ZipFile(place) as archive:
        entries = [one for one in archive.infolist() if not one.is_dir()]
        if len({one.filename for one in entries}) != len(entries):
            raise ValueError("the zip holds one name twice")
        if sum(one.file_size for one in entries) > MAX_COPY_BYTES:
            raise ValueError("it holds more than an export does")
        return {one.filename: archive.read(one) for one in entries}


def verify_copy(
    target: str, trust: Path | None, policies: Mapping[str, Policy], require: tuple[str, ...], as_json: bool
) -> int:
    """Judge the copy and print the verdict; returns the exit status."""
    try:
        files = files_of(Path(target))
        trusted = () if trust is None else signing.trusted_keys(trust.read_bytes())
    except (OSError, ValueError, zipfile.BadZipFile, RuntimeError) as error:
        _fail(f"cannot read: {error}")
    files.pop(PAGE, None)
    if not files:
        _fail(f"{target}: there is no packet here")
    verdict = copies.judge(files, trusted, signing.check, policies)
    answers = {"intact": verdict.intact, "complete": verdict.complete, "policy": verdict.policy}
    if as_json:
        document = {"target": target, **answers, "packets": verdict.packets, "problems": list(verdict.problems)}
        click.echo(json.dumps(document, indent=2))
    else:
        titles = {"policy": "policy satisfied"}
        lines = [f"{titles.get(name, name)}: {'NO' if said == 'no' else said}" for name, said in answers.items()]
        hint = [] if trusted else ["no key is trusted here: give --trust FILE"]
        click.echo("\n".join([f"{target}: {verdict.packets} packets", *lines, *hint, *verdict.problems]))
    return 0 if all(answers[question] == "yes" for question in {"intact", *require}) else 1


def _fail(message: str) -> NoReturn:
    click.echo(f"stream-app verify: {message}", err=True)
    raise click.exceptions.Exit(3)
