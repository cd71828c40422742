"""The only place for the `packet` group: what one does with a single packet; each command has a file of its own."""

from __future__ import annotations

import click

from stream_app.cli.packet_export import diff, export, show
from stream_app.cli.packet_open import open_packet


@click.group()
def packet() -> None:
    """Work with one packet: its manifest, its artifacts, its versions."""


packet.add_command(open_packet, "open")
packet.add_command(show)
packet.add_command(diff)
packet.add_command(export)
