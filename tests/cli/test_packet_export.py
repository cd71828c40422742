"""`stream-app packet show|diff|export`: what is sealed can be read, compared, and taken away whole."""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stream_app import app
from stream_app.__main__ import cli
from stream_app.cli.packet_export import differences
from stream_app.settings import Settings
from tests.examples import PACKET_BUCKET
from tests.fakes import InMemoryObjectStore
from tests.tools.sealed_copy import TRUST, sealed

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
[KEY] = [name for name in sealed() if name.endswith("/manifest.json")]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [*map(str, arguments)])


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> InMemoryObjectStore:
    held = InMemoryObjectStore({f"s3://{PACKET_BUCKET}/{name}": body for name, body in sealed().items()})

    @asynccontextmanager
    async def opened(_: Settings) -> AsyncIterator[InMemoryObjectStore]:
        yield held

    monkeypatch.setattr(app, "object_store", opened)
    return held


@pytest.mark.usefixtures("store")
def test_an_export_holds_everything_and_verifies(tmp_path: Path) -> None:
    out, trust = tmp_path / "packet.zip", tmp_path / "trust.json"
    trust.write_bytes(TRUST)
    result = run("packet", "export", f"s3://{PACKET_BUCKET}/{KEY}", "--out", out)
    assert result.exit_code == 0, result.output
    with zipfile.ZipFile(out) as archive:
        assert set(archive.namelist()) == {*sealed(), "index.html"}
        assert "Billing, how can I help?" in archive.read("index.html").decode()
    assert run("verify", out, "--trust", trust, "--require", "complete,policy").exit_code == 0
    assert run("packet", "export", f"s3://{PACKET_BUCKET}/{KEY}", "--out", out).exit_code == 3
    assert run("packet", "export", "manifest.json", "--out", out).exit_code == 2


@pytest.mark.usefixtures("store")
def test_an_export_of_what_is_not_there_writes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "packet.zip"
    assert run("packet", "export", f"s3://{PACKET_BUCKET}/calls/none/v1/manifest.json", "--out", out).exit_code == 3
    assert not out.exists()


def test_versions_are_shown_and_compared() -> None:
    one, two = GOLDEN / "complete.manifest.json", GOLDEN / "incomplete.manifest.json"
    shown = run("packet", "show", one)
    assert shown.exit_code == 0
    assert "gate transcript: pass" in shown.stdout
    assert run("packet", "diff", one, one).exit_code == 0
    compared = run("packet", "diff", one, two)
    assert compared.exit_code == 1
    assert 'status: "complete" -> "incomplete"' in compared.stdout
    assert run("packet", "show", GOLDEN / "SHA256SUMS").exit_code == 3


def test_differences_go_by_path() -> None:
    assert list(differences({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]})) == ["a[1].b: 2 -> 3"]
