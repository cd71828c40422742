"""The only place for `stream-app why`: one call, by any of its names, in words or as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import click

from stream_app.cli import asking
from stream_app.settings import Settings

WITHIN_S = 5.0


@click.command()
@click.argument("name")
@click.option("--url", help="A worker's address, as it printed it. Default: of the settings, or found on this machine.")
@click.option("--offline", is_flag=True, help="Ask no worker: read the changelogs from Kafka, which takes longer.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def why(name: str, url: str | None, offline: bool, as_json: bool) -> None:
    """Say what is known of a call. NAME is its canonical ID or any alias, as `scheme:value` or the value alone.

    Shows who the call is and who said so, which evidence was seen where, what is missing and whose job it was, its
    deadline and its packets; never a value of the evidence. Any running worker answers, for all of them.

    Exit 0 when something is known, 1 when nobody has heard of the name, 3 when nobody answers who could know.
    """
    found = known_of(name, url, offline=offline)
    click.echo(json.dumps(found, indent=1) if as_json else "\n".join(_lines(found)))


def known_of(name: str, url: str | None, *, offline: bool) -> dict[str, Any]:
    """What workers, or the changelogs, know of a call. Ends the command where nothing is known, or nobody answers."""
    settings = Settings()
    found = asyncio.run(_read(settings, name)) if offline else _ask(settings, url, name)
    if found is None:
        click.echo(f"nothing is known of {name}: no event named it, or its call was forgotten", err=True)
        sys.exit(1)
    if offline:
        click.echo("(read from the changelogs)", err=True)
    if found.get("unanswered"):
        click.echo(f"(not all is told: {', '.join(found['unanswered'])} did not answer)", err=True)
    return found


def _ask(settings: Settings, url: str | None, name: str) -> dict[str, Any] | None:
    from stream_app.runtime.whereabouts import path_of

    status, found = asking.ask(settings, url, f"/v1/calls/{path_of(name)}", WITHIN_S)
    if status == 404 and found.get("error") == "unknown":
        return None
    if status != 200:
        asking.nobody(f"{found.get('detail', f'HTTP {status}')}: {', '.join(found.get('unanswered', []))}")
    return {**found, "answeredBy": "worker"}


async def _read(settings: Settings, name: str) -> dict[str, Any] | None:
    from stream_app import app
    from stream_app.runtime.changelogs import Remembered
    from stream_app.runtime.whereabouts import find

    asked = await Remembered.read(settings, app.policy_of(settings))
    found = await find(asked, name, app.name_screen(settings))
    return None if found is None else {**found, "answeredBy": "changelogs"}


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [f"call      {found['canonicalCallId'] or '(not known)'}: {found['verdict']}"]
    if found.get("minted"):
        lines.append("named     by us: no system had given it an ID" + _own(found.get("ownNames", [])))
    lines += [f"merged    {call} is the same call" for call in found.get("mergedFrom", [])]
    lines += [f"disputed  {one['alias']} is claimed by {', '.join(one['claimedBy'])}" for one in found["disputed"]]
    if isinstance(found["aliases"], list):
        lines += [f"alias     {alias}{_by(found['saidBy'].get(alias))}" for alias in found["aliases"]]
        lines += _parked(found)
        lines += [f"due       {alias} at {when}" for alias, when in found["due"].items()]
        return lines
    for one in found["names"]:
        sources = sorted({*one["namedBy"], *([one["saidBy"]] if one["saidBy"] else [])})
        state = "" if one["state"] == "linked" else f", {one['state']}"
        lines.append(f"alias     {one['alias']}{_by(', '.join(sources))}{state}")
    reviewed = f", {found['owner']} reviews it" if found["owner"] else ""
    lines.append(f"reasons   {', '.join(found['reasons']) or 'none'}{reviewed}")
    lines += [
        f"seen      {item['kind']:<10} {item['eventId']} from {item['source']} at {item['position']}"
        for item in found["evidence"]
    ]
    lines += _parked(found)
    lines += [
        f"missing   {gap['kind']:<10} {gap['reason']}, expected from {gap['expectedFrom']}, "
        f"required by {', '.join(gap['requiredBy'])}"
        for gap in found["missing"]
    ]
    lines += [f"conflict  {event_id}: one event ID, different contents" for event_id in found["conflicts"]]
    lines.append(f"ended     {found['endedAt'] or 'no call-ended yet'}, deadline {found['deadlineAt'] or '-'}")
    lines += [f"packet    {one['packetId']} {one['status']} {one['manifestUri']}" for one in found["packets"]]
    return lines


def _parked(found: dict[str, Any]) -> list[str]:
    return [f"parked    {event['type']} {event['eventId']} at {event['position']}" for event in found["parked"]]


def _own(names: list[str]) -> str:
    return f"; a system calls it {', '.join(names)}" if names else ""


def _by(source: str | None) -> str:
    return f" (said by {source})" if source else ""
