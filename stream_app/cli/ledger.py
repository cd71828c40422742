"""The only place for the `ledger` commands: its records for a verifier, and its heads to keep elsewhere."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

import click
from pydantic import ValidationError

from stream_app.core.ledger import LedgerEntry
from stream_app.core.ledger_chain import heads_of
from stream_app.core.wire import WireError, read_json
from stream_app.runtime.client import read_topic
from stream_app.settings import Settings
from stream_app.topics import LEDGER


@click.group()
def ledger() -> None:
    """The signed ledger of what was sealed: hourly roots, one chain for each partition of `packets`."""


@ledger.command()
@click.option("--to", type=click.Path(dir_okay=False, path_type=Path), help="A new file (default: standard output).")
def export(to: Path | None) -> None:
    """Write all entries, one a line, byte for byte as they stand on the topic: for `verify --ledger`.

    Exit codes: 0 written · 1 there is no entry yet · 2 usage · 3 Kafka or the topic is not there.
    """
    if to is not None and to.exists():
        raise click.UsageError(f"{to} is there already: name a new file")
    records = asyncio.run(_records())
    if not records:
        click.echo("The ledger has no entry yet: the first comes when an hour with packets is over.", err=True)
        sys.exit(1)
    body = b"".join(record + b"\n" for record in records)
    if to is None:
        sys.stdout.buffer.write(body)
    else:
        to.write_bytes(body)
        click.echo(f"{len(records)} entries in {to}", err=True)


@ledger.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document, as `verify --ledger-head` takes it.")
def head(as_json: bool) -> None:
    """Print where each partition's chain has come to. Kept where nobody can change it, it shows a missing end.

    Exit codes: 0 printed · 1 there is no entry yet, or one that cannot be read · 2 usage · 3 Kafka is not there.
    """
    entries, strange = [], 0
    for record in asyncio.run(_records()):
        try:
            entries.append(LedgerEntry.from_dict(read_json(record)))
        except (WireError, ValidationError):
            strange += 1
    heads = heads_of(entries)
    if as_json:
        click.echo(json.dumps({"heads": [asdict(one) for one in heads]}))
    else:
        for one in heads:
            click.echo(f"{one.partition}  entry {one.number}  {one.root}")
    if strange:
        click.echo(f"{strange} records of the ledger are no entries; `stream-app verify --ledger` names them", err=True)
    if not heads:
        click.echo("The ledger has no entry yet: the first comes when an hour with packets is over.", err=True)
    sys.exit(1 if strange or not heads else 0)


async def _records() -> list[bytes]:
    found = [record async for record in read_topic(Settings(), LEDGER.name, start="beginning")]
    found.sort(key=lambda one: (one.partition, one.offset))
    return [one.value or b"" for one in found]
