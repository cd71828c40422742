"""Pausing by limit: where the fold stops, what it says, and that a paused partition stays so until it is let go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from stream_app.core.partition_states import PartitionState
from stream_app.core.wire import read_json
from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Effects, Incoming, Outgoing
from stream_app.runtime.breaker import Breaker, read_states, record_of
from stream_app.runtime.client import Publisher
from stream_app.settings import Settings
from stream_app.topics import DEAD_LETTERS, PARTITION_STATES
from tests.deployments import Deployment, deployment

LETTER = Outgoing(DEAD_LETTERS.name, b"k", b"{}")


def records(count: int, start: int = 0) -> list[Incoming]:
    return [Incoming("tool-call", 2, start + index, 0, None, b"x") for index in range(count)]


def refusing(batch: Sequence[Incoming]) -> list[Effects]:
    return [Effects(sends=(LETTER,)) for _ in batch]


def taking(batch: Sequence[Incoming]) -> list[Effects]:
    return [Effects() for _ in batch]


def breaker() -> Breaker:
    return Breaker(Settings(poison_run=5))


def test_the_fold_stops_behind_the_record_that_breaks_the_limit_and_says_so_with_it() -> None:
    one = breaker()
    done = one.guard("tool-call/2", refusing)(records(8, start=40))
    assert len(done) == 5
    assert [len(effects.sends) for effects in done] == [1, 1, 1, 1, 2]
    said = PartitionState.from_dict(read_json(done[-1].sends[1].value or b""))
    assert (said.source, said.state, said.by, said.offset) == ("tool-call/2", "paused", "limit", 45)
    assert one.paused("tool-call/2")
    assert not one.paused("tool-call/1")


def test_the_limit_counts_over_batches() -> None:
    guarded = breaker().guard("tool-call/2", refusing)
    assert len(guarded(records(3))) == 3
    assert len(guarded(records(3))) == 2


def test_good_records_pass_whole() -> None:
    assert len(breaker().guard("tool-call/2", taking)(records(500))) == 500


def test_after_a_pause_the_limits_count_anew() -> None:
    guarded = breaker().guard("tool-call/2", refusing)
    assert len(guarded(records(8))) == 5
    assert len(guarded(records(4))) == 4


@pytest.fixture
def line(stack: Endpoints) -> Iterator[Deployment]:
    with deployment(stack, topics=(PARTITION_STATES.name,)) as made:
        yield made


class Reader:
    """What the breaker tells of."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, int]] = []

    def pause(self, topic: str, partition: int) -> None:
        self.told.append(("paused", topic, partition))

    async def resume(self, topic: str, partition: int) -> None:
        self.told.append(("running", topic, partition))


@pytest.mark.real
async def test_what_was_said_before_holds_and_what_is_said_later_is_heard_once(line: Deployment) -> None:
    def state(source: str, to: str) -> Outgoing:
        return record_of(PartitionState.from_dict(
            {"source": source, "state": to, "at": "2026-05-28T20:26:40.000Z", "by": "operator", "reason": "x"}
        ))  # fmt: skip

    async with Publisher(line.settings) as publisher:
        await publisher.send_all(
            [state("tool-call/0", "paused"), state("tool-call/1", "paused"), state("tool-call/1", "running")]
        )
        one, reader = Breaker(line.settings), Reader()
        await one.start(reader)
        try:
            assert one.paused("tool-call/0")
            assert not one.paused("tool-call/1")
            await publisher.send_all([state("tool-call/0", "running"), state("call-ended/3", "paused")])
            for _ in range(100):
                if len(reader.told) >= 2:
                    break
                await asyncio.sleep(0.1)
        finally:
            await one.stop()
    assert sorted(reader.told) == [("paused", "call-ended", 3), ("running", "tool-call", 0)]
    assert {name: one.state for name, one in (await read_states(line.settings)).items()} == {
        "tool-call/0": "running", "tool-call/1": "running", "call-ended/3": "paused",
    }  # fmt: skip
