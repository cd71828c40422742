"""The only place for the `dev` commands: the embedded stack from the command line."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from stream_app.dev import processes
from stream_app.dev.errors import StackError
from stream_app.dev.stack import PARTS, PartStatus, Report, Stack

_directory = click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".dev"),
    envvar="STREAM_APP_DEV_DIR",
    show_default=True,
    show_envvar=True,
    help="Where the stack keeps everything.",
)
_port = click.IntRange(1, 65535)


@click.group()
def dev() -> None:
    """The embedded stack: a real Kafka broker and a real S3 server on loopback, from packages alone."""


@dev.command()
@_directory
@click.option("--kafka-port", type=_port, help="The broker's port. Default: a free one, kept for the next start.")
@click.option("--s3-port", type=_port, help="The S3 server's port. Default: a free one, kept for the next start.")
@click.option(
    "--wait",
    "patience_s",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Seconds to give another `dev` command that is at work here.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the endpoints as JSON (without secret keys).")
def up(directory: Path, kafka_port: int | None, s3_port: int | None, patience_s: float, as_json: bool) -> None:
    """Start what does not run and wait until every part has answered a real round trip.

    Exit codes: 0 up · 3 to 8 the environment is in the way (the message says how) · 130 interrupted.
    """
    began = time.monotonic()
    stack = Stack(directory, kafka_port=kafka_port, s3_port=s3_port)
    already = stack.is_running()
    with explained(), interrupted_by_sigterm(), part_lines(Console(stderr=True)) as report:
        endpoints = stack.up(report, patience_s=patience_s)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "kafkaBootstrap": endpoints.kafka_bootstrap,
                    "s3Endpoint": endpoints.s3_endpoint,
                    "environmentFile": str(endpoints.env_file),
                }
            )
        )
        return
    click.echo(f"Kafka  {endpoints.kafka_bootstrap}")
    click.echo(f"S3     {endpoints.s3_endpoint}")
    up_ = "Already up" if already else f"Up after {time.monotonic() - began:.1f} s"
    click.echo(f"{up_}. Settings and keys: {endpoints.env_file}")
    click.echo("Next: `stream-app dev status`, `stream-app dev logs kafka`; `stream-app dev down` stops it.")


@dev.command()
@_directory
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def status(directory: Path, as_json: bool) -> None:
    """Say of every part where it is and whether a real round trip goes through it.

    Exit codes: 0 every part answers · 1 at least one does not.
    """
    parts = Stack(directory).status()
    up_ = all(part.healthy for part in parts)
    if as_json:
        click.echo(
            json.dumps({"up": up_, "directory": str(directory), "parts": [_as_json(part) for part in parts]}, indent=2)
        )
    else:
        for part in parts:
            took = f"{part.round_trip_ms:.0f} ms" if part.round_trip_ms is not None else "-"
            click.echo(
                f"{part.name:6} {part.endpoint or '-':28} pid {part.pid or '-':<8} round trip {took:8} {part.detail}"
            )
            if not part.healthy and part.log.exists():
                click.echo(f"       log: {part.log}")
    sys.exit(0 if up_ else 1)


@dev.command()
@_directory
def down(directory: Path) -> None:
    """Stop what `dev up` started here, and nothing else. Data stays; `rm -rf .dev` forgets it.

    Exit codes: 0 down (also if nothing ran) · 4 another `dev` command is at work here.
    """
    with explained():
        stopped = Stack(directory).down()
    click.echo(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")


@dev.command()
@_directory
@click.argument("part", type=click.Choice(PARTS))
@click.option("-n", "--lines", type=click.IntRange(1), default=50, show_default=True, help="How many last lines.")
@click.option("-f", "--follow", is_flag=True, help="Go on printing until Ctrl-C.")
def logs(directory: Path, part: str, lines: int, follow: bool) -> None:
    """Print the last lines of a part's log.

    Exit codes: 0 printed · 1 there is no log.
    """
    log = Stack(directory).log(part)
    if not log.exists():
        click.echo(f"{log} does not exist: {part} was never started here. Start it with `stream-app dev up`.", err=True)
        sys.exit(1)
    for line in processes.last_lines(log, lines):
        click.echo(line)
    if follow:
        _follow(log)


def _follow(log: Path) -> None:
    with log.open(errors="replace") as source:
        source.seek(0, 2)
        try:
            while True:
                line = source.readline()
                if line:
                    click.echo(line, nl=False)
                else:
                    time.sleep(0.2)
        except KeyboardInterrupt:
            return


def _as_json(part: PartStatus) -> dict[str, object]:
    return {
        "name": part.name,
        "healthy": part.healthy,
        "pid": part.pid,
        "endpoint": part.endpoint,
        "roundTripMs": None if part.round_trip_ms is None else round(part.round_trip_ms, 1),
        "log": str(part.log),
        "detail": part.detail,
    }


@contextmanager
def explained() -> Iterator[None]:
    """One message and an exit code in place of a traceback."""
    try:
        yield
    except StackError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        click.echo("Interrupted: what this command had started is stopped again.", err=True)
        sys.exit(130)


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """A supervisor's SIGTERM tidies up as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def part_lines(console: Console) -> Iterator[Report]:
    """One line for each part: alive on a terminal, else printed once when the part is ready."""
    if not console.is_terminal:
        began = time.monotonic()

        def say(part: str, doing: str, ready: bool) -> None:
            if ready:
                console.print(f"{part}: {doing} (after {time.monotonic() - began:.1f} s)", highlight=False)

        yield say
        return
    columns = (SpinnerColumn(finished_text="[green]✓"), TextColumn("{task.fields[part]:6}"))
    with Progress(*columns, TextColumn("{task.description}"), TimeElapsedColumn(), console=console) as progress:
        tasks = {part: progress.add_task("waiting", part=part, total=1) for part in PARTS}

        def show(part: str, doing: str, ready: bool) -> None:
            progress.update(tasks[part], description=doing, completed=1 if ready else 0)

        yield show


if __name__ == "__main__":
    dev()
