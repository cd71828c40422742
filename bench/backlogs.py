"""The only place for how a backlog is timed: the process is ready and frozen while it is fed, then let go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import meter
from bench.calls import Fed, Feed
from bench.kafka import PARTITIONS, Kafka, partition_of
from bench.processes import Running
from bench.profiling import profiled

POLL_S = 0.05
QUIET_S = 600.0
"""A side that has not moved for this long is stuck; on a busy machine minutes are no sign of that yet."""


class Stuck(Exception):
    """A side did not come to the end of its input."""


@dataclass(frozen=True)
class Timed:
    """One backlog worked off. Seconds of CPU of all processes; wall to the last output that became readable."""

    events: int
    cpu_s: float
    wall_s: float
    output_begins: list[int]
    """Where in the output topic this backlog's output begins, by partition."""

    @property
    def per_cpu_second(self) -> float:
        """Input events a second of CPU."""
        return self.events / self.cpu_s

    @property
    def per_second(self) -> float:
        """Input events a second."""
        return self.events / self.wall_s


@dataclass(frozen=True)
class Course:
    """What a backlog runs over: input topic -> consumer group that must commit it to its end; and the output topic."""

    groups: dict[str, str]
    output: str


def primers(feed: Feed, batch: str, each: int = 3) -> list[Fed]:
    """A few complete calls for every partition: what they start lazily shall not count as work."""
    found: list[Fed] = []
    missing = dict.fromkeys(range(PARTITIONS), each)
    number = 0
    while any(missing.values()):
        records = feed.call(f"call-{batch}-{number:012d}")
        partition = partition_of(records[0].key)
        if missing[partition]:
            missing[partition] -= 1
            found += records
        number += 1
    return found


async def caught_up(kafka: Kafka, course: Course, processes: Sequence[Running]) -> float:
    """Wait until all input is committed; returns when the last output became readable (monotonic seconds).

    Raises Died where a process ends, Stuck where nothing moves any more.
    """
    ends = {topic: await kafka.ends(topic) for topic in course.groups}
    output, since = await kafka.ends(course.output), time.monotonic()
    moved = since
    before: tuple[dict[str, list[int]], list[int]] | None = None
    while True:
        now_output, now = await kafka.ends(course.output), time.monotonic()
        if now_output != output:
            output, since = now_output, now
        committed: dict[str, list[int]] = {}
        for group in set(course.groups.values()):
            committed |= await kafka.committed(group, [one for one, of in course.groups.items() if of == group])
        if all(done >= end for topic in ends for done, end in zip(committed[topic], ends[topic], strict=True)):
            if await kafka.ends(course.output) == output:
                return since
            continue
        if (committed, output) != before:
            before, moved = (committed, output), now
        elif now - moved > QUIET_S:
            raise Stuck(f"after {QUIET_S:.0f} s without movement {committed} of {ends} is done")
        for process in processes:
            process.check()
        await asyncio.sleep(POLL_S)


async def put_out(
    kafka: Kafka, output: str, begins: Sequence[int], expected: int, processes: Sequence[Running], *, quiet_s: float = 3
) -> float:
    """Wait until at least `expected` records lie in the output and no more have come for `quiet_s`.

    Returns when the last became readable. For lines whose clocks keep their topics moving: there no group is ever at
    the end. Raises Died, Stuck.
    """
    ends, since = list(begins), time.monotonic()
    while True:
        found, now = await kafka.ends(output), time.monotonic()
        if found != ends:
            ends, since = found, now
        count = sum(end - begin for end, begin in zip(ends, begins, strict=True))
        if count >= expected and now - since > quiet_s:
            return since
        if now - since > QUIET_S / 5:
            raise Stuck(f"{count} records of at least {expected} came, and then none for {now - since:.0f} s")
        for process in processes:
            process.check()
        await asyncio.sleep(POLL_S)


async def feed_and_wait(
    kafka: Kafka, course: Course, processes: Sequence[Running], records: Sequence[Fed], place: Callable[[Fed], str]
) -> None:
    """Feed records to running processes and wait until they are worked off; nothing is measured."""
    await kafka.feed((place(one), one.key, one.value) for one in records)
    await caught_up(kafka, course, processes)


async def timed(
    kafka: Kafka,
    course: Course,
    processes: Sequence[Running],
    records: Sequence[Fed],
    place: Callable[[Fed], str],
    profile: Path | None = None,
) -> Timed:
    """Freeze the processes, feed the records, let the processes go, and measure until all of it is durable."""
    begins = await kafka.ends(course.output)
    for process in processes:
        process.check()
        process.pause()
    try:
        await kafka.feed((place(one), one.key, one.value) for one in records)
        before = meter.cpu_seconds([process.pid for process in processes])
        began = time.monotonic()
    finally:
        for process in processes:
            process.resume()
    with profiled(processes[0].pid, profile):
        last_output = await caught_up(kafka, course, processes)
    used = meter.cpu_seconds([process.pid for process in processes]) - before
    return Timed(len(records), used, last_output - began, begins)
