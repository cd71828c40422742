"""The front door: every command is there, has help, and errors of the surroundings are one line and an exit code."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from stream_app.__main__ import COMMANDS, cli


@pytest.mark.parametrize("name", [name for name, *_ in COMMANDS])
def test_every_command_and_every_subcommand_has_help(name: str) -> None:
    def check(path: list[str], command: click.Command) -> None:
        result = CliRunner().invoke(cli, [*path, "--help"])
        assert result.exit_code == 0, result.output
        assert command.help
        for child, sub in getattr(command, "commands", {}).items():
            check([*path, child], sub)

    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    check([name], command)


def test_the_list_of_commands_needs_none_of_their_modules() -> None:
    code = "import sys; from stream_app.__main__ import cli; cli(['--help'], standalone_mode=False); " + (
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('faust', 'aiokafka', 'aiobotocore')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
    assert all(name in done.stdout for name, *_ in COMMANDS)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [sys.executable, "-m", "stream_app", *arguments],
        capture_output=True, text=True, timeout=90, check=False, env={**os.environ, **environment},
    )  # fmt: skip


def test_an_unknown_command_is_a_mistake_of_usage() -> None:
    assert run("packet").returncode == 2
    assert run("worker", "--stages", "seel").returncode == 2


@pytest.mark.parametrize(
    ("name", "value"), [("INTERNAL_PARTITIONS", "many"), ("SOURCE_BUCKETS", "drop"), ("SOURCE_BUCKETS", "[1]")]
)
def test_a_bad_setting_is_one_line_that_names_it(name: str, value: str) -> None:
    done = run("packets", "tail", "--from-beginning", **{f"STREAM_APP_{name}": value})
    assert done.returncode == 2
    assert done.stderr.startswith(f"STREAM_APP_{name}: ")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_a_broker_that_is_away_is_said_once_with_what_to_do() -> None:
    done = run(
        "packets",
        "tail",
        "--from-beginning",
        STREAM_APP_KAFKA_BOOTSTRAP="127.0.0.1:1",
        STREAM_APP_REQUEST_TIMEOUT_S="3",
    )
    assert done.returncode == 3
    assert "127.0.0.1:1" in done.stderr
    assert "stream-app dev" in done.stderr
    assert "Traceback" not in done.stderr
