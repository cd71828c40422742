"""The only place for `stream-app joins`: which calls wait for evidence, for what, how long, and whose job it is."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any, get_args
from urllib.parse import urlencode

import click
import msgspec

from stream_app.cli import asking
from stream_app.core.durations import format_duration, parse_duration
from stream_app.core.evidence import Kind
from stream_app.core.open_joins import BYS, MAX_LISTED, Wanted
from stream_app.settings import Settings

WITHIN_S = 40.0


def _age(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int:
    try:
        return 0 if value is None else parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.group()
def joins() -> None:
    """Look at calls that wait for evidence."""


@joins.command("list")
@click.option("--missing", multiple=True, type=click.Choice(get_args(Kind)), help="Only calls that lack this kind.")
@click.option("--older-than", callback=_age, help="Only calls that ended this long ago, or more: 10m, 1h.")
@click.option("--by", type=click.Choice(BYS), help="Count them by source (whose job it is), missing kind or policy.")
@click.option("--limit", default=100, type=click.IntRange(0, MAX_LISTED), show_default=True, help="List so many.")
@click.option("--url", help="A worker's address, as it printed it. Default: of the settings, or found on this machine.")
@click.option("--offline", is_flag=True, help="Ask no worker: read the changelogs from Kafka, which takes longer.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_joins(
    missing: tuple[str, ...],
    older_than: int,
    by: str | None,
    limit: int,
    url: str | None,
    offline: bool,
    as_json: bool,
) -> None:
    """List calls whose evidence is not complete and whose deadline lies ahead, the oldest first.

    With several --missing any of them is enough. Exit 0 with an answer, also when no call waits; 1 when partitions did
    not answer, so that it may be short; 3 when nobody answers.
    """
    settings = Settings()
    wanted = Wanted(time.time_ns() // 1_000_000, tuple(msgspec.convert(missing, list[Kind])), older_than, limit)
    found = asyncio.run(_read(settings, wanted)) if offline else _ask(settings, url, wanted)
    if offline:
        click.echo("(read from the changelogs)", err=True)
    silent = found.get("unanswered", [])
    if silent:
        click.echo(f"(not all are listed: {', '.join(silent)} did not answer)", err=True)
    click.echo(json.dumps(found, indent=1) if as_json else "\n".join(_lines(found, by)))
    sys.exit(1 if silent else 0)


def _ask(settings: Settings, url: str | None, wanted: Wanted) -> dict[str, Any]:
    query: list[tuple[str, str]] = [("missing", kind) for kind in wanted.missing]
    query += [("olderThan", format_duration(wanted.older_than_ms)), ("limit", str(wanted.limit))]
    status, found = asking.ask(settings, url, f"/v1/joins?{urlencode(query)}", WITHIN_S)
    if status != 200:
        asking.nobody(f"{found.get('detail', f'HTTP {status}')}: {', '.join(found.get('unanswered', []))}")
    return {**found, "answeredBy": "worker"}


async def _read(settings: Settings, wanted: Wanted) -> dict[str, Any]:
    from stream_app import app
    from stream_app.runtime.changelogs import Remembered
    from stream_app.runtime.whereabouts import open_joins

    asked = await Remembered.read(settings, app.policy_of(settings))
    return {**await open_joins(asked, wanted, app.name_screen(settings)), "answeredBy": "changelogs"}


def _lines(found: dict[str, Any], by: str | None) -> list[str]:
    if by is not None:
        return [f"{count:>8}  {name}" for name, count in found["by"][by].items()] or ["no call waits"]
    lines = [
        f"{_for(row['ageS']):>8}  {row['canonicalCallId']}  deadline {row['deadlineAt']}  waits for "
        + ", ".join(f"{gap['kind']} ({gap['expectedFrom']})" for gap in row["missing"])
        + (f"  for {', '.join(row['reasons'])}" if row["reasons"] else "")
        for row in found["joins"]
    ]
    left = found["count"] - len(lines)
    return lines + ([f"and {left} more"] if left > 0 else []) or ["no call waits"]


def _for(age_s: float) -> str:
    minutes, seconds = divmod(int(age_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{seconds:02}s"
