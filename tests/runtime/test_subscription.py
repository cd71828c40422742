"""A subscriber of its own, on the real broker: nothing twice that is done, nothing missed that is not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Outgoing
from stream_app.runtime.client import KafkaUnavailable, Publisher, TopicAbsent
from stream_app.runtime.subscription import Subscription
from stream_app.settings import Settings
from stream_app.topics import JOIN_ALERTS
from tests.deployments import deployment


@pytest.fixture(scope="module")
def settings(stack: Endpoints) -> Iterator[Settings]:
    with deployment(stack, topics=(JOIN_ALERTS.name,), internal_partitions=4) as made:
        yield made.settings


async def write(settings: Settings, *values: str, partition: int = 0) -> None:
    async with Publisher(settings) as publisher:
        await publisher.send_all(
            [Outgoing(JOIN_ALERTS.name, b"k", value.encode(), partition=partition) for value in values]
        )


async def read(settings: Settings, name: str, *, take: int | None = None, start: str = "beginning") -> list[str]:
    """What one member gets up to the end as of now; `take` of them are done, the rest only read."""
    found: list[str] = []
    chosen = "end" if start == "end" else "beginning"
    async with Subscription(settings, JOIN_ALERTS.name, name=name, start=chosen) as member:  # type: ignore[arg-type]
        async for record in member.records(follow=False):
            if take is None or len(found) < take:
                await member.done(record)
            found.append((record.value or b"").decode())
    return found


async def test_what_is_done_never_comes_again_and_what_is_not_does(settings: Settings) -> None:
    await write(settings, "a", "b", "c")
    assert await read(settings, "first", take=1) == ["a", "b", "c"]
    assert await read(settings, "first") == ["b", "c"]
    assert await read(settings, "first") == []
    assert await read(settings, "another") == ["a", "b", "c"], "each name stands for itself"


async def test_a_start_at_the_end_is_remembered_before_anything_is_done(settings: Settings) -> None:
    await write(settings, "old")
    assert await read(settings, "newcomer", start="end") == []
    await write(settings, "new", partition=1)
    assert await read(settings, "newcomer", start="end") == ["new"], "a second start is no new start"


async def test_two_members_share_the_partitions(settings: Settings) -> None:
    name = "shared"
    total = 12
    await read(settings, name)
    got: dict[str, list[str]] = {"one": [], "two": []}
    every = asyncio.Event()

    async def member(who: str) -> None:
        async with Subscription(settings, JOIN_ALERTS.name, name=name) as subscription:
            async for record in subscription.records(follow=True):
                await subscription.done(record)
                got[who].append((record.value or b"").decode())
                if len({*got["one"], *got["two"]}) == total:
                    every.set()

    members = [asyncio.ensure_future(member(who)) for who in got]
    await asyncio.sleep(5)  # Both are in the group, and the partitions shared out.
    for partition in range(4):
        await write(settings, *(f"{partition}/{number}" for number in range(3)), partition=partition)
    await asyncio.wait_for(every.wait(), 30)
    for one in members:
        one.cancel()
    await asyncio.gather(*members, return_exceptions=True)
    assert got["one"], "the first had partitions"
    assert got["two"], "and so had the second"
    assert sorted([*got["one"], *got["two"]]) == sorted(f"{p}/{n}" for p in range(4) for n in range(3))


async def test_a_topic_that_is_not_there_is_said_so(settings: Settings) -> None:
    with pytest.raises(TopicAbsent, match="topics apply"):
        await read(settings.model_copy(update={"topic_prefix": "nowhere-"}), "any")


async def test_a_broker_that_is_away_is_said_so() -> None:
    with pytest.raises(KafkaUnavailable, match="does not answer"):
        await read(Settings(kafka_bootstrap="127.0.0.1:1"), "any")
