"""Each stage opens lanes that do its work: what goes in, what is sent, what is acknowledged, what is counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from stream_app import app, telemetry
from stream_app.pipeline.ports import Incoming, Outgoing
from stream_app.pipeline.seal import due_at
from stream_app.policy_file import default_policy
from stream_app.runtime.admin import TABLES
from stream_app.runtime.bindings import IdentityBinding, IntakeBinding, JoinBinding, SealBinding
from stream_app.runtime.client import Written
from stream_app.runtime.concurrent_lane import ConcurrentLane
from stream_app.settings import STAGES, Settings
from stream_app.topics import TOPICS
from tests import stories
from tests.examples import contract_order, contract_sources
from tests.fakes import InMemoryObjectStore

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


class OwnStore(InMemoryObjectStore):
    """A store that knows whether it is open."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        super().__init__(objects)
        self.open = False

    async def __aenter__(self) -> OwnStore:
        self.open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.open = False


async def test_seal_stores_and_publishes_and_lets_go_of_the_store() -> None:
    host: Any = FakeHost()
    store = OwnStore(contract_sources())
    binding = SealBinding(SETTINGS, telemetry.disabled(), store, default_policy())
    await binding.start(host)
    assert store.open
    lane = binding.open(host, "seal-orders", 0, None)
    assert isinstance(lane, ConcurrentLane)
    assert await through(lane, [incoming("seal-orders", contract_order().to_bytes())]) == [0]
    assert [one.topic for one in host.sent] == ["packets"]
    manifest = json.loads(host.sent[0].value or b"")["manifestUri"]
    assert manifest in store.objects
    assert host.failed == []
    await binding.stop()
    assert not store.open


async def test_all_lanes_of_seal_share_one_bound_and_only_retries_wait_until_they_are_due() -> None:
    host: Any = FakeHost()
    binding = SealBinding(SETTINGS, telemetry.disabled(), OwnStore({}), default_policy())
    lanes: list[Any] = [binding.open(host, topic, number, None) for topic in binding.topics for number in range(2)]
    assert len({id(lane._limit) for lane in lanes}) == 1
    assert lanes[0]._limit._value == SETTINGS.seal_concurrency
    assert [lane._due_at for lane in lanes] == [None, None, due_at, due_at]
    for lane in lanes:
        await lane.close(0)


async def test_intake_tells_the_time_from_its_start_to_its_stop() -> None:
    host: Any = FakeHost()
    host.settings = SETTINGS
    binding = IntakeBinding(SETTINGS, telemetry.disabled())
    await binding.start(host)
    clocks = [task for task in asyncio.all_tasks() if task.get_name() == "intake clock"]
    assert len(clocks) == 1
    await binding.stop()
    assert clocks[0].cancelled()


def test_every_stage_is_bound_and_its_table_has_a_changelog_topic() -> None:
    bindings = [app.binding_of(stage, SETTINGS, telemetry.disabled()) for stage in STAGES]
    assert [binding.stage for binding in bindings] == list(STAGES)
    assert {(one.stage, one.table) for one in bindings if one.table is not None} == set(TABLES)
    known = {topic.name for topic in TOPICS}
    for binding in bindings:
        assert set(binding.topics) <= known
        assert binding.table is None or len(binding.topics) == 1, "a table is partitioned as its one source"
