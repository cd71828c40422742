"""The only place for `stream-app verify` on a whole copy, a directory or a zip: reads it, and prints what is wrong."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import click

from stream_app.core import copies, ledger_chain
from stream_app.core.attestation import TrustedKey
from stream_app.core.copies import CopyVerdict
from stream_app.core.ledger_chain import LedgerVerdict
from stream_app.core.policy import Policy
from stream_app.engines import signing

PAGE = "index.html"
"""The page of an export: a view, and no evidence."""
MAX_COPY_BYTES = 4 << 30


@dataclass(frozen=True)
class Ledger:
    """What the command line gives of the ledger: its records, where it had come to, and whether the copy is a part."""

    records: Path
    head: Path | None
    part: bool


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
    target: str,
    trust: Path | None,
    policies: Mapping[str, Policy],
    require: tuple[str, ...],
    as_json: bool,
    ledger: Ledger | None = None,
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
    beside = None
    if ledger is not None:
        verdict, beside = _beside(verdict, files, ledger, trusted)
    answers = {"intact": verdict.intact, "complete": verdict.complete, "policy": verdict.policy}
    if as_json:
        document = {"target": target, **answers, "packets": verdict.packets, "problems": list(verdict.problems)}
        if beside is not None:
            document["ledger"] = {"entries": beside.entries, "uncovered": list(beside.uncovered)}
        click.echo(json.dumps(document, indent=2))
    else:
        titles = {"policy": "policy satisfied"}
        lines = [f"{titles.get(name, name)}: {'NO' if said == 'no' else said}" for name, said in answers.items()]
        hint = [] if trusted else ["no key is trusted here: give --trust FILE"]
        open_ones = () if beside is None else beside.uncovered
        click.echo("\n".join([f"{target}: {verdict.packets} packets", *lines, *hint, *verdict.problems, *open_ones]))
    return 0 if all(answers[question] == "yes" for question in {"intact", *require}) else 1


def _beside(
    verdict: CopyVerdict, files: Mapping[str, bytes], ledger: Ledger, trusted: tuple[TrustedKey, ...]
) -> tuple[CopyVerdict, LedgerVerdict]:
    """The verdict with what the ledger tells, and that by itself. A packet that no entry covers yet is unproved."""
    try:
        records = ledger.records.read_bytes().splitlines()
        heads = [] if ledger.head is None else ledger_chain.read_heads(ledger.head.read_bytes())
    except (OSError, ValueError) as error:
        _fail(f"cannot read the ledger: {error}")
    found = ledger_chain.judge(
        records, trusted, signing.check, packets=copies.packets_in(files), heads=heads, whole=not ledger.part
    )
    intact = verdict.intact
    if found.problems:
        intact = "no"
    elif found.uncovered and intact == "yes":
        intact = "unproved"
    return replace(verdict, intact=intact, problems=(*verdict.problems, *found.problems)), found


def _fail(message: str) -> NoReturn:
    click.echo(f"stream-app verify: {message}", err=True)
    raise click.exceptions.Exit(3)
