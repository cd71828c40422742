"""`stream-app check-signature`: a line a case, and exit codes that make a file of cases a test."""

from __future__ import annotations

import hmac
import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stream_app.__main__ import cli
from stream_app.cli.check_signature import check_signature

NOW_MS = 1_790_000_300_000
SECRET = "own-retell-key"
BODY = '{"event":"call_ended"}'
SIGNATURE = f"v={NOW_MS},d={hmac.new(SECRET.encode(), f'{BODY}{NOW_MS}'.encode(), 'sha256').hexdigest()}"


def case(name: str = "good", *, body: str = BODY, **more: Any) -> dict[str, Any]:
    request = {"method": "POST", "url": "https://hooks.example.com/", "headers": {"X-Retell-Signature": SIGNATURE}}
    stated = {"id": name, "secret": SECRET, "now_ms": NOW_MS, "request": {**request, "body": body}, **more}
    return {key: value for key, value in stated.items() if value is not None}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "signatures.json"


def run(file: Path, document: Any, *options: str, provider: str = "retell") -> Result:
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    return CliRunner().invoke(check_signature, [provider, str(file), *options])


def test_one_case(file: Path) -> None:
    result = run(file, case())
    assert (result.exit_code, result.output) == (0, "good valid authentic: proved by a live secret\n")
    result = run(file, case("bad", body=BODY + " "))
    assert result.exit_code == 1
    assert result.output.startswith("bad invalid wrong_signature: ")
    assert result.output.count("\n") == 1


def test_a_whole_file_with_recorded_verdicts(file: Path) -> None:
    cases = [case("a", valid=True), case("b", body="{}", valid=False), case("c", valid=True, our_policy="accept")]
    result = run(file, {"provider": "retell", "cases": cases})
    assert result.exit_code == 0
    assert [line.split()[:2] for line in result.stdout.splitlines()] == [
        ["a", "valid"],
        ["b", "invalid"],
        ["c", "valid"],
    ]
    assert result.stderr == ""


def test_a_verdict_that_is_not_as_recorded(file: Path) -> None:
    result = run(file, [case("a", valid=True), case("b", valid=True, our_policy="reject")])
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1].startswith("b valid ")
    assert result.stderr == "b: recorded as invalid\n"


def test_json(file: Path) -> None:
    result = run(file, [case("a"), case("b", body="{}", valid=False)], "--json")
    assert result.exit_code == 0
    first, second = (json.loads(line) for line in result.stdout.splitlines())
    assert first == {
        "id": "a",
        "verdict": "valid",
        "reason": "authentic",
        "detail": "proved by a live secret",
        "recorded": None,
    }
    assert (second["verdict"], second["reason"], second["recorded"]) == ("invalid", "wrong_signature", "invalid")


def test_the_clock_is_used_where_a_case_has_no_time(file: Path) -> None:
    result = run(file, case(now_ms=None))
    assert result.exit_code == 1
    assert " too_old: " in result.stdout or " too_new: " in result.stdout


def test_live_secrets_are_used_where_a_case_has_none(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no_secret" in run(file, case(secret=None)).stdout
    monkeypatch.setenv("STREAM_APP_WEBHOOK_SECRETS_RETELL", json.dumps(["own-new-key", SECRET]))
    assert run(file, case(secret=None)).exit_code == 0
    assert "no_secret" in run(file, case(secret="")).stdout
    monkeypatch.setenv("STREAM_APP_WEBHOOK_SECRETS_RETELL", '["')
    result = run(file, case(secret=None))
    assert result.exit_code == 2
    assert "STREAM_APP_WEBHOOK_SECRETS_RETELL" in result.stderr


def test_no_secret_is_printed(file: Path) -> None:
    for options in ((), ("--json",)):
        result = run(file, [case("a"), case("b", body="{}"), case("c", secret=[SECRET, "own-b"])], *options)
        assert SECRET not in result.output
        assert SIGNATURE not in result.output


def test_standard_input() -> None:
    result = CliRunner().invoke(check_signature, ["retell", "-"], input=json.dumps(case()))
    assert (result.exit_code, result.stdout.split()[:2]) == (0, ["good", "valid"])


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("no JSON", "not JSON"),
        ({"provider": "vapi", "cases": []}, "cases of another provider"),
        ({"id": "a"}, "case a: `request`"),
    ],
)
def test_what_is_no_case_is_wrong_usage(file: Path, document: Any, said: str) -> None:
    result = run(file, document)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_an_unknown_provider_and_an_absent_file(file: Path, tmp_path: Path) -> None:
    assert run(file, case(), provider="connect").exit_code == 2
    result = CliRunner().invoke(check_signature, ["retell", str(tmp_path / "absent.json")])
    assert result.exit_code == 2
    assert "does not exist" in result.stderr


def test_a_file_that_cannot_be_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    result = run(file, case())
    assert (result.exit_code, result.stderr) == (3, f"{file} cannot be read: Permission denied\n")


def test_it_is_a_command_with_help() -> None:
    result = CliRunner().invoke(cli, ["check-signature", "--help"])
    assert result.exit_code == 0
    assert "Exit codes" in result.output
