"""`stream-app doctor`: what it refuses, and its exit codes."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from stream_app.cli.doctor import doctor, gate_checks, settings_checks
from stream_app.dev.state import Endpoints
from stream_app.settings import Settings


def test_sound_settings_and_gates_pass() -> None:
    result = CliRunner().invoke(doctor, ["--only", "settings", "--only", "gates", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["ok"] is True
    assert [one.failed for one in gate_checks()] == [False]


def test_settings_that_contradict_each_other_are_found() -> None:
    mixed = settings_checks(Settings(packet_bucket="drop/team", source_buckets=("drop",)))
    assert [one.name for one in mixed if one.failed] == ["buckets apart"]
    assert [one.ok for one in settings_checks(Settings()) if one.name == "master key"] == [None]
    assert [one.name for one in settings_checks(Settings(master_key=SecretStr("short"))) if one.failed] == [
        "master key"
    ]
    few = settings_checks(Settings(replication_factor=1, min_insync_replicas=2))
    assert [one.name for one in few if one.failed] == ["replicas"]


def test_a_store_that_does_not_answer_is_exit_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_APP_S3_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("STREAM_APP_S3_ACCESS_KEY", "a")
    monkeypatch.setenv("STREAM_APP_S3_SECRET_KEY", "b")
    result = CliRunner().invoke(doctor, ["--only", "store", "--json"])
    assert result.exit_code == 3, result.output
    assert not json.loads(result.output)["ok"]


def test_the_real_store_passes_with_the_workers_keys(stack: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = stack.credentials["sealer"]
    monkeypatch.setenv("STREAM_APP_S3_ENDPOINT", stack.s3_endpoint)
    monkeypatch.setenv("STREAM_APP_S3_ACCESS_KEY", keys.access_key)
    monkeypatch.setenv("STREAM_APP_S3_SECRET_KEY", keys.secret_key)
    result = CliRunner().invoke(doctor, ["--only", "store"])
    assert result.exit_code == 0, result.output
    assert "one of 20 at once" in result.output
