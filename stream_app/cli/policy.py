"""The only place for the `policy` commands: check a policy file, show the one that decides, print its schema."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from stream_app import policy_file
from stream_app.core.policy import Policy

_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def policy() -> None:
    """Which evidence is required, when time is up, and which calls are reviewed."""


@policy.command()
@click.argument("file", type=_file)
@click.option("--json", "as_json", is_flag=True, help="Print the answer and every mistake as JSON.")
def check(file: Path, as_json: bool) -> None:
    """Check FILE and explain every mistake by line and column.

    Exit codes: 0 no mistake · 1 mistakes · 2 wrong usage · 3 the file cannot be read.
    """
    try:
        checked = _load(file)
    except policy_file.PolicyFileError as error:
        if as_json:
            mistakes = [
                {
                    "line": mistake.mark.line,
                    "column": mistake.mark.column,
                    "path": mistake.path_text,
                    "message": mistake.message,
                }
                for mistake in error.mistakes
            ]
            _print({"file": str(file), "valid": False, "mistakes": mistakes})
        else:
            click.echo(str(error))
            count = len(error.mistakes)
            click.echo(f"{count} mistake{'s' * (count != 1)}; the knobs are explained in docs/policy.md", err=True)
        sys.exit(1)
    if as_json:
        _print({"file": str(file), "valid": True, "mistakes": [], **_identity(checked)})
    else:
        click.echo(f"{file}: no mistakes · version {checked.version} · sha256 {checked.sha256}")


@policy.command()
@click.argument("file", type=_file, required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the policy as JSON, with its SHA-256.")
def show(file: Path | None, as_json: bool) -> None:
    """Print the policy in FILE; without FILE the one that ships with the software, as a file to start from.

    Exit codes: 0 printed · 1 FILE has mistakes · 2 wrong usage · 3 FILE cannot be read.
    """
    try:
        shown = _load(file) if file else policy_file.default_policy()
    except policy_file.PolicyFileError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    if as_json:
        _print({**_identity(shown), "policy": shown.to_dict()})
    else:
        click.echo(policy_file.dump(shown) if file else policy_file.default_text(), nl=False)


@policy.command()
def schema() -> None:
    """Print the JSON Schema of a policy file, for editors that check while one types."""
    _print(policy_file.schema())


def _load(file: Path) -> Policy:
    try:
        return policy_file.load(file)
    except OSError as error:
        click.echo(f"{file} cannot be read: {error.strerror}", err=True)
        sys.exit(3)


def _identity(shown: Policy) -> dict[str, Any]:
    return {"version": shown.version, "sha256": shown.sha256}


def _print(document: dict[str, Any]) -> None:
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))
