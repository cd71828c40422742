"""The only place for `stream-app demo`: the whole line on one machine, and a table that must add up."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from stream_app.cli.dev import explained, interrupted_by_sigterm, part_lines
from stream_app.demo.conversations import SHOWN_ERRORS, Conversation, ConversationError, read_conversations
from stream_app.demo.convert import ConvertedCall, convert
from stream_app.demo.validity import problems_of
from stream_app.dev.stack import PATIENCE_S, Stack
from stream_app.dev.state import Endpoints

_SHOWN_DIFFERENCES = 20
_TOLD_EVERY_S = 2.0


@click.command()
@click.option(
    "--data", type=click.Path(exists=True, path_type=Path),
    help="A JSON Lines file, or a directory of them, in place of generated calls.",
)  # fmt: skip
@click.option("--calls", default=400, show_default=True, type=click.IntRange(1, 20_000), help="Calls to generate.")
@click.option("--seed", default=7, show_default=True, help="Draws calls, names, order, delays and what is withheld.")
@click.option("--speed", default=50.0, show_default=True, type=click.FloatRange(1, 200), help="Times real time.")
@click.option("--keep", is_flag=True, help="Leave broker, store and worker running, to look at.")
@click.option("--dir", "directory", default=Path(".dev"), envvar="STREAM_APP_DEV_DIR", show_envvar=True,
              show_default=True, type=click.Path(file_okay=False, path_type=Path),
              help="Where the embedded stack has its data.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON document.")
def demo(data: Path | None, calls: int, seed: int, speed: float, keep: bool, directory: Path, as_json: bool) -> None:
    """Replay conversations through the whole line and check what comes out.

    Brings the embedded stack up, creates topics, starts the worker, sends events as production would, waits for every
    packet, fetches every manifest back and verifies it. Exit 0 when all adds up, 1 when not, 3 and above when the
    surroundings fail.
    """
    console = Console(stderr=True)
    try:
        converted = [convert(one, seed) for one in _conversations(data, calls, seed)]
    except (ConversationError, OSError) as error:
        raise click.UsageError(str(error)) from None
    if problems := [problem for call in converted for problem in problems_of(call)]:
        raise click.UsageError("\n".join(problems[:SHOWN_ERRORS]))
    stack = Stack(directory)
    was_running, kept = stack.is_running(), False
    with explained(), interrupted_by_sigterm():
        try:
            with part_lines(console) as report:
                endpoints = stack.up(report, patience_s=PATIENCE_S)
            figures = _run(converted, endpoints, speed=speed, seed=seed, keep=keep, console=console)
            kept = keep
        finally:
            if not kept and not was_running:
                stack.down()
    if as_json:
        click.echo(json.dumps(figures, indent=1))
    else:
        _show(figures, directory if keep or was_running else None, Console())
    sys.exit(1 if figures["differences"] else 0)


def _conversations(data: Path | None, calls: int, seed: int) -> list[Conversation]:
    if data is None:
        from stream_app.demo.generator import generate

        return generate(calls, seed)
    paths = sorted(data.glob("*.jsonl")) if data.is_dir() else [data]
    if not paths:
        raise ConversationError(f"no .jsonl files in {data}")
    found = list(read_conversations(paths))
    if not found:
        raise ConversationError(f"no conversations in {data}")
    return found


def _run(
    calls: list[ConvertedCall], endpoints: Endpoints, *, speed: float, seed: int, keep: bool, console: Console
) -> dict[str, Any]:
    from stream_app.demo.processes import DemoFailed
    from stream_app.demo.run import Environment, run

    prefix = f"demo-{int(time.time())}."
    where = Environment(
        worker=endpoints.environment(),
        provider=endpoints.environment("provider"),
        prefix=prefix,
        directory=endpoints.root / "demo" / prefix.rstrip("."),
    )
    with bars(console) as progress:
        try:
            figures = asyncio.run(run(calls, where, speed=speed, seed=seed, keep=keep, progress=progress))
        except DemoFailed as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(3)
    return {**figures, "topicPrefix": prefix, "workerLog": str(where.directory / "worker.log")}


@contextmanager
def bars(console: Console) -> Iterator[Any]:
    """A bar for each step on a terminal; a line every two seconds elsewhere."""
    if console.is_terminal:
        columns = (TextColumn("{task.description:36}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console) as bars:
            tasks: dict[str, TaskID] = {}

            def draw(what: str, done: int, total: int) -> None:
                if what not in tasks:
                    tasks[what] = bars.add_task(what, total=total)
                bars.update(tasks[what], completed=done, total=total)

            yield draw
        return
    told: dict[str, float] = {}

    def say(what: str, done: int, total: int) -> None:
        if done == total and told.get(what) != float("inf"):
            told[what] = float("inf")
            console.print(f"{what}: {done} of {total}", highlight=False)
        elif done < total and time.monotonic() - told.get(what, 0.0) > _TOLD_EVERY_S:
            told[what] = time.monotonic()
            console.print(f"{what}: {done} of {total}", highlight=False)

    yield say


def _show(figures: dict[str, Any], kept: Path | None, console: Console) -> None:
    table = Table(title="What came out", show_header=False)
    table.add_column(style="bold")
    table.add_column()
    latency = figures["evidenceToPacketMs"]
    rows = (
        ("calls in", f"{figures['calls']} (as {figures['events']} events)"),
        ("packets", _counts(figures["packets"])),
        ("missing in them", _counts(figures["missing"])),
        ("selected for", _counts(figures["reasons"])),
        ("later versions", str(figures["laterVersions"])),
        ("calls without a reason (not exported)", str(figures["withoutReason"])),
        ("calls nobody identified (parked)", str(figures["neverIdentified"])),
        ("alerts", _counts(figures["alerts"])),
        ("dead letters", _counts(figures["deadLetters"])),
        ("every input position", _counts(figures["accounting"])),
        ("last evidence to packet", f"p50 {latency['p50']} ms, p99 {latency['p99']} ms, over {latency['of']} packets"),
        ("manifests fetched back and verified", f"{figures['manifestsVerified']} of {figures['manifests']}"),
    )
    for name, value in rows:
        table.add_row(name, value)
    console.print(table)
    differences = figures["differences"]
    if differences:
        console.print(f"[bold red]{len(differences)} differences from the ground truth:[/]")
        for line in differences[:_SHOWN_DIFFERENCES]:
            console.print(f"  {line}", markup=False, highlight=False)
        console.print(f"The worker's log: {figures['workerLog']}", highlight=False)
    else:
        console.print("[bold green]Everything adds up with the data's ground truth.[/]")
    _look_further(figures, kept, console)


def _look_further(figures: dict[str, Any], kept: Path | None, console: Console) -> None:
    lines = [
        f"set -a; . {(kept or Path('.dev')) / 'env'}; set +a; export STREAM_APP_TOPIC_PREFIX={figures['topicPrefix']}",
        "stream-app packets tail --from-beginning",
        f"stream-app why --offline {figures['anyAlias']}",
    ]
    console.print("Look further" + ("" if kept else " (run `make demo KEEP=1`, which leaves everything up)") + ":")
    if figures["workerPid"]:
        lines.append(
            f"kill {figures['workerPid']}; stream-app dev down --dir {kept}   # stops the worker, then the stack"
        )
    for line in lines:
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "none"
