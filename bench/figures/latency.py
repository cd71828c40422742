"""The only place that measures how long after a call's last evidence its order, or its packet, can be read."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from bench import targets
from bench.calls import PIECES, Fed, Feed, call_id
from bench.figures.figure import Figure, Measured, WrongOutput
from bench.figures.throughput import SELECTED, prime, store_transcript
from bench.kafka import Kafka
from bench.line import Line, line_of_run, policy
from bench.options import Options
from bench.spread import percentile
from stream_app.core.wire import read_json
from stream_app.settings import STAGES
from stream_app.topics import PACKETS

RATE = 500
"""Events a second."""
HELD = 25
"""Calls between a call's other evidence and its last: the last is never in one batch with the rest."""
WARM_S = 8.0
AFTER_S = 3.0

Emit = Callable[[Fed], Awaitable[Any]]


class Watch:
    """When each call's last evidence was sent, and when its outcome could be read."""

    def __init__(self) -> None:
        self.sent: dict[str, float] = {}
        self.seen: dict[str, float] = {}
        self.values: dict[str, bytes] = {}

    async def read(self, kafka: Kafka, topic: str, begins: list[int], ready: asyncio.Event) -> None:
        """Note every record's arrival, until cancelled."""
        async with kafka.reading(topic, begins) as consumer:
            ready.set()
            while True:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    now = time.perf_counter()
                    for record in records:
                        call = record.key.decode()
                        self.seen.setdefault(call, now)
                        self.values[call] = record.value

    def milliseconds(self, begin: float, end: float) -> list[float]:
        """Latencies of the calls whose last evidence was sent in this time and whose outcome was seen."""
        return [
            (self.seen[call] - sent) * 1000 for call, sent in self.sent.items()
            if begin <= sent < end and call in self.seen
        ]  # fmt: skip


async def drive(watch: Watch, feed: Feed, emit: Emit, until: Callable[[float], bool]) -> None:
    """Send RATE events a second: three pieces of a new call and the last of an older one, evenly spaced."""
    held: deque[str] = deque()
    number, due = 0, time.perf_counter()
    while not until(time.perf_counter()):
        call, at = call_id("l0", number), time.time_ns() // 1_000_000
        number += 1
        for piece in PIECES[:-1]:
            await emit(feed.record(call, piece, at))
        held.append(call)
        if len(held) > HELD:
            ripe = held.popleft()
            record = feed.record(ripe, PIECES[-1], at)
            watch.sent[ripe] = time.perf_counter()
            await emit(record)
        due += len(PIECES) / RATE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))


async def _watched(line: Line, topic: str, feed: Feed, emit: Emit, seconds: float) -> tuple[list[float], float, Watch]:
    """(latencies in ms, CPU share of a core, watch) over `seconds` of steady load."""
    watch, ready = Watch(), asyncio.Event()
    reader = asyncio.create_task(watch.read(line.kafka, topic, await line.kafka.ends(topic), ready))
    await ready.wait()
    began = time.perf_counter()
    begin, end = began + WARM_S, began + WARM_S + seconds
    marks: list[float] = []

    async def meter() -> None:
        for moment in (begin, end):
            await asyncio.sleep(max(0.0, moment - time.perf_counter()))
            marks.append(sum(process.cpu() for process in line.processes))

    metering = asyncio.create_task(meter())
    await drive(watch, feed, emit, lambda now: now > end + 0.2)
    await metering
    await asyncio.sleep(AFTER_S)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    return watch.milliseconds(begin, end), (marks[1] - marks[0]) / seconds, watch


def _report(name: str, options: Options, samples: list[list[float]], shares: list[float]) -> Measured:
    p50 = [percentile(one, 0.5) for one in samples]
    p99 = [percentile(one, 0.99) for one in samples]
    middle = sorted(range(len(p99)), key=lambda run: p99[run])[len(p99) // 2]
    rows = [
        targets.row(f"{name}.p50", p50[middle]),
        targets.row(f"{name}.p99", p99[middle]),
        targets.row(f"{name}.cpu", shares[middle] * 100),
    ]
    details = {
        "rate": RATE, "secondsARun": options.seconds,
        "runs": [
            {"samples": len(one), "p50": a, "p90": percentile(one, 0.9), "p99": b, "max": max(one), "cpuShare": share}
            for one, a, b, share in zip(samples, p50, p99, shares, strict=True)
        ],
    }  # fmt: skip
    return Measured(rows, details)


async def measure_join(options: Options, kafka: Kafka) -> Measured:
    """`evidence` to `seal-orders`, every call selected; the run with the middle p99 counts."""
    samples, shares = [], []
    for run in range(1, options.runs + 1):
        options.say(f"join latency, run {run} of {options.runs}")
        async with line_of_run(options, kafka, policy(selected=1.0)) as line:
            line.stage("join")
            evidence = line.evidence

            async def emit(record: Fed, topic: str = evidence) -> Any:
                return await kafka.send(topic, record.key, record.value)

            found, share, _ = await _watched(line, line.orders, Feed(), emit, options.seconds)
            _must_be_all(len(found), options.seconds)
        options.say(f"  p50 {percentile(found, 0.5):.0f} ms, p99 {percentile(found, 0.99):.0f} ms, {share:.0%} CPU")
        samples.append(found)
        shares.append(share)
    return _report("join-latency", options, samples, shares)


async def measure_line(options: Options, kafka: Kafka) -> Measured:
    """Producers' topics to `packets`, a tenth selected; then every packet's manifest must lie in the store."""
    samples, shares = [], []
    for run in range(1, options.runs + 1):
        options.say(f"line latency, run {run} of {options.runs}")
        async with line_of_run(options, kafka, policy(selected=SELECTED)) as line:
            await store_transcript(line)
            line.worker(STAGES)
            feed, packets = Feed("input"), line.settings.topic(PACKETS.name)
            await prime(line, packets, feed)
            names = {form: line.settings.topic(form) for form in ("call-ended", "tool-call", "evaluation-completed")}

            async def emit(record: Fed, names: dict[str, str] = names) -> Any:
                return await kafka.send(names[record.topic], record.key, record.value)

            found, share, watch = await _watched(line, packets, feed, emit, options.seconds)
            await _manifests_exist(line, watch)
        options.say(f"  p50 {percentile(found, 0.5):.0f} ms, p99 {percentile(found, 0.99):.0f} ms, {share:.0%} CPU")
        samples.append(found)
        shares.append(share)
    return _report("line-latency", options, samples, shares)


def _must_be_all(found: int, seconds: float) -> None:
    expected = RATE / len(PIECES) * seconds
    if found < 0.95 * expected:
        raise WrongOutput(f"{found} orders came in time, {expected:.0f} were due: the stage does not keep up")


async def _manifests_exist(line: Line, watch: Watch) -> None:
    from stream_app import app

    async with app.object_store(line.settings) as store:
        for value in watch.values.values():
            packet = read_json(value)
            if packet["status"] != "complete":
                raise WrongOutput(f"the packet of {packet['canonicalCallId']} is {packet['status']}")
            await store.head(packet["manifestUri"])


JOIN_LATENCY = Figure("join-latency", "Last evidence to readable order, join only, 500 events/s", measure_join)
LINE_LATENCY = Figure("line-latency", "Last evidence to readable packet, whole line, 500 events/s", measure_line)
