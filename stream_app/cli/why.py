"""The only place for `stream-app why`: one call, by any of its names, in words or as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import click

from stream_app.settings import Settings


@click.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def why(name: str, as_json: bool) -> None:
    """Say what is known of a call. NAME is its canonical ID or any alias, as `scheme:value` or the value alone.

    Shows who the call is and who said so, which evidence was seen where, what is missing and whose job it was, its
    deadline and its packets; never a value of the evidence. Exit 1 when nobody has heard of the name.
    """
    from stream_app import app
    from stream_app.runtime.whereabouts import find

    settings = Settings()
    found = asyncio.run(find(settings, name, app.policy_of(settings)))
    if found is None:
        click.echo(f"nothing is known of {name}: no event named it, or its call was forgotten", err=True)
        sys.exit(1)
    click.echo(json.dumps(found, indent=1) if as_json else "\n".join(_lines(found)))


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [f"call      {found['canonicalCallId'] or '(not known)'}: {found['verdict']}"]
    if isinstance(found["aliases"], list):
        lines += [f"alias     {alias}" for alias in found["aliases"]]
        lines += [f"parked    {event['type']} {event['eventId']} at {event['position']}" for event in found["parked"]]
        return lines
    said_by = found.get("saidBy", {})
    names = [
        f"{scheme}:{value}"
        for scheme, shown in found["aliases"].items()
        for value in (shown, *found["furtherAliases"].get(scheme, ()))
    ]
    lines += [f"alias     {name}" + _by(said_by.get(name)) for name in names]
    lines.append(f"reasons   {', '.join(found['reasons']) or 'none'}")
    lines += [
        f"seen      {item['kind']:<10} {item['eventId']} from {item['source']} at {item['position']}"
        for item in found["evidence"]
    ]
    lines += [
        f"missing   {gap['kind']:<10} {gap['reason']}, expected from {gap['expectedFrom']}" for gap in found["missing"]
    ]
    lines += [f"conflict  {event_id}: one event ID, different contents" for event_id in found["conflicts"]]
    lines.append(f"ended     {found['endedAt'] or 'no call-ended yet'}, deadline {found['deadlineAt'] or '-'}")
    lines += [f"packet    {one['packetId']} {one['status']} {one['manifestUri']}" for one in found["packets"]]
    return lines


def _by(source: str | None) -> str:
    return f" (said by {source})" if source else ""
