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


BROKEN = """
import sys
import click
from stream_app import __main__ as front

@click.command()
def command():
    {body}

front.Commands.get_command = lambda self, context, name: command
sys.argv = ["stream-app", *sys.argv[1:]]
front.main()
"""


def broken(body: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The front door over a command whose body is this."""
    import os

    clean = {name: value for name, value in os.environ.items() if not name.startswith("STREAM_APP_")}
    return subprocess.run(
        [sys.executable, "-c", BROKEN.format(body=body), *options, "any"],
        capture_output=True, text=True, timeout=60, check=False, env={**clean, **environment},
    )  # fmt: skip


def test_an_unexpected_error_is_one_line_and_not_a_negative_answer() -> None:
    done = broken("raise RuntimeError('two\\nlines')")
    assert done.returncode == 70
    (line,) = done.stderr.splitlines()
    assert line.startswith("unexpected RuntimeError: two lines; this is a defect: `stream-app --debug ...`")


@pytest.mark.parametrize(("options", "environment"), [(["--debug"], {}), ([], {"STREAM_APP_LOG_LEVEL": "DEBUG"})])
def test_who_asks_for_it_sees_where_an_unexpected_error_came_from(
    options: list[str], environment: dict[str, str]
) -> None:
    done = broken("return {}['absent']", *options, **environment)
    assert done.returncode == 70
    assert "Traceback (most recent call last)" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("unexpected KeyError: 'absent'; ")


def test_debug_reaches_the_settings_of_the_command() -> None:
    done = broken("from stream_app.settings import Settings; print(Settings().log_level)", "--debug")
    assert (done.returncode, done.stdout) == (0, "DEBUG\n")


@pytest.mark.parametrize("body", ["sys.exit(1)", "return 1"])
def test_a_negative_answer_stays_one(body: str) -> None:
    done = broken(body)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_port_for_metrics_that_cannot_be_had_is_a_matter_of_the_surroundings() -> None:
    done = run("stage", "intake", STREAM_APP_METRICS_PORT="0", STREAM_APP_METRICS_HOST="192.0.2.1")
    assert done.returncode == 3
    assert "STREAM_APP_METRICS_HOST" in done.stderr
    assert "Traceback" not in done.stderr
