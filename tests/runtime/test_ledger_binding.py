"""The ledger's lane: packets become rows and entries, and a quiet hour is closed by the lane's own tick."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream_app import telemetry
from stream_app.core.canonical import canonical_bytes
from stream_app.core.ledger import HOUR_MS
from stream_app.pipeline.ports import Incoming
from stream_app.runtime import lane as lanes
from stream_app.runtime.ledger_binding import LedgerBinding
from stream_app.settings import Settings
from tests.runtime.test_bindings import FakeHost
from tests.runtime.trace import until


async def test_packets_become_an_entry_without_another_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "TICK_S", 0.01)
    host: Any = FakeHost()
    lane = LedgerBinding(Settings(signing="off"), telemetry.disabled(), None).open(host, "packets", 0, host, host.rows)
    value = canonical_bytes({"packetId": "call/1", "manifestHash": "sha256:" + "a" * 64})
    acked: list[int] = []
    await lane.submit([Incoming("packets", 0, 5, HOUR_MS, b"k", value)], acked.append)
    await until(lambda: bool(host.sent))
    await lane.close(1)
    (sent,) = host.sent
    assert (sent.topic, json.loads(sent.value)["firstOffset"], json.loads(sent.value)["keyId"]) == ("ledger", 5, None)
    assert acked == [5]
    assert not [key for key in host.rows if key.startswith(b"leaf:")]
    assert host.failed == []
