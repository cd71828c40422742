"""The `policy` commands: answers, exit codes and JSON that a program can rely on."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stream_app.cli.policy import policy
from stream_app.policy_file import default_policy, default_text, load, schema


@pytest.fixture
def good(tmp_path: Path) -> Path:
    file = tmp_path / "good.yaml"
    file.write_text(default_text(), encoding="utf-8")
    return file


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    file = tmp_path / "bad.yaml"
    file.write_text(default_text().replace("deadline: 15m", "dedline: 15m"), encoding="utf-8")
    return file


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(policy, [str(argument) for argument in arguments])


def test_a_good_file(good: Path) -> None:
    result = run("check", good)
    assert result.exit_code == 0
    assert result.output == f"{good}: no mistakes · version 2026-06-01 · sha256 {default_policy().sha256}\n"
    answer = json.loads(run("check", good, "--json").output)
    assert answer == {
        "file": str(good),
        "valid": True,
        "mistakes": [],
        "version": "2026-06-01",
        "sha256": default_policy().sha256,
    }


def test_a_file_with_mistakes(bad: Path) -> None:
    result = run("check", bad)
    line = default_text()[: default_text().index("deadline: 15m")].count("\n") + 1
    assert result.exit_code == 1
    assert f"{bad}:{line}:3: timing.dedline: unknown key; did you mean deadline?" in result.stdout.split("\n")
    assert "2 mistakes; the knobs are explained in docs/policy.md" in result.stderr
    answer = json.loads(run("check", bad, "--json").stdout)
    assert answer["valid"] is False
    assert {
        "line": line,
        "column": 3,
        "path": "timing.dedline",
        "message": "unknown key; did you mean deadline?",
    } in answer["mistakes"]


@pytest.mark.parametrize("command", ["check", "show"])
def test_a_file_that_is_not_there_is_wrong_usage(command: str, tmp_path: Path) -> None:
    result = run(command, tmp_path / "absent.yaml")
    assert result.exit_code == 2
    assert "does not exist" in result.stderr


@pytest.mark.parametrize("command", ["check", "show"])
def test_a_file_that_cannot_be_read(command: str, good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    result = run(command, good)
    assert result.exit_code == 3
    assert result.stderr == f"{good} cannot be read: Permission denied\n"


def test_show_prints_a_file_to_start_from(tmp_path: Path) -> None:
    result = run("show")
    assert result.exit_code == 0
    assert result.output == default_text()
    mine = tmp_path / "mine.yaml"
    mine.write_text(result.output, encoding="utf-8")
    assert run("check", mine).exit_code == 0


def test_show_prints_what_a_file_says(good: Path, bad: Path, tmp_path: Path) -> None:
    printed = tmp_path / "printed.yaml"
    printed.write_text(run("show", good).output, encoding="utf-8")
    assert load(printed) == default_policy()
    shown = json.loads(run("show", good, "--json").output)
    assert shown == {
        "version": "2026-06-01",
        "sha256": default_policy().sha256,
        "policy": default_policy().to_dict(),
    }
    refused = run("show", bad)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "did you mean deadline?" in refused.stderr


def test_the_schema_is_printed() -> None:
    assert json.loads(run("schema").output) == schema()


def test_every_command_has_help() -> None:
    for arguments in (["--help"], ["check", "--help"], ["show", "--help"], ["schema", "--help"]):
        result = run(*arguments)
        assert result.exit_code == 0
        assert "Usage:" in result.output
