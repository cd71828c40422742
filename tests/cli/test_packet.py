"""The `packet` group knows its commands."""

from __future__ import annotations

from click.testing import CliRunner

from stream_app.cli.packet import packet


def test_each_command_has_help() -> None:
    assert "open" in packet.commands
    for name in packet.commands:
        result = CliRunner().invoke(packet, [name, "--help"])
        assert result.exit_code == 0
        assert "Exit" in result.output
