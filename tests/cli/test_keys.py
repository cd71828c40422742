"""`stream-app keys`: a key is made once, shown without its private half, and rotated with an overlap."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from stream_app.__main__ import cli
from stream_app.engines.signing import trusted_keys


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["keys", *map(str, arguments)])


def test_a_key_is_made_shown_and_rotated(tmp_path: Path) -> None:
    trust = tmp_path / "trust.json"
    assert run("generate", tmp_path / "a.pem", "--trust", trust).exit_code == 0
    dates = ("--not-before", "2026-11-01T00:00:00Z", "--retire-others", "2026-11-08T00:00:00Z")
    assert run("generate", tmp_path / "b.pem", "--trust", trust, *dates).exit_code == 0
    old, new = trusted_keys(trust.read_bytes())
    assert old.not_after is not None
    assert new.not_before is not None
    assert new.not_before < old.not_after
    shown = run("show", tmp_path / "b.pem")
    assert json.loads(shown.stdout)["keys"][0]["keyId"] == new.key_id
    assert "PRIVATE" not in shown.stdout
    assert json.loads(run("show", trust).stdout) == json.loads(trust.read_text())


def test_nothing_is_written_over_and_no_key_is_said_to_be_none(tmp_path: Path) -> None:
    trust = tmp_path / "trust.json"
    run("generate", tmp_path / "a.pem", "--trust", trust)
    before = (tmp_path / "a.pem").read_bytes(), trust.read_bytes()
    again = run("generate", tmp_path / "a.pem", "--trust", trust)
    assert again.exit_code == 3
    assert "never written over" in again.stderr
    assert before == ((tmp_path / "a.pem").read_bytes(), trust.read_bytes())
    (tmp_path / "no").write_text("no key")
    assert run("show", tmp_path / "no").exit_code == 3
    assert run("generate", tmp_path / "c.pem").exit_code == 2
