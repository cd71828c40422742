"""The only place for `stream-app audit`: has every input position its end, every order its one packet, its cause?"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from stream_app.settings import Settings

if TYPE_CHECKING:
    from stream_app.runtime.refolding import Refolding

_SHOWN = 20


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option(
    "--replay",
    is_flag=True,
    help="Also fold the whole `evidence` log anew, in memory, and compare the orders it gives byte by byte.",
)
def audit(as_json: bool, replay: bool) -> None:
    """Account for every input position, and match `seal-orders` with `packets` one to one.

    Reads topics only, so it can run beside the line. Exit 0 when everything is accounted for, 1 when not: on a line at
    work that may be what is on its way, so ask again when it has come to rest. A packet or an order that stands there
    twice never is.
    """
    from stream_app.app import policy_of
    from stream_app.runtime.audit import accounting, matching
    from stream_app.runtime.refolding import refold

    settings = Settings()
    found = asyncio.run(accounting(settings))
    match = asyncio.run(matching(settings))
    again = asyncio.run(refold(settings, policy_of(settings))) if replay else None
    good = found.closed and match.one_to_one and (again is None or again.identical)
    if as_json:
        # By `vars`: `asdict` rebuilds a Counter from its own pairs, and counts those.
        document = {"accounting": vars(found), "matching": vars(match), "closed": good}
        click.echo(json.dumps(document if again is None else document | {"replay": vars(again)}, indent=1))
        sys.exit(0 if good else 1)
    click.echo(f"{found.positions} input positions")
    for topic, endings in sorted(found.endings.items()):
        click.echo(f"  {topic}: " + ", ".join(f"{count} {ending}" for ending, count in sorted(endings.items())))
    _show("not accounted for", found.unaccounted)
    _show("accounted for twice", found.twice)
    _show("packets that nobody ordered", match.unmarked)
    _show("orders without a packet", match.unsealed)
    _show("packets published twice", match.repeated)
    _show("orders given twice", match.doubled)
    if again is not None:
        _show_replay(again)
    click.echo(f"{match.orders} orders, {match.packets} packets: " + ("everything adds up" if good else "see above"))
    sys.exit(0 if good else 1)


def _show(title: str, names: Sequence[str]) -> None:
    if not names:
        return
    click.echo(f"{title}: {len(names)}")
    for name in names[:_SHOWN]:
        click.echo(f"  {name}")
    if len(names) > _SHOWN:
        click.echo(f"  and {len(names) - _SHOWN} more; --json names all")


def _show_replay(again: Refolding) -> None:
    click.echo(f"{again.records} records of evidence folded anew: {again.matched} orders are the same byte for byte")
    _show("orders that the log gives otherwise", again.differing)
    _show("orders that the log gives and that were not sent", again.missing)
    _show("orders that were sent and that the log does not give", again.unexpected)
    _show("partitions of seal-orders in another order than the log gives", again.disordered)
    _show("partitions of evidence that no longer go back to their beginning, so nothing is proven", again.truncated)
