"""Manifests fetched back: one whose bytes changed, or that is not there, is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stream_app import app
from stream_app.demo.manifests import verify_all
from stream_app.policy_file import default_policy
from stream_app.settings import Settings
from tests.demo.test_processes import silent
from tests.fakes import InMemoryObjectStore


class Opened(InMemoryObjectStore):
    """A store that the demo opens."""

    async def __aenter__(self) -> Opened:
        return self

    async def __aexit__(self, *_: object) -> None:
        return


async def test_a_manifest_that_is_not_there_is_broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(app, "object_store", lambda _settings: Opened())
    packet: dict[str, Any] = {
        "packetId": "c/1", "manifestUri": "s3://review-packets/c/1.json", "manifestHash": "sha256:" + "0" * 64,
    }  # fmt: skip
    verified, broken = await verify_all(Settings(state_dir=tmp_path), [packet], default_policy(), silent)
    assert verified == 0
    assert broken[0].startswith("c/1: manifest cannot be read back")
