"""The only place for `stream-app audit`: does every input position have an end, and every order its packet?"""

from __future__ import annotations

import asyncio
import json
import sys

import click

from stream_app.settings import Settings

_SHOWN = 20


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def audit(as_json: bool) -> None:
    """Account for every input position, and match `seal-orders` with `packets`.

    Reads topics only, so it can run beside the line. Exit 0 when everything is accounted for, 1 when not: on a line at
    work that may be what is on its way, so ask again when it has come to rest.
    """
    from stream_app.runtime.audit import accounting, matching

    settings = Settings()
    found = asyncio.run(accounting(settings))
    match = asyncio.run(matching(settings))
    good = found.closed and not match.unmarked and not match.unsealed
    if as_json:
        # By `vars`: `asdict` rebuilds a Counter from its own pairs, and counts those.
        click.echo(json.dumps({"accounting": vars(found), "matching": vars(match), "closed": good}, indent=1))
        sys.exit(0 if good else 1)
    click.echo(f"{found.positions} input positions")
    for topic, endings in sorted(found.endings.items()):
        click.echo(f"  {topic}: " + ", ".join(f"{count} {ending}" for ending, count in sorted(endings.items())))
    for title, keys in (
        ("not accounted for", found.unaccounted),
        ("accounted for twice", found.twice),
        ("packets that nobody ordered", match.unmarked),
        ("orders without a packet", match.unsealed),
        ("packets published again (same packetId)", match.repeated),
    ):
        if keys:
            click.echo(f"{title}: {len(keys)}")
            for key in keys[:_SHOWN]:
                click.echo(f"  {key}")
            if len(keys) > _SHOWN:
                click.echo(f"  and {len(keys) - _SHOWN} more; --json names all")
    click.echo(f"{match.orders} orders, {match.packets} packets: " + ("everything adds up" if good else "see above"))
    sys.exit(0 if good else 1)
