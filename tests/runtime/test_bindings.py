"""Each stage opens lanes that do its work: what goes in, what is sent, what is acknowledged, what is counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from stream_app import app, telemetry
from stream_app.core.partition_states import PartitionState
from stream_app.pipeline.ports import Incoming, Outgoing
from stream_app.policy_file import default_policy
from stream_app.runtime import breaker
from stream_app.runtime.admin import TABLES
from stream_app.runtime.bindings import IdentityBinding, IntakeBinding, JoinBinding, SealBinding
from stream_app.runtime.breaker import Breaker
from stream_app.runtime.concurrent_lane import ConcurrentLane
from stream_app.runtime.memory_rows import MemoryRows
from stream_app.runtime.progress import Progress, row_key
from stream_app.settings import FURTHER_STAGES, STAGES, Settings
from stream_app.topics import TOPICS
from tests import stories
from tests.examples import contract_order, contract_sources
from tests.fakes import InMemoryObjectStore

SETTINGS = Settings(internal_partitions=2, signing="off")


class FakeHost:
    """Where everything is durable at once, and nothing fails; it keeps what was sent, and the rows."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.unfenced = self
        self.failed: list[BaseException] = []
        self.rows = MemoryRows()
        self.changelog: dict[bytes, bytes | None] = {}

    async def commit(
        self, sends: Sequence[Outgoing], rows: dict[bytes, bytes | None], local: dict[bytes, bytes | None]
    ) -> None:
        self.sent += sends
        self.changelog.update(rows)
        self.rows.write([*rows.items(), *local.items()])

    def fail(self, _where: str, error: BaseException) -> None:
        self.failed.append(error)


class NothingPaused(Breaker):
    """Asks no broker what is paused."""

    async def start(self, reader: Any) -> None:
        self._reader = reader


@pytest.fixture
def intake(monkeypatch: pytest.MonkeyPatch) -> IntakeBinding:
    """The binding of intake, started but for its clock."""
    monkeypatch.setattr(breaker, "Breaker", NothingPaused)
    made = IntakeBinding(SETTINGS, telemetry.disabled(), app.inline_content(SETTINGS))
    made._breaker = NothingPaused(SETTINGS)
    return made


async def through(lane: Any, records: Sequence[Incoming]) -> list[int]:
    acked: list[int] = []
    for record in records:
        await lane.submit([record], acked.append)
    for _ in range(200):
        if len(acked) == len(records):
            break
        await asyncio.sleep(0.01)
    await lane.close(0)
    return acked


def incoming(topic: str, value: bytes, offset: int = 0) -> Incoming:
    return Incoming(topic, 0, offset, stories.START_MS, b"k", value)


async def test_intake_sends_evidence_and_dead_letters_and_acknowledges_both(intake: IntakeBinding) -> None:
    host: Any = FakeHost()
    lane = intake.open(host, "call-ended", 0, host, None)
    good = json.dumps(stories.call_ended()).encode()
    assert await through(lane, [incoming("call-ended", good), incoming("call-ended", b"{", 1)]) == [0, 1]
    assert [one.topic for one in host.sent] == ["evidence", "dead-letters"]
    assert host.failed == []
    intake.closed("call-ended", 0)


async def test_intake_opens_a_paused_partition_paused(intake: IntakeBinding) -> None:
    host: Any = FakeHost()
    assert intake._breaker is not None
    state = {"source": "call-ended/0", "state": "paused", "at": "2026-05-28T20:26:40.000Z", "by": "operator"}
    intake._breaker._states["call-ended/0"] = PartitionState.from_dict({**state, "reason": "x"})
    lanes: list[Any] = [intake.open(host, "call-ended", number, host, None) for number in range(2)]
    assert [lane.paused for lane in lanes] == [True, False]
    assert await through(lanes[0], [incoming("call-ended", b"{")]) == []
    assert host.sent == []
    await lanes[1].close(0)


@pytest.mark.parametrize(("binding_type", "topic"), [(IdentityBinding, "identity"), (JoinBinding, "evidence")])
async def test_stages_with_rows_fold_and_store(binding_type: Any, topic: str, intake: IntakeBinding) -> None:
    host: Any = FakeHost()
    feed: Any = FakeHost()
    aliases = {"livekitRoom": "r"} if topic == "identity" else {}
    event = json.dumps(stories.call_ended(aliases=aliases)).encode()
    await through(intake.open(feed, "call-ended", 0, feed, None), [incoming("call-ended", event)])
    (made,) = [one for one in feed.sent if one.topic == topic]
    binding = binding_type(SETTINGS, telemetry.disabled(), default_policy())
    lane = binding.open(host, topic, 0, host, host.rows)
    assert await through(lane, [incoming(topic, made.value or b"")]) == [0]
    assert row_key(topic, 0) in host.rows, "how far it came lies beside the rows"
    derived = {key: row for one in host.changelog.items() for key, row in binding.local_rows(*one)}
    assert {**host.changelog, **derived} == host.rows, "a replay makes the same index as the fold did"
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
    lane = binding.open(host, "seal-orders", 0, host, host.rows)
    assert isinstance(lane, ConcurrentLane)
    assert await through(lane, [incoming("seal-orders", contract_order().to_bytes())]) == [0]
    assert [one.topic for one in host.sent] == ["packets"]
    manifest = json.loads(host.sent[0].value or b"")["manifestUri"]
    assert manifest in store.objects
    assert Progress.from_bytes(host.rows[row_key("seal-orders", 0)]).upto == 1
    assert host.failed == []
    again = binding.open(host, "seal-orders", 0, host, host.rows)
    assert await through(again, [incoming("seal-orders", contract_order().to_bytes())]) == [0]
    assert len(host.sent) == 1, "what is done is not published again"
    await binding.stop()
    assert not store.open


async def test_all_lanes_of_seal_share_one_bound_and_only_retries_wait_until_they_are_due() -> None:
    host: Any = FakeHost()
    binding = SealBinding(SETTINGS, telemetry.disabled(), OwnStore({}), default_policy())
    lanes: list[Any] = [
        binding.open(host, topic, number, host, host.rows) for topic in binding.topics for number in range(2)
    ]
    assert len({id(lane._limit) for lane in lanes}) == 1
    assert lanes[0]._limit._value == SETTINGS.seal_concurrency
    assert [lane._wait_s for lane in lanes] == [None, None, *[binding._sealer.wait_s] * 2]
    for lane in lanes:
        await lane.close(0)


async def test_intake_tells_the_time_from_its_start_to_its_stop(intake: IntakeBinding) -> None:
    host: Any = FakeHost()
    host.settings = SETTINGS
    binding = intake
    await binding.start(host)
    clocks = [task for task in asyncio.all_tasks() if task.get_name() == "intake clock"]
    assert len(clocks) == 1
    await binding.stop()
    assert clocks[0].cancelled()


def test_every_stage_is_bound_and_its_table_has_a_changelog_topic() -> None:
    bound = [app.binding_of(stage, SETTINGS, telemetry.disabled()) for stage in (*STAGES, *FURTHER_STAGES)]
    assert [binding.stage for binding in bound] == [*STAGES, *FURTHER_STAGES]
    assert {(one.stage, one.table) for one in bound if one.table is not None} == set(TABLES)
    roles = {topic.name: "input" if topic.role == "input" and not topic.beside else "internal" for topic in TOPICS}
    for binding in bound:
        assert set(binding.topics) <= roles.keys()
        if binding.table is not None:
            assert {roles[topic] for topic in binding.topics} == {"internal"}, "partitioned as its table is"
