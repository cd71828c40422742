"""The only place for `stream-app demo-providers`: calls as several providers see them, into one packet each."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from stream_app.cli.demo import bars
from stream_app.cli.dev import explained, interrupted_by_sigterm, part_lines
from stream_app.demo.provider_calls import ProviderCall, SampleError, own_calls, sample_calls
from stream_app.dev.stack import PATIENCE_S, Stack
from stream_app.dev.state import Endpoints


@click.command("demo-providers")
@click.option(
    "--data", type=click.Path(exists=True, path_type=Path),
    help="A file of one call's payloads with what is expected of it, or a directory of them, besides our own calls.",
)  # fmt: skip
@click.option("--keep", is_flag=True, help="Leave broker, store, gateway and worker running, to look at.")
@click.option("--dir", "directory", default=Path(".dev"), envvar="STREAM_APP_DEV_DIR", show_envvar=True,
              show_default=True, type=click.Path(file_okay=False, path_type=Path),
              help="Where the embedded stack has its data.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON document.")
def demo_providers(data: Path | None, keep: bool, directory: Path, as_json: bool) -> None:
    """Send calls as their providers do, into a real gateway with valid signatures, and get one packet for each.

    Exit 0 when each call has its one packet and all adds up, 1 when not, 2 wrong usage, 3 when the surroundings fail.
    """
    try:
        calls = (*own_calls(time.time_ns() // 1_000_000), *(sample_calls(data) if data else ()))
    except SampleError as error:
        raise click.UsageError(str(error)) from None
    console = Console(stderr=True)
    stack = Stack(directory)
    was_running, kept = stack.is_running(), False
    with explained(), interrupted_by_sigterm():
        try:
            with part_lines(console) as report:
                endpoints = stack.up(report, patience_s=PATIENCE_S)
            figures = _run(calls, endpoints, keep=keep, console=console)
            kept = keep
        finally:
            if not kept and not was_running:
                stack.down()
    if as_json:
        click.echo(json.dumps(figures, indent=1))
    else:
        _show(figures, Console())
    sys.exit(1 if figures["differences"] else 0)


def _run(calls: tuple[ProviderCall, ...], endpoints: Endpoints, *, keep: bool, console: Console) -> dict[str, Any]:
    from stream_app.demo.processes import DemoFailed
    from stream_app.demo.providers import run
    from stream_app.demo.run import Environment

    prefix = f"demo-{int(time.time())}."
    where = Environment(
        worker=endpoints.environment(), provider=endpoints.environment("provider"), prefix=prefix,
        directory=endpoints.root / "demo" / prefix.rstrip("."),
    )  # fmt: skip
    with bars(console) as progress:
        try:
            figures = asyncio.run(run(calls, where, keep=keep, progress=progress))
        except DemoFailed as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(3)
    return {**figures, "topicPrefix": prefix, "logs": str(where.directory)}


def _show(figures: dict[str, Any], console: Console) -> None:
    table = Table(title=f"{figures['payloads']} payloads of {figures['calls']} calls")
    for name in ("packet", "status", "reason", "missing", "tools", "names of the call"):
        table.add_column(name)
    for packet in figures["packets"]:
        names = "\n".join(f"{scheme}: {value}" for scheme, value in packet["providerAliases"].items())
        table.add_row(
            packet["packetId"], packet["status"], packet["selectionReason"], ", ".join(packet["missing"]) or "nothing",
            str(packet["tools"]), names,
        )  # fmt: skip
    console.print(table)
    console.print(f"Manifests fetched back and verified: {figures['manifestsVerified']} of {len(figures['packets'])}")
    if figures["differences"]:
        console.print(f"[bold red]{len(figures['differences'])} differences from what is known of the calls:[/]")
        for line in figures["differences"]:
            console.print(f"  {line}", markup=False, highlight=False)
        console.print(f"Logs: {figures['logs']}", highlight=False)
    else:
        console.print("[bold green]One packet a call, and everything adds up.[/]")
    if figures["pids"]:
        console.print(f"Left running: kill {' '.join(map(str, figures['pids']))}; then stream-app dev down")
