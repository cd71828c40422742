"""The only place for `make canaries`: a thousand personal values and forty secrets through a line, and the scan."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import click

from stream_app.dev.stack import Stack
from tests.canaries.run import Result, run


@click.command()
@click.option("--values", default=1000, show_default=True, help="Personal values to plant.")
@click.option("--seed", default=7, show_default=True)
@click.option(
    "--leaking", is_flag=True, help="The control: without a master key. Exits 0 when the scan finds canaries."
)
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), help="Leave what was looked at there.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def main(values: int, seed: int, leaking: bool, keep: Path | None, as_json: bool) -> None:
    """Plant canaries in everything that comes in; look for them in everything that is kept or goes out.

    Exit codes: 0 none was found (with --leaking: some were), 1 otherwise.
    """
    with tempfile.TemporaryDirectory(prefix="canaries-") as scratch:
        place = keep or Path(scratch)
        place.mkdir(parents=True, exist_ok=True)
        stack = Stack(Path(scratch) / "stack")
        try:
            result = run(
                stack.up(),
                place,
                values=values,
                seed=seed,
                leaking=leaking,
                say=lambda line: click.echo(line, err=True),
            )
        finally:
            stack.down()
    click.echo(json.dumps(asdict(result), indent=1) if as_json else _told(result))
    sys.exit(0 if not result.unseen and bool(result.found) == leaking else 1)


def _told(result: Result) -> str:
    lines = [
        f"{result.values} personal values, {result.secrets} secrets; packets {result.packets}, "
        f"{result.letters} dead letters, webhooks {result.webhooks}"
    ]
    lines += [f"  {surface:<32}{size / 1e6:10.2f} MB" for surface, size in result.surfaces.items()]
    lines += [f"not seen in the inputs either: {one}" for one in result.unseen]
    for surface, canaries in result.found.items():
        lines.append(f"FOUND in {surface}: {len(canaries)} canaries")
        lines += [f"    {name} ({count} times)" for name, count in list(canaries.items())[:10]]
    return "\n".join([*lines, f"{sum(map(len, result.found.values()))} found outside of the inputs"])


main()
