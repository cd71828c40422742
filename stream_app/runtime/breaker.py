"""The only place where an input partition is paused and goes on again, by limit or by command.

Theory of operation. What is paused stands in the compacted topic `partition-states`, so it holds over restarts and
rebalances; every intake worker follows that topic. A partition that breaks a limit (`core.poison`) is paused by the
worker that reads it: the fold ends behind the record that broke it, and says so on the topic. Records behind are not
taken, not acknowledged and not lost: when `running` is read, the partition is read on from there. While it is paused
the join's clock stands behind it for `maxHold`, as behind any input that is not read; then its source is alerted as
silent.

    running --limit or operator--> paused --operator--> running (the limits count anew)
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from pydantic import ValidationError

from stream_app.core.partition_states import PartitionState
from stream_app.core.poison import Poison
from stream_app.core.wire import WireError, read_json
from stream_app.pipeline.ports import Effects, Incoming, Outgoing
from stream_app.runtime.client import KafkaUnavailable, end_offsets, read_topic
from stream_app.settings import Settings
from stream_app.topics import DEAD_LETTERS, PARTITION_STATES

log = logging.getLogger(__name__)

AGAIN_S = 2.0


def record_of(state: PartitionState) -> Outgoing:
    """The record that says it."""
    return Outgoing(PARTITION_STATES.name, state.source.encode(), state.to_bytes())


async def read_states(settings: Settings) -> dict[str, PartitionState]:
    """What was last said of each input partition. Raises KafkaUnavailable, TopicAbsent."""
    states: dict[str, PartitionState] = {}
    async for record in read_topic(settings, PARTITION_STATES.name):
        state = _state_in(record)
        if state is not None:
            states[state.source] = state
    return states


def _state_in(record: Incoming) -> PartitionState | None:
    try:
        return PartitionState.from_dict(read_json(record.value or b""))
    except (WireError, ValidationError):
        return None  # Not ours: the topic is written by this module and the command alone.


def _place(source: str) -> tuple[str, int]:
    topic, _, partition = source.rpartition("/")
    return topic, int(partition)


class Pausable(Protocol):
    """What reads the input partitions."""

    def pause(self, topic: str, partition: int) -> None:
        """Read it no further."""
        ...

    async def resume(self, topic: str, partition: int) -> None:
        """Read it on from where it was paused."""
        ...


class Breaker:
    """Which input partitions are paused, as one intake worker knows it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._states: dict[str, PartitionState] = {}
        self._task: asyncio.Task[None] | None = None
        self._reader: Pausable | None = None

    async def start(self, reader: Pausable) -> None:
        """Learn what is paused; `reader` is told what is said from now on."""
        self._reader = reader
        behind = await end_offsets(self._settings, PARTITION_STATES.name)
        self._states = await read_states(self._settings)
        self._task = asyncio.create_task(self._follow(behind), name="partition states")

    async def stop(self) -> None:
        """Follow no longer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def paused(self, source: str) -> bool:
        """Whether the partition (`topic/partition`) is not to be read."""
        state = self._states.get(source)
        return state is not None and state.state == "paused"

    def guard(
        self, source: str, fold: Callable[[Sequence[Incoming]], Sequence[Effects]]
    ) -> Callable[[Sequence[Incoming]], Sequence[Effects]]:
        """`fold`, which ends behind the record that breaks a limit: then it returns fewer effects than records."""
        poison = Poison(self._settings.poison_run, self._settings.poison_share)

        def guarded(batch: Sequence[Incoming]) -> Sequence[Effects]:
            nonlocal poison
            done = fold(batch)
            for index, effects in enumerate(done):
                broken = poison.observe(any(send.topic == DEAD_LETTERS.name for send in effects.sends))
                if broken is None:
                    continue
                poison = Poison(self._settings.poison_run, self._settings.poison_share)
                state = PartitionState(
                    source=source,
                    state="paused",
                    at=time.time_ns() // 1_000_000,
                    by="limit",
                    reason=broken,
                    offset=batch[index].offset + 1,
                )
                self._states[source] = state
                if self._reader is not None:
                    self._reader.pause(*_place(source))
                log.error("%s is paused: %s; `stream-app partitions resume %s` reads on", source, broken, source)
                last = Effects(sends=(*effects.sends, record_of(state)))
                return [*done[:index], last]
            return done

        return guarded

    async def _follow(self, behind: dict[tuple[str, int], int]) -> None:
        """Every change that others say, for as long as the worker lives."""
        while True:
            try:
                async for record in read_topic(self._settings, PARTITION_STATES.name, start=behind, follow=True):
                    behind[record.topic, record.partition] = record.offset + 1
                    state = _state_in(record)
                    if state is not None and self._states.get(state.source) != state:
                        self._states[state.source] = state
                        await self._tell(state)
            except KafkaUnavailable as error:
                log.warning("cannot follow what is paused, trying again: %s", error)
            await asyncio.sleep(AGAIN_S)

    async def _tell(self, state: PartitionState) -> None:
        assert self._reader is not None
        log.warning("%s is %s (%s): %s", state.source, state.state, state.by, state.reason)
        if state.state == "paused":
            self._reader.pause(*_place(state.source))
        else:
            await self._reader.resume(*_place(state.source))
