"""What the stages remember, read from outside: the last word of every row, in every partition."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from stream_app.core.calls import CallState
from stream_app.core.identity import AliasState
from stream_app.dev.state import Endpoints
from stream_app.pipeline.join import JoinPartition
from stream_app.pipeline.ports import Incoming, Outgoing
from stream_app.policy_file import default_policy
from stream_app.runtime import changelogs
from stream_app.runtime.client import TopicAbsent
from tests import evidence, remembered
from tests.deployments import Deployment, deployment
from tests.simulator import LoggedRows

TOPICS = ("stream-app-identity-identity-changelog", "stream-app-join-join-changelog")
POLICY = default_policy()


@pytest.fixture
def line(stack: Endpoints) -> Iterator[Deployment]:
    with deployment(stack, topics=TOPICS) as made:
        yield made


def test_the_join_s_memory_is_the_last_row_of_each_key(line: Deployment) -> None:
    first, last = (
        CallState(call_id="call-1"),
        CallState(call_id="call-1", items=evidence.pieces(evidence.call()), version=1),
    )
    second = CallState(call_id="call/2 ü")
    line.send(
        remembered.call_row(line, first),
        remembered.call_row(line, last),
        remembered.call_row(line, second, partition=1),
        remembered.call_row(line, CallState(call_id="call-3"), partition=1),
        remembered.forgotten_row(line, "call-3", partition=1),
        remembered.clock_row(line, 1),
        remembered.clock_row(line, 2),
        remembered.clock_row(line, 7, partition=1),
        *remembered.policy_rows(line, POLICY, partition=1),
    )
    memory = asyncio.run(changelogs.read_join(line.settings))
    assert memory.calls == {"call-1": last, "call/2 ü": second}
    assert memory.partition_of == {"call-1": 0, "call/2 ü": 1}
    assert {partition: clock.now for partition, clock in memory.clocks.items()} == {0: 2, 1: 7}
    assert memory.policies == {POLICY.sha256: POLICY}
    assert memory.active == {1: POLICY.sha256}


def test_it_reads_the_rows_that_the_join_writes(line: Deployment) -> None:
    rows = LoggedRows()
    stage = JoinPartition(1, rows, POLICY)
    item = evidence.call()
    records = [
        remembered.accepted(item).resolved("call-1").to_bytes(),
        remembered.activation(POLICY),
        remembered.clock(("call-ended",), now=evidence.START_MS),
    ]
    for offset, value in enumerate(records):
        rows.commit([stage.handle(Incoming("evidence", 1, offset, 0, b"call-1", value))])
    topic = line.changelog("join", "join")
    line.send(*(Outgoing(topic, key, row, partition=1) for key, row in rows.changelog))
    memory = asyncio.run(changelogs.read_join(line.settings))
    assert [known.position.key() for known in memory.calls["call-1"].items] == [item.position.key()]
    assert memory.clocks[1].now == evidence.START_MS == stage.now
    assert memory.active == {1: POLICY.sha256}
    assert memory.policies[POLICY.sha256] == POLICY


def test_aliases_by_name(line: Deployment) -> None:
    waiting = AliasState(alias="sipCallId:a:b@c", parked=(remembered.accepted(evidence.tool("t")),))
    linked = AliasState(alias="livekitRoom:r", canonical_call_id="call-1", said_by="test")
    line.send(*(remembered.alias_row(line, state) for state in (waiting, AliasState(alias="livekitRoom:r"), linked)))
    assert asyncio.run(changelogs.read_identity(line.settings)) == {waiting.alias: waiting, linked.alias: linked}


def test_nothing_is_remembered_at_first(line: Deployment) -> None:
    memory = asyncio.run(changelogs.read_join(line.settings))
    assert (memory.calls, memory.clocks, memory.policies, memory.active) == ({}, {}, {}, {})
    assert asyncio.run(changelogs.read_identity(line.settings)) == {}


def test_without_its_topic_it_says_so(stack: Endpoints) -> None:
    with deployment(stack, topics=()) as bare, pytest.raises(TopicAbsent, match="join-join-changelog does not exist"):
        asyncio.run(changelogs.read_join(bare.settings))
