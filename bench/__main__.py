"""The only place for the command `python -m bench`: what to measure, how large, where; progress, result table."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bench import report
from bench.backlogs import Stuck
from bench.environments import ROOT, NotBuilt
from bench.figures import FIGURES
from bench.figures.figure import Figure, WrongOutput
from bench.kafka import Kafka
from bench.options import Options
from bench.processes import Died
from bench.profiling import costs
from bench.sides import SIDES
from stream_app.dev.errors import StackError
from stream_app.dev.stack import Stack
from stream_app.dev.state import Endpoints

HERE = Path(__file__).parent
_BEGAN = time.monotonic()


def _say(line: str) -> None:
    click.echo(f"[{time.monotonic() - _BEGAN:6.1f} s] {line}", err=True)


_SIDES_HELP = f"Sides of the join, comma-separated, of: {', '.join(one.name for one in SIDES)}."
_PROFILE_HELP = "Profile our side of the join into this file (collapsed stacks); nothing is saved then."
_STACK_HELP = "Directory of the embedded Kafka and S3; started where they do not run, and then stopped again."


def _size(name: str, default: int, least: int, text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(f"--{name}", default=default, show_default=True, type=click.IntRange(least), help=text)


@click.command()
@click.option(
    "--only",
    "names",
    multiple=True,
    type=click.Choice([one.name for one in FIGURES]),
    help="Only this figure; repeatable.",
)
@click.option("--sides", default="", help=_SIDES_HELP)
@_size("runs", 3, 1, "Interleaved runs of each.")
@_size("calls", 40_000, 100, "Calls of the join's backlog; other backlogs are shares of it.")
@_size("open-calls", 100_000, 100, "Open calls at the restart and in memory.")
@_size("many-calls", 1_000_000, 20_000, "Dormant calls, and open calls as work grows.")
@_size("lone-calls", 200, 5, "Lone calls whose deadline is waited for.")
@click.option(
    "--seconds", default=20.0, show_default=True, type=click.FloatRange(2), help="How long latency is watched, a run."
)
@click.option("--seed", default=7, show_default=True, help="Of the made-up calls.")
@click.option(
    "--stack", "stack_dir", default=".dev", show_default=True, type=click.Path(path_type=Path), help=_STACK_HELP
)
@click.option("--save/--no-save", default=True, show_default=True, help="Write results/ and the table in the README.")
@click.option("--profile", type=click.Path(path_type=Path), help=_PROFILE_HELP)
@click.option("--json", "as_json", is_flag=True, help="Print what was measured as JSON.")
def main(
    names: tuple[str, ...], sides: str, runs: int, calls: int, open_calls: int, many_calls: int, seconds: float,
    lone_calls: int, seed: int, stack_dir: Path, save: bool, profile: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Measure speed, ours and others', on one Kafka broker; print a table of aims and what was reached.

    Exit codes: 0 every aim measured is reached, 1 one is not, 2 usage, 3 the stack or a peer could not be had, 4 a side
    did its work wrongly or not to the end.
    """
    chosen = [one for one in FIGURES if not names or one.name in names]
    wanted = tuple(name.strip() for name in sides.split(",") if name.strip())
    if unknown := [name for name in wanted if name not in {side.name for side in SIDES}]:
        raise click.BadParameter(f"no such side: {', '.join(unknown)}", param_hint="--sides")
    scratch = Path(tempfile.mkdtemp(prefix="stream-app-bench-"))
    sizes = {
        "runs": runs, "calls": calls, "openCalls": open_calls, "manyCalls": many_calls, "seconds": seconds,
        "loneCalls": lone_calls, "seed": seed,
    }  # fmt: skip
    try:
        with _stack(stack_dir) as endpoints:
            options = Options(
                stack=endpoints, scratch=scratch, environments=ROOT / ".dev" / "bench", say=_say, runs=runs,
                calls=calls, open_calls=open_calls, many_calls=many_calls, seconds=seconds, lone_calls=lone_calls,
                sides=wanted, seed=seed, profile=profile,
            )  # fmt: skip
            results = asyncio.run(_measure(chosen, options, sizes, save=save and profile is None))
    except (StackError, NotBuilt) as error:
        click.echo(str(error), err=True)
        sys.exit(3)
    except (WrongOutput, Stuck, Died, TimeoutError) as error:
        click.echo(f"{type(error).__name__}: {error}", err=True)
        sys.exit(4)
    except (KeyboardInterrupt, asyncio.CancelledError):
        click.echo("stopped; what was started is stopped, its topics are deleted", err=True)
        sys.exit(130)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if profile is not None and profile.is_file():
        click.echo(costs(profile.read_text().splitlines()), err=True)
    click.echo(json.dumps(results, indent=2) if as_json else report.markdown(results, [one.name for one in FIGURES]))
    reached = all(row["verdict"] != "not reached" for one in results["figures"].values() for row in one["rows"])
    sys.exit(0 if reached else 1)


async def _measure(chosen: list[Figure], options: Options, sizes: dict[str, Any], *, save: bool) -> dict[str, Any]:
    """What was measured now; saved after each figure, so that a long run that breaks loses one figure only."""
    results: dict[str, Any] = {}
    task = asyncio.current_task()
    assert task is not None
    # As Ctrl-C does: every figure takes its processes and topics away when it is cancelled.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with Kafka(options.stack.kafka_bootstrap) as kafka:
        for figure in chosen:
            began, source = datetime.now(UTC), report.origin(ROOT)
            _say(f"{figure.name}: {figure.title}")
            measured = await figure.measure(options, kafka)
            one = report.entry(
                figure,
                measured,
                began=began,
                settings={name: sizes[name] for name in figure.sizes} | {"origin": source},
            )
            results = report.merged(results, figure.name, one)
            for row in measured.rows:
                _say(f"{row['title']}: {row['measured']:,.2f} {row['unit']} ({row['verdict']})")
            if save:
                kept = report.merged(report.load(HERE), figure.name, one)
                report.save(kept, [one.name for one in FIGURES], HERE)
    return results


@contextmanager
def _stack(directory: Path) -> Iterator[Endpoints]:
    """The stack in this directory; one that we had to start is stopped again."""
    stack = Stack(directory)
    ran = stack.is_running()
    if not ran:
        _say(f"starting Kafka and S3 in {directory}")
    try:
        yield stack.up()
    finally:
        if not ran:
            stack.down()


if __name__ == "__main__":
    main()
