"""The only place for `stream-app packets`: look at packets as they come, one line each or as JSON Lines."""

from __future__ import annotations

import asyncio
import json
from typing import Any, get_args

import click
from pydantic import ValidationError

from stream_app.core.orders import SelectionReason
from stream_app.core.packet import Packet, Status
from stream_app.core.wire import WireError, read_json
from stream_app.settings import Settings


@click.group()
def packets() -> None:
    """Read the packets topic."""


@packets.command()
@click.option("--from-beginning", is_flag=True, help="Start with the oldest packet kept, then stop at the newest.")
@click.option("-n", "count", type=click.IntRange(min=1), help="Stop after this many packets.")
@click.option("--status", type=click.Choice(get_args(Status)), help="Only packets with this status.")
@click.option("--reason", type=click.Choice(get_args(SelectionReason)), help="Only packets with this selection reason.")
@click.option("--json", "as_json", is_flag=True, help="Print each packet whole, as JSON Lines.")
def tail(from_beginning: bool, count: int | None, status: str | None, reason: str | None, as_json: bool) -> None:
    """Print packets as they are published (Ctrl-C ends it). Only committed ones are shown."""
    asyncio.run(_tail(from_beginning, count, status, reason, as_json))


async def _tail(from_beginning: bool, count: int | None, status: str | None, reason: str | None, as_json: bool) -> None:
    from stream_app.runtime.client import read_topic
    from stream_app.topics import PACKETS

    shown = 0
    start: Any = "beginning" if from_beginning else "end"
    async for record in read_topic(Settings(), PACKETS.name, start=start, follow=not from_beginning):
        packet = _packet(record.value)
        if packet is None:
            click.echo(f"{record.topic}/{record.partition}/{record.offset}: not a packet; passed over", err=True)
            continue
        if (status and packet["status"] != status) or (reason and packet["selectionReason"] != reason):
            continue
        click.echo(json.dumps(packet) if as_json else _line(packet))
        shown += 1
        if count and shown >= count:
            return


def _packet(value: bytes | None) -> dict[str, Any] | None:
    """The packet's own JSON, once it has proved to be one."""
    try:
        document: dict[str, Any] = read_json(value or b"")
        Packet.from_dict(document)
    except (WireError, ValidationError):
        return None
    return document


def _line(packet: dict[str, Any]) -> str:
    missing = ", ".join(f"{gap['kind']} ({gap['reason']})" for gap in packet["missing"])
    return (
        f"{packet['sealedAt']} {packet['status']:<10} {packet['packetId']} {packet['selectionReason']}"
        + (f" missing {missing}" if missing else "")
        + f" {packet['manifestUri']}"
    )
