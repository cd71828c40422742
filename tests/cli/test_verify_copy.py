"""`stream-app verify` on a directory or zip: three answers, exit statuses, and the other verifier agrees."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stream_app.__main__ import cli
from tests.tools.sealed_copy import TRUST, sealed
from tools import verify_packet


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name, body in sealed().items():
        place = tmp_path / "copy" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(body)
    (tmp_path / "trust.json").write_bytes(TRUST)
    return tmp_path / "copy"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["verify", *map(str, arguments)])


def alone(*arguments: str | Path) -> int:
    words = [sys.executable, "-I", verify_packet.__file__, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, check=False).returncode


def test_a_copy_and_a_zip_of_it_are_intact(copy: Path, tmp_path: Path) -> None:
    trust = ("--trust", tmp_path / "trust.json")
    with zipfile.ZipFile(tmp_path / "copy.zip", "w") as archive:
        for name, body in sealed().items():
            archive.writestr(name, body)
    for place in (copy, tmp_path / "copy.zip"):
        result = run(place, *trust, "--require", "complete,policy")
        assert result.exit_code == 0, result.output
        assert "intact: yes" in result.stdout
        assert alone(place, *trust) == 0


def test_a_changed_file_is_named_and_exits_with_1(copy: Path, tmp_path: Path) -> None:
    [manifest] = copy.rglob("manifest.json")
    manifest.write_bytes(manifest.read_bytes() + b" ")
    result = run(copy, "--trust", tmp_path / "trust.json", "--json")
    assert result.exit_code == alone(copy, "--trust", tmp_path / "trust.json") == 1
    assert any("manifest.json" in one for one in json.loads(result.stdout)["problems"])


def test_without_a_trusted_key_nothing_is_proved(copy: Path) -> None:
    result = run(copy)
    assert result.exit_code == 1
    assert "intact: unproved" in result.stdout
    assert "--trust" in result.stdout


def test_wrong_use_and_what_cannot_be_read(copy: Path, tmp_path: Path) -> None:
    assert run(copy, "--hash", "sha256:" + "0" * 64).exit_code == 2
    (tmp_path / "no.zip").write_bytes(b"no zip")
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "no.zip", tmp_path / "empty"):
        assert run(place, "--trust", tmp_path / "trust.json").exit_code == 3
        assert alone(place, "--trust", tmp_path / "trust.json") == 3
    assert alone(copy) == 2
