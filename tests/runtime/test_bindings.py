"""Each stage opens lanes that do its work: what goes in, what is sent, what is acknowledged, what is counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from stream_app import telemetry
from stream_app.pipeline.ports import Incoming, Outgoing
from stream_app.policy_file import default_policy
from stream_app.runtime.bindings import IdentityBinding, IntakeBinding, JoinBinding
from stream_app.runtime.client import Written
from stream_app.settings import Settings
from tests import stories

SETTINGS = Settings(internal_partitions=2)


class FakeHost:
    """A publisher that confirms at once, and nothing to fail."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.publisher = self
        self.failed: list[BaseException] = []

    async def send_all(self, records: Sequence[Outgoing]) -> list[Written]:
        self.sent += records
        return [Written(one.topic, one.partition or 0, number, 0) for number, one in enumerate(records)]

    def fail(self, _where: str, error: BaseException) -> None:
        self.failed.append(error)


class FakeRows:
    """A table partition in memory."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        return self.rows.get(key)

    def all(self) -> list[tuple[bytes, bytes]]:
        return []

    def stage(self, rows: Sequence[tuple[bytes, bytes | None]]) -> None:
        self.rows.update(rows)

    async def commit(self) -> None:
        return


async def through(lane: Any, records: Sequence[Incoming]) -> list[int]:
    acked: list[int] = []
    for record in records:
        await lane.submit(record, lambda offset=record.offset: acked.append(offset))
    for _ in range(200):
        if len(acked) == len(records):
            break
        await asyncio.sleep(0.01)
    await lane.close(0)
    return acked


def incoming(topic: str, value: bytes, offset: int = 0) -> Incoming:
    return Incoming(topic, 0, offset, stories.START_MS, b"k", value)


async def test_intake_sends_evidence_and_dead_letters_and_acknowledges_both() -> None:
    host = FakeHost()
    binding = IntakeBinding(SETTINGS, telemetry.disabled())
    lane = binding.open(host, "call-ended", 0, None)  # type: ignore[arg-type]
    good = json.dumps(stories.call_ended()).encode()
    assert await through(lane, [incoming("call-ended", good), incoming("call-ended", b"{", 1)]) == [0, 1]
    assert [one.topic for one in host.sent] == ["evidence", "dead-letters"]
    assert host.failed == []
    binding.closed("call-ended", 0)


@pytest.mark.parametrize(("binding_type", "topic"), [(IdentityBinding, "identity"), (JoinBinding, "evidence")])
async def test_stages_with_rows_fold_and_store(binding_type: Any, topic: str) -> None:
    host, rows = FakeHost(), FakeRows()
    feed = FakeHost()
    intake = IntakeBinding(SETTINGS, telemetry.disabled()).open(feed, "call-ended", 0, None)  # type: ignore[arg-type]
    aliases = {"livekitRoom": "r"} if topic == "identity" else {}
    await through(intake, [incoming("call-ended", json.dumps(stories.call_ended(aliases=aliases)).encode())])
    (made,) = [one for one in feed.sent if one.topic == topic]
    binding = binding_type(SETTINGS, telemetry.disabled(), default_policy())
    lane = binding.open(host, topic, 0, rows)
    assert await through(lane, [incoming(topic, made.value or b"")]) == [0]
    assert len(rows.rows) == 1
    assert [one.topic for one in host.sent] == (["evidence"] if topic == "identity" else [])
    binding.measure()
    binding.closed(topic, 0)
    binding.measure()
