"""The log folded anew: the same orders are recognised as the same, and every single difference is found."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from stream_app.core.wire import write_json
from stream_app.dev.state import Endpoints
from stream_app.pipeline.intake import Intake
from stream_app.pipeline.join import JoinPartition
from stream_app.pipeline.ports import Incoming, Outgoing
from stream_app.policy_file import default_policy
from stream_app.runtime import refolding
from stream_app.runtime.memory_rows import MemoryRows
from stream_app.runtime.refolding import Refolding
from stream_app.topics import EVIDENCE, INTAKE_TOPICS, SEAL_ORDERS
from tests import remembered, stories
from tests.deployments import Deployment, deployment

TOPICS = tuple(topic.name for topic in INTAKE_TOPICS)
DEADLINE = stories.START_MS + default_policy().timing.deadline


@pytest.fixture
def line(stack: Endpoints) -> Iterator[Deployment]:
    with deployment(stack, topics=("evidence", "seal-orders")) as made:
        yield made


def log() -> list[bytes]:
    """Two calls that are complete at once, one that times out, and late evidence for the first."""
    documents = []
    for call in ("call-1", "call-2"):
        documents += [
            stories.call_ended(f"{call}-ended", call=call),
            stories.evaluation(f"{call}-judged", call=call),
            stories.event("selection-requested", f"{call}-asked", call=call, trigger="compliance_sample"),
        ]
    documents += [stories.call_ended("call-3-ended", call="call-3"), stories.tool(call="call-3", status="failed")]
    documents.append(stories.artifact("log", call="call-1"))
    intake = Intake(1 << 20)
    values = [remembered.activation(default_policy()), remembered.clock(TOPICS, stories.START_MS)]
    for offset, one in enumerate(documents):
        record = Incoming(one["type"], 0, offset, stories.START_MS, b"k", write_json(one))
        (effects,) = intake.fold([record])
        values += [send.value or b"" for send in effects.sends if send.topic == EVIDENCE.name]
    return [*values, *(remembered.clock(TOPICS, now) for now in (DEADLINE - 1, DEADLINE, DEADLINE + 60_000))]


def orders(values: list[bytes]) -> list[Outgoing]:
    """What a join sends that folds the records one at a time."""
    rows = MemoryRows()
    join = JoinPartition(0, rows, default_policy())
    join.recover()
    sent: list[Outgoing] = []
    for offset, value in enumerate(values):
        effects = join.fold([Incoming(EVIDENCE.name, 0, offset, 0, None, value)])
        rows.commit(effects)
        sent += [one for effect in effects for one in effect.sends if one.topic == SEAL_ORDERS.name]
    return sent


def put(line: Deployment, values: list[bytes], sent: list[Outgoing]) -> None:
    line.send(*(Outgoing(EVIDENCE.name, None, value, partition=0) for value in values))
    line.send(*(Outgoing(SEAL_ORDERS.name, one.key, one.value, partition=0) for one in sent))


def refolded(line: Deployment) -> Refolding:
    return asyncio.run(refolding.refold(line.settings, default_policy()))


def test_the_same_log_gives_the_same_orders(line: Deployment) -> None:
    values = log()
    sent = orders(values)
    assert len(sent) == 4, "two complete calls, one late version, one timeout"
    put(line, values, sent)
    assert refolded(line) == Refolding(records=len(values), matched=4)


def test_an_empty_line_is_identical(line: Deployment) -> None:
    found = refolded(line)
    assert found.identical
    assert found == Refolding()


def test_every_difference_is_found(line: Deployment) -> None:
    values = log()
    one, other, third, fourth = orders(values)
    changed = (one.value or b"").replace(b'"version":1', b'"version":7')
    assert changed != one.value
    stranger = (other.value or b"").replace(b"call-2", b"call-8")
    put(
        line,
        values,
        [
            Outgoing(SEAL_ORDERS.name, one.key, changed),
            fourth,
            third,
            fourth,
            Outgoing(SEAL_ORDERS.name, other.key, stranger),
            Outgoing(SEAL_ORDERS.name, other.key, b"no order"),
        ],
    )
    found = refolded(line)
    assert not found.identical
    assert [name.split(" ")[0] for name in found.differing] == ["call-1/1"]
    assert [name.split(" ")[0] for name in found.missing] == ["call-2/1"]
    assert sorted(name.split(" ")[0] for name in found.unexpected) == ["call-8/1", "not"]
    assert found.disordered == ["seal-orders/0"]
    assert found.matched == 2


def test_a_log_without_its_beginning_proves_nothing(line: Deployment) -> None:
    values = log()
    put(line, values, orders(values))

    async def forget() -> None:
        client = AIOKafkaAdminClient(bootstrap_servers=line.settings.kafka_bootstrap)
        await client.start()
        try:
            where = TopicPartition(line.settings.topic(EVIDENCE.name), 0)
            await client.delete_records({where: RecordsToDelete(before_offset=3)})
        finally:
            await client.close()

    asyncio.run(forget())
    found = refolded(line)
    assert found.truncated == ["evidence/0 begins at 3"]
    assert not found.identical
