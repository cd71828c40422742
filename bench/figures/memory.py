"""The only place that measures what calls in state cost in resident memory, open ones and dormant ones."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from bench import targets
from bench.backlogs import Course, feed_and_wait, primers
from bench.calls import BASE_MS, Fed, Feed, Piece, call_id
from bench.figures.figure import Figure, Measured
from bench.kafka import PARTITIONS, Kafka
from bench.line import Line, line_of_run, policy
from bench.options import Options
from stream_app.core.evidence import ClockRecord
from stream_app.topics import INTAKE_TOPICS

SETTLE_S = 5.0
CHUNK = 20_000
HOUR_MS = 3_600_000
DEADLINE_MS = 900_000


def clock_record(now_ms: int) -> bytes:
    """What the join is told when every input partition was read up to `now_ms`."""
    sources = {topic.name: 1 for topic in INTAKE_TOPICS}
    record = ClockRecord(
        via=0, worker="bench", read_up_to={f"{name}/0": now_ms for name in sources}, sources=sources, vias=1
    )
    return record.to_bytes()


async def tell_time(line: Line, now_ms: int) -> None:
    """Set the time of every join partition."""
    for partition in range(PARTITIONS):
        await (await line.kafka.send(line.evidence, b"", clock_record(now_ms), partition))


async def settled_resident(line: Line, seconds: float = SETTLE_S) -> int:
    """Resident bytes after a quiet while: the lowest of a few looks."""
    looks = []
    for _ in range(5):
        await asyncio.sleep(seconds / 5)
        looks.append(sum(process.resident() for process in line.processes))
    return min(looks)


def chunks(feed: Feed, batch: str, calls: int, pieces: tuple[Piece, ...], at_ms: int) -> Iterator[list[Fed]]:
    """Records that open calls, a chunk at a time."""
    for first in range(0, calls, CHUNK):
        numbers = range(first, min(first + CHUNK, calls))
        yield [feed.record(call_id(batch, number), piece, at_ms) for number in numbers for piece in pieces]


async def measure(options: Options, kafka: Kafka) -> Measured:
    """Open calls over the empty baseline; then, in another process, calls whose deadline had passed when they came."""
    rows, details = [], {}
    async with line_of_run(options, kafka, policy(selected=1.0)) as line:
        baseline, after = await _grown(line, options, options.open_calls, dormant=False)
        per_call = (after - baseline) / options.open_calls
        options.say(f"memory: {baseline / 1e6:.0f} -> {after / 1e6:.0f} MB, {per_call:.0f} B an open call")
        rows.append(targets.row("memory.open", per_call))
        details["open"] = _details(options.open_calls, baseline, after)
    async with line_of_run(options, kafka, policy(selected=0.0, deadline_ms=DEADLINE_MS)) as line:
        baseline, after = await _grown(line, options, options.many_calls, dormant=True)
        options.say(f"memory: {baseline / 1e6:.0f} -> {after / 1e6:.0f} MB with {options.many_calls} dormant calls")
        rows.append(targets.row("memory.dormant", (after - baseline) / 1e6))
        details["dormant"] = _details(options.many_calls, baseline, after)
    return Measured(rows, details)


def _details(calls: int, baseline: int, after: int) -> dict[str, Any]:
    return {"calls": calls, "baselineBytes": baseline, "afterBytes": after}


async def _grown(line: Line, options: Options, calls: int, *, dormant: bool) -> tuple[int, int]:
    """(resident before, after) of a join that was warmed by calls that are over, then given `calls` that stay."""
    line.stage("join")
    feed = Feed()
    course = Course({line.evidence: line.group("join")}, line.orders)

    def place(_: Fed) -> str:
        return line.evidence

    await tell_time(line, BASE_MS + (HOUR_MS if dormant else 1000))
    await feed_and_wait(line.kafka, course, line.processes, primers(feed, "p0", each=50), place)
    baseline = await settled_resident(line)
    done = 0
    for records in chunks(feed, "m0", calls, ("call",), BASE_MS):
        await feed_and_wait(line.kafka, course, line.processes, records, place)
        done += len(records)
        options.say(f"memory: {done} of {calls} {'dormant' if dormant else 'open'} calls")
    return baseline, await settled_resident(line)


MEMORY = Figure("memory", "Resident memory of calls in state", measure, ("openCalls", "manyCalls"))
