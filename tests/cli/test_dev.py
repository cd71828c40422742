"""The `dev` commands as a user meets them: exit codes, messages, JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from stream_app.cli.dev import dev
from stream_app.dev.state import Endpoints, StateDirectory


@pytest.mark.parametrize("command", ["up", "status", "down", "logs"])
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(dev, [command, "--help"])
    assert result.exit_code == 0
    assert "Exit codes:" in result.output
    assert "STREAM_APP_DEV_DIR" in result.output


def test_status_of_nothing_is_a_negative_answer(tmp_path: Path) -> None:
    result = CliRunner().invoke(dev, ["status", "--dir", str(tmp_path)])
    assert result.exit_code == 1
    assert "start it with `stream-app dev up`" in result.output


def test_down_of_nothing_is_fine(tmp_path: Path) -> None:
    result = CliRunner().invoke(dev, ["down"], env={"STREAM_APP_DEV_DIR": str(tmp_path / "absent")})
    assert result.exit_code == 0
    assert result.output == "Nothing was running.\n"
    assert not (tmp_path / "absent").exists()


def test_logs_of_a_part_that_never_ran_say_so(tmp_path: Path) -> None:
    result = CliRunner().invoke(dev, ["logs", "kafka", "--dir", str(tmp_path)])
    assert result.exit_code == 1
    assert "was never started here" in result.output


def test_an_unknown_part_is_a_usage_error() -> None:
    assert CliRunner().invoke(dev, ["logs", "zookeeper"]).exit_code == 2


def test_a_second_command_at_once_has_its_own_exit_code(tmp_path: Path) -> None:
    with StateDirectory(tmp_path).locked():
        result = CliRunner().invoke(dev, ["up", "--dir", str(tmp_path)])
    assert result.exit_code == 4
    assert result.output.startswith("Error: another `stream-app dev` command")
    assert "Traceback" not in result.output


def test_a_running_stack_is_described(stack: Endpoints) -> None:
    where = ["--dir", str(stack.root)]
    found = json.loads(CliRunner().invoke(dev, ["status", "--json", *where]).stdout)
    assert found["up"] is True
    assert [part["endpoint"] for part in found["parts"]] == [stack.kafka_bootstrap, stack.s3_endpoint]
    # The tests that run beside this one attach to the same stack, and hold it for a moment each.
    again = CliRunner().invoke(dev, ["up", "--wait", "60", *where])
    assert again.exit_code == 0, again.output
    assert "Already up" in again.stdout
    assert stack.kafka_bootstrap in again.stdout
    printed = json.loads(CliRunner().invoke(dev, ["up", "--json", "--wait", "60", *where]).stdout)
    assert printed["s3Endpoint"] == stack.s3_endpoint
    assert stack.credentials["admin"].secret_key not in again.output
    logs = CliRunner().invoke(dev, ["logs", "kafka", "-n", "3", *where])
    assert len(logs.output.splitlines()) == 3
