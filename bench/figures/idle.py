"""The only place that measures what calls leave behind: many through the join, then time, a roll and a compaction."""

from __future__ import annotations

import asyncio
import time

from bench import targets
from bench.backlogs import Course, caught_up, feed_and_wait, primers
from bench.calls import BASE_MS, Fed, Feed, Piece, call_id
from bench.figures.figure import Figure, Measured, WrongOutput
from bench.figures.join import orders_of
from bench.figures.memory import CHUNK, tell_time
from bench.kafka import PARTITIONS, Kafka
from bench.line import Line, line_of_run, policy
from bench.options import Options
from bench.selection import is_selected
from stream_app.runtime import admin

SELECTED = 0.001
PIECES: tuple[Piece, ...] = ("call", "evaluation")
"""Its tools never come: a call that is drawn leaves at its deadline, the others are forgotten without a packet."""
DEADLINE_MS = 20_000
KEPT_MS = 60_000
STEP_MS = 10_000
"""How far time moves on with each chunk: some six chunks are in the state at a time, the older ones are forgotten."""
PATIENCE_S = 600.0
TICK_S = 2.0
FORGET_AT_ONCE = {"cleanup.policy": "compact", "delete.retention.ms": "0", "max.message.bytes": str(8 << 20)}
COMPACT_NOW = {
    "cleanup.policy": "compact", "segment.ms": "1000", "min.cleanable.dirty.ratio": "0.0001",
    "delete.retention.ms": "0", "max.compaction.lag.ms": "1", "max.message.bytes": str(8 << 20),
}  # fmt: skip


async def measure(options: Options, kafka: Kafka) -> Measured:
    """Calls through the join, most of them nobody's; forget them all; then look at what is left of the changelog."""
    chosen = policy(selected=SELECTED, deadline_ms=DEADLINE_MS, kept_ms=KEPT_MS)
    async with line_of_run(options, kafka, chosen) as line:
        process = line.stage("join")
        course = Course({line.evidence: line.group("join")}, line.orders)
        feed = Feed()

        def place(_: Fed) -> str:
            return line.evidence

        # The broker compacts by itself in the middle of the run, and dates each tombstone then: a day ahead, as the
        # changelog is configured, no forced compaction at the end would take it away.
        await kafka.alter(admin.changelog_name(line.settings, "join", "join"), FORGET_AT_ONCE)
        await feed_and_wait(kafka, course, line.processes, primers(feed, "p0"), place)
        begins = await kafka.ends(line.orders)
        now, began, selected = BASE_MS, time.monotonic(), set[str]()
        await tell_time(line, now)
        for first in range(0, options.many_calls, CHUNK):
            calls = [call_id("i0", number) for number in range(first, min(first + CHUNK, options.many_calls))]
            records = [feed.record(call, piece, now) for call in calls for piece in PIECES]
            selected |= {call for call in calls if is_selected(chosen, call)}
            await feed_and_wait(kafka, course, line.processes, records, place)
            now += STEP_MS
            await tell_time(line, now)
            options.say(f"idle: {first + len(calls)} of {options.many_calls} calls through")
        for _ in range(KEPT_MS // STEP_MS + 3):
            now += STEP_MS
            await tell_time(line, now)
            await caught_up(kafka, course, line.processes)
        through_s = time.monotonic() - began
        ordered = sorted(order.call for order in await orders_of(kafka, line.orders, begins))
        if ordered != sorted(selected):
            raise WrongOutput(f"{len(ordered)} orders of {len(set(ordered))} calls, {len(selected)} were selected")
        changelog = admin.changelog_name(line.settings, "join", "join")
        before = _sizes(options, changelog)
        largest = await _compacted(options, line, changelog, now)
        live = await _live_calls(kafka, changelog)
        options.say(f"idle: {live} live keys of calls, {largest / 1e6:.2f} MB the largest changelog partition")
        details = {
            "calls": options.many_calls, "selected": len(selected), "throughSeconds": round(through_s, 1),
            "largestBytesBefore": max(before), "largestBytes": largest, "residentBytes": process.resident(),
        }  # fmt: skip
        return Measured([targets.row("idle.keys", live), targets.row("idle.changelog", largest / 1e6)], details)


def _sizes(options: Options, topic: str) -> list[int]:
    """Bytes of each partition's log on the broker's disk."""
    data = options.stack.root / "kafka" / "data"
    return [
        sum(one.stat().st_size for one in (data / f"{topic}-{partition}").glob("*.log"))
        for partition in range(PARTITIONS)
    ]


async def _compacted(options: Options, line: Line, changelog: str, now: int) -> int:
    """Bytes of the largest partition once rolls and compactions make it no smaller, or it has reached the aim."""
    await line.kafka.alter(changelog, COMPACT_NOW)
    until, largest = time.monotonic() + PATIENCE_S, max(_sizes(options, changelog))
    while time.monotonic() < until and largest > 1e6:
        now += 1000
        await tell_time(line, now)  # A segment rolls only when something is written behind it.
        await asyncio.sleep(TICK_S)
        for process in line.processes:
            process.check()
        largest = max(_sizes(options, changelog))
    return largest


async def _live_calls(kafka: Kafka, changelog: str) -> int:
    """Keys of calls whose last record is no tombstone."""
    live: set[bytes] = set()
    async for record in kafka.read(changelog, [0] * PARTITIONS):
        if not record.key.startswith(b"call:"):
            continue
        if record.value is None:
            live.discard(record.key)
        else:
            live.add(record.key)
    return len(live)


IDLE = Figure("idle", "What is left of calls that went through and were forgotten", measure, ("manyCalls",))
