"""The only place for `stream-app report`: the week in counts, for readers who may see no call."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from pydantic import ValidationError

from stream_app.core.packet import Packet
from stream_app.core.weekly import MIN_GROUP, Report, report_of, week_bounds
from stream_app.core.wire import WireError, read_json
from stream_app.settings import Settings


@click.command()
@click.option("--week", metavar="2026-W23", help="An ISO week, in UTC. Default: the last one that is over.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def report(week: str | None, as_json: bool) -> None:
    """Count the week's packets by status, reason, agent version and label. No call, no artifact, no small group.

    Reads the packets topic from its beginning: a week older than the topic keeps cannot be told.

    Exit codes: 0 a report · 1 too few calls to tell anything · 2 wrong usage · 3 Kafka does not answer.
    """
    wanted = week or last_week(datetime.now(UTC))
    try:
        week_bounds(wanted)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--week") from None
    made = report_of(asyncio.run(_packets()), wanted)
    click.echo(json.dumps(made.to_dict(), indent=1) if as_json else text(made))
    sys.exit(0 if made.calls is not None else 1)


def last_week(now: datetime) -> str:
    """The ISO week before the one that this instant is in."""
    year, number, _ = (now - timedelta(days=7)).isocalendar()
    return f"{year}-W{number:02}"


async def _packets() -> list[dict[str, Any]]:
    from stream_app.runtime.client import read_topic
    from stream_app.topics import PACKETS

    found: list[dict[str, Any]] = []
    async for record in read_topic(Settings(), PACKETS.name, start="beginning", follow=False):
        try:
            document: dict[str, Any] = read_json(record.value or b"")
            Packet.from_dict(document)
        except (WireError, ValidationError):
            continue
        found.append(document)
    return found


def text(made: Report) -> str:
    """The report for people."""
    if made.calls is None:
        return f"{made.week}: fewer than {MIN_GROUP} calls; nothing is told of so few"
    lines = [f"{made.week}: {made.calls} calls with a packet"]
    for table in made.tables:
        lines.append(f"by {table.name}")
        lines += [f"  {count:>7}  {group}" for group, count in table.groups.items()]
        if table.withheld:
            lines.append(f"       -  {table.withheld} groups withheld: too small, or they would give away one that is")
    return "\n".join(lines)
