"""The only place that measures how long after a call's last evidence its order, or its packet, can be read."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bench import targets
from bench.calls import PIECES, Fed, Feed, call_id
from bench.figures.figure import Figure, Measured, WrongOutput
from bench.figures.throughput import SELECTED, inputs_of, prime, store_transcript
from bench.kafka import Kafka
from bench.line import Line, line_of_run, policy
from bench.options import Options
from bench.selection import is_selected
from bench.spread import Spread, percentile
from stream_app import app
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

    def milliseconds(self, begin: float, end: float, now: float) -> tuple[list[float], int]:
        """(latencies of the calls whose last evidence was sent in this time, how many of them have no outcome yet).

        One without an outcome counts with the time that it has waited so far: left out, a stage that does not keep up
        would look fast.
        """
        due = [(call, sent) for call, sent in self.sent.items() if begin <= sent < end]
        unseen = sum(call not in self.seen for call, _ in due)
        return [(self.seen.get(call, now) - sent) * 1000 for call, sent in due], unseen


async def drive(
    watch: Watch, feed: Feed, emit: Emit, until: Callable[[float], bool], expected: Callable[[str], bool]
) -> None:
    """Send RATE events a second: three pieces of a new call and the last of an older one, evenly spaced.

    Noted are the calls of which an outcome is expected.
    """
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
            if expected(ripe):
                watch.sent[ripe] = time.perf_counter()
            await emit(record)
        due += len(PIECES) / RATE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))


@dataclass(frozen=True)
class Load:
    """What `seconds` of steady load gave: latencies in ms, calls without outcome at the end, CPU share of a core."""

    latencies: list[float]
    unseen: int
    share: float

    def to_dict(self) -> dict[str, float]:
        """For the results file."""
        ranks = {f"p{share * 100:.0f}": percentile(self.latencies, share) for share in (0.5, 0.9, 0.99)}
        return {
            "samples": len(self.latencies), "unseen": self.unseen, **ranks, "max": max(self.latencies),
            "cpuShare": self.share,
        }  # fmt: skip

    def __str__(self) -> str:
        unseen = f", {self.unseen} of {len(self.latencies)} not in time" if self.unseen else ""
        found = self.to_dict()
        return f"p50 {found['p50']:.0f} ms, p99 {found['p99']:.0f} ms{unseen}, {self.share:.0%} of a core"


async def _watched(line: Line, topic: str, feed: Feed, emit: Emit, seconds: float) -> tuple[Load, Watch]:
    """Steady load for a while to warm up, then for `seconds`."""
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
    await drive(watch, feed, emit, lambda now: now > end + 0.2, lambda call: is_selected(line.policy, call))
    await metering
    await asyncio.sleep(AFTER_S)
    latencies, unseen = watch.milliseconds(begin, end, time.perf_counter())
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    if not latencies or unseen == len(latencies):
        raise WrongOutput(f"no outcome of {len(latencies)} calls came within {AFTER_S:.0f} s of the end")
    return Load(latencies, unseen, (marks[1] - marks[0]) / seconds), watch


def _report(name: str, options: Options, loads: list[Load]) -> Measured:
    """Each row is the median over the runs of its own measure."""
    runs = [load.to_dict() for load in loads]
    rows = [
        targets.row(f"{name}.p50", Spread.of([run["p50"] for run in runs]).median),
        targets.row(f"{name}.p99", Spread.of([run["p99"] for run in runs]).median),
        targets.row(f"{name}.cpu", Spread.of([run["cpuShare"] * 100 for run in runs]).median),
    ]
    return Measured(rows, {"rate": RATE, "secondsARun": options.seconds, "runs": runs})


async def measure_join(options: Options, kafka: Kafka) -> Measured:
    """`evidence` to `seal-orders`, every call selected."""
    loads = []
    for run in range(1, options.runs + 1):
        options.say(f"join latency, run {run} of {options.runs}")
        async with line_of_run(options, kafka, policy(selected=1.0)) as line:
            line.stage("join")
            evidence = line.evidence

            async def emit(record: Fed, topic: str = evidence) -> Any:
                return await kafka.send(topic, record.key, record.value)

            load, _ = await _watched(line, line.orders, Feed(), emit, options.seconds)
        options.say(f"  {load}")
        loads.append(load)
    return _report("join-latency", options, loads)


async def measure_line(options: Options, kafka: Kafka) -> Measured:
    """Producers' topics to `packets`, a tenth selected; then every packet's manifest must lie in the store."""
    loads = []
    for run in range(1, options.runs + 1):
        options.say(f"line latency, run {run} of {options.runs}")
        async with line_of_run(options, kafka, policy(selected=SELECTED)) as line:
            await store_transcript(line)
            line.worker(STAGES)
            feed, packets = Feed("input"), line.settings.topic(PACKETS.name)
            await prime(line, packets, feed)
            names = inputs_of(line)

            async def emit(record: Fed, names: dict[str, str] = names) -> Any:
                return await kafka.send(names[record.topic], record.key, record.value)

            load, watch = await _watched(line, packets, feed, emit, options.seconds)
            await _manifests_exist(line, watch)
        options.say(f"  {load}")
        loads.append(load)
    return _report("line-latency", options, loads)


async def _manifests_exist(line: Line, watch: Watch) -> None:
    async with app.object_store(line.settings) as store:
        for value in watch.values.values():
            packet = read_json(value)
            if packet["status"] != "complete":
                raise WrongOutput(f"the packet of {packet['canonicalCallId']} is {packet['status']}")
            await store.head(packet["manifestUri"])


JOIN_LATENCY = Figure(
    "join-latency", "Last evidence to readable order, join only, 500 events/s", measure_join, ("runs", "seconds")
)
LINE_LATENCY = Figure(
    "line-latency", "Last evidence to readable packet, whole line, 500 events/s", measure_line, ("runs", "seconds")
)
