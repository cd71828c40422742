"""The only place for `stream-app partitions`: which input partitions are paused, pause one, let one go on."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Literal

import click

from stream_app.settings import Settings
from stream_app.topics import INTAKE_TOPICS

if TYPE_CHECKING:
    from stream_app.core.partition_states import PartitionState


@click.group()
def partitions() -> None:
    """A partition that brings too much unusable is paused, not dumped into the dead letters.

    Its records wait where they are. Mend the producer, look at the dead letters, then `resume`.
    """


@partitions.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_(as_json: bool) -> None:
    """Show what is paused, since when and why. Exits 1 when something is."""
    from stream_app.runtime.breaker import read_states

    states = asyncio.run(read_states(Settings()))
    paused = [state for _, state in sorted(states.items()) if state.state == "paused"]
    if as_json:
        click.echo(json.dumps([state.to_dict() for state in paused], indent=1))
    elif not paused:
        click.echo("no input partition is paused")
    else:
        for state in paused:
            click.echo(_line(state))
        click.echo("`stream-app partitions resume TOPIC/PARTITION` reads on")
    raise SystemExit(1 if paused else 0)


@partitions.command()
@click.argument("source", metavar="TOPIC/PARTITION")
@click.option("--reason", default="paused by an operator", show_default=True, help="Shown by `partitions list`.")
def pause(source: str, reason: str) -> None:
    """Read an input partition no further, in every worker, until `resume`."""
    _say(source, "paused", reason)


@partitions.command()
@click.argument("source", metavar="TOPIC/PARTITION")
@click.option("--reason", default="resumed by an operator", show_default=True, help="Kept with the record.")
def resume(source: str, reason: str) -> None:
    """Read a paused input partition on, from the first record that was not taken."""
    _say(source, "running", reason)


def _line(state: PartitionState) -> str:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(state.at / 1000))
    where = "" if state.offset is None else f" at offset {state.offset}"
    return f"{state.source}  paused{where} since {at} by {state.by}: {state.reason}"


def _say(source: str, state: Literal["paused", "running"], reason: str) -> None:
    from stream_app.core.partition_states import PartitionState
    from stream_app.runtime.breaker import read_states, record_of
    from stream_app.runtime.client import Publisher

    settings = Settings()
    topic, _, partition = source.rpartition("/")
    known = (*(one.name for one in INTAKE_TOPICS), *settings.providers_by_topic())
    if topic not in known or not partition.isdecimal():
        names = ", ".join(known)
        raise click.BadParameter(f"{source!r} is no TOPIC/PARTITION; topics: {names}", param_hint="TOPIC/PARTITION")

    async def say() -> bool:
        async with Publisher(settings) as publisher:
            if int(partition) >= await publisher.partitions(topic):
                raise click.BadParameter(f"{topic} has no partition {partition}", param_hint="TOPIC/PARTITION")
            last = (await read_states(settings)).get(source)
            if (last.state if last else "running") == state:
                return False
            said = PartitionState(
                source=source, state=state, at=time.time_ns() // 1_000_000, by="operator", reason=reason
            )
            await publisher.send_all([record_of(said)])
            return True

    if asyncio.run(say()):
        click.echo(f"{source}: {state}; workers follow within seconds")
    else:
        click.echo(f"{source}: is {state} already")
