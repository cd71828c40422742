"""`stream-app gateway`: what it cannot start with is said; webhooks are in tests/scenarios/test_gateway.py."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from stream_app.__main__ import cli


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_APP_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setenv("STREAM_APP_GATEWAY_PORT", "0")


def test_a_key_that_is_none_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_APP_STAGING_KEY", "too short")
    run = CliRunner().invoke(cli, ["gateway"])
    assert run.exit_code == 2
    assert "too short" not in run.output


def test_secrets_that_cannot_be_read_are_wrong_usage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STREAM_APP_WEBHOOK_SECRETS_DIR", str(tmp_path / "nowhere"))
    run = CliRunner().invoke(cli, ["gateway"])
    assert run.exit_code == 2
    assert "STREAM_APP_WEBHOOK_SECRETS_DIR" in run.output


def test_a_port_that_is_taken_is_said_with_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("STREAM_APP_GATEWAY_PORT", str(taken.getsockname()[1]))
        run = CliRunner().invoke(cli, ["gateway"])
    assert run.exit_code == 3
    assert "STREAM_APP_GATEWAY_PORT" in run.output
