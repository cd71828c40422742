"""The only place that measures how soon a stage that was killed works again: kill -9 with many open calls."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from bench import targets
from bench.backlogs import Course, Stuck, feed_and_wait, primers
from bench.calls import Fed, Feed, call_id
from bench.figures.figure import Figure, Measured
from bench.kafka import Kafka
from bench.line import Line, line_of_run, policy
from bench.options import Options
from bench.spread import Spread

SESSION_S = 6.0
CHUNK = 20_000
PATIENCE_S = 240.0


async def measure(options: Options, kafka: Kafka) -> Measured:
    """Fill the join's state once; then kill it, `runs` times with its local state and as often with that wiped."""
    seconds: dict[str, list[float]] = {"local": [], "wiped": []}
    resident: dict[str, int] = {}
    chosen = policy(selected=1.0)
    async with line_of_run(options, kafka, chosen, session_timeout_s=str(SESSION_S)) as line:
        process = line.stage("join")
        feed = Feed()
        await _fill(line, feed, options)
        calls = iter(range(options.open_calls))
        for run in range(options.runs):
            for name in seconds:
                resident["before"] = process.resident()
                process.kill()
                line.processes.remove(process)
                await _left(line)
                if name == "wiped":
                    line.wipe_state()
                begins = await kafka.ends(line.orders)
                await _complete(line, feed, call_id("r0", next(calls)))
                began = time.monotonic()
                process = line.start("stage", "join")
                took = await _first_order(line, begins) - began
                options.say(f"restart with {options.open_calls} open calls, {name} state, run {run + 1}: {took:.2f} s")
                seconds[name].append(took)
    rows = [targets.row(f"restart.{name}", Spread.of(values).median) for name, values in seconds.items()]
    details: dict[str, Any] = {
        "openCalls": options.open_calls,
        **{name: Spread.of(values).to_dict() for name, values in seconds.items()},
    }
    return Measured(rows, details)


async def _fill(line: Line, feed: Feed, options: Options) -> None:
    """Open calls: each has its end and one of two tools; what is missing may come at any time."""
    course = Course({line.evidence: line.group("join")}, line.orders)

    def place(_: Fed) -> str:
        return line.evidence

    await feed_and_wait(line.kafka, course, line.processes, primers(feed, "p0"), place)
    for first in range(0, options.open_calls, CHUNK):
        options.say(f"restart: opening calls, {first} of {options.open_calls}")
        records = [
            feed.record(call_id("r0", number), piece)
            for number in range(first, min(first + CHUNK, options.open_calls))
            for piece in ("call", "tool-1")
        ]
        await feed_and_wait(line.kafka, course, line.processes, records, place)


async def _complete(line: Line, feed: Feed, call: str) -> None:
    records = [feed.record(call, "tool-2"), feed.record(call, "evaluation")]
    await line.kafka.feed((line.evidence, one.key, one.value) for one in records)


async def _left(line: Line) -> None:
    """Wait until the group has noticed that its member is dead: that time is a setting, not speed."""
    until = time.monotonic() + SESSION_S * 5
    while await line.kafka.members(line.group("join")):
        if time.monotonic() > until:
            raise Stuck("the dead member is still in its group")
        await asyncio.sleep(0.1)


async def _first_order(line: Line, begins: list[int]) -> float:
    """When an order could be read (monotonic seconds)."""
    until = time.monotonic() + PATIENCE_S
    async with line.kafka.reading(line.orders, begins) as consumer:
        while time.monotonic() < until:
            if await consumer.getmany(timeout_ms=100):
                return time.monotonic()
            for process in line.processes:
                process.check()
    raise Stuck(f"no order within {PATIENCE_S:.0f} s of the restart")


RESTART = Figure(
    "restart", "Start after kill -9 to the first order, with many open calls", measure, ("runs", "openCalls")
)
