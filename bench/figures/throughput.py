"""The only place that measures how fast a backlog of producers' events goes through the line, by the wall."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench import meter, targets
from bench.backlogs import primers, put_out
from bench.calls import TRANSCRIPT, Backlog, Fed, Feed
from bench.figures.figure import Figure, Measured, WrongOutput
from bench.figures.join import orders_of
from bench.kafka import Kafka
from bench.line import Line, line_of_run, policy
from bench.options import Options
from bench.orders import faults
from bench.selection import is_selected
from bench.spread import Spread
from stream_app.core.wire import read_json, write_json
from stream_app.settings import STAGES, StageName
from stream_app.sinks.s3 import S3ObjectStore
from stream_app.topics import CALL_ENDED, EVALUATION_COMPLETED, TOOL_CALL
from stream_app.topics import PACKETS as PACKETS_TOPIC

UNSEALED: tuple[StageName, ...] = ("intake", "identity", "join")
SELECTED = 0.1
SHARE_OF_CALLS = {"orders": 0.5, "packets": 0.125}
"""Of the join's calls: these backlogs go through three and four stages and the object store."""


def inputs_of(line: Line) -> dict[str, str]:
    """Public input topic of each kind of event that is fed in -> its full name here."""
    return {topic.name: line.settings.topic(topic.name) for topic in (CALL_ENDED, TOOL_CALL, EVALUATION_COMPLETED)}


async def store_transcript(line: Line) -> None:
    """The one source object that all calls point at; each sealing fetches it anew."""
    keys = line.options.stack.credentials["provider"]
    turns = [
        {"speaker": ("agent", "customer")[number % 2], "text": "word " * 12, "startMs": number * 5000}
        for number in range(30)
    ]
    async with S3ObjectStore(
        endpoint_url=line.options.stack.s3_endpoint, access_key=keys.access_key, secret_key=keys.secret_key
    ) as store:
        await store.put(TRANSCRIPT, write_json({"turns": turns}), media_type="application/json")


async def _pass(
    line: Line, output: str, feed: Feed, options: Options, calls: int, written: Callable[[Fed], bytes] | None = None
) -> tuple[float, float, int, Backlog]:
    """One backlog through a line that runs: (wall seconds, CPU seconds, events, what was fed).

    `written`: what is fed in place of each record's own bytes.
    """
    begins = await line.kafka.ends(output)
    backlog = feed.backlog("b0", calls, seed=options.seed, at_ms=time.time_ns() // 1_000_000)
    expected = sum(is_selected(line.policy, call) for call in backlog.complete)
    for process in line.processes:
        process.pause()
    try:
        names = inputs_of(line)
        values = ((one, one.value if written is None else written(one)) for one in backlog.records)
        await line.kafka.feed((names[one.topic], one.key, value) for one, value in values)
        pids = [process.pid for process in line.processes]
        used, began = meter.cpu_seconds(pids), time.monotonic()
    finally:
        for process in line.processes:
            process.resume()
    wall = await put_out(line.kafka, output, begins, expected, line.processes) - began
    return wall, meter.cpu_seconds(pids) - used, len(backlog.records), backlog


async def prime(line: Line, output: str, feed: Feed) -> None:
    """A few calls through the whole line, so that everything is open and loaded."""
    begins = await line.kafka.ends(output)
    records = primers(feed, "p0")
    wanted = sum(is_selected(line.policy, call) for call in {one.call for one in records})
    names = inputs_of(line)
    await line.kafka.feed((names[one.topic], one.key, one.value) for one in records)
    await put_out(line.kafka, output, begins, wanted, line.processes)


async def measure_orders(options: Options, kafka: Kafka) -> Measured:
    """Producers' events to seal orders, every call selected."""
    calls = max(100, round(options.calls * SHARE_OF_CALLS["orders"]))
    rates, cpus = [], []
    for run in range(1, options.runs + 1):
        options.say(f"line without sealing, run {run} of {options.runs}")
        async with line_of_run(options, kafka, policy(selected=1.0)) as line:
            line.worker(UNSEALED)
            feed = Feed("input")
            await prime(line, line.orders, feed)
            begins = await kafka.ends(line.orders)
            wall, used, events, backlog = await _pass(line, line.orders, feed, options, calls)
            if wrong := faults(await orders_of(kafka, line.orders, begins), backlog.complete):
                raise WrongOutput(f"line without sealing: {'; '.join(wrong)}")
        options.say(f"  {events} events, {events / wall:,.0f} per second, {events / used:,.0f} per CPU-second")
        rates.append(events / wall)
        cpus.append(events / used)
    details = {
        "events": events,
        "perSecond": Spread.of(rates).to_dict(),
        "perCpuSecond": Spread.of(cpus).to_dict(),
    }
    return Measured([targets.row("orders.wall", Spread.of(rates).median)], details)


async def measure_packets(options: Options, kafka: Kafka) -> Measured:
    """Producers' events to packets, a tenth of the calls selected."""
    calls = max(200, round(options.calls * SHARE_OF_CALLS["packets"]))
    rates, cpus, statuses = [], [], {}
    for run in range(1, options.runs + 1):
        options.say(f"whole line, run {run} of {options.runs}")
        async with line_of_run(options, kafka, policy(selected=SELECTED)) as line:
            await store_transcript(line)
            line.worker(STAGES)
            feed, output = Feed("input"), line.settings.topic(PACKETS_TOPIC.name)
            await prime(line, output, feed)
            begins = await kafka.ends(output)
            wall, used, events, backlog = await _pass(line, output, feed, options, calls)
            statuses = await _check_packets(line, output, begins, backlog)
        options.say(f"  {events} events, {events / wall:,.0f} per second, {events / used:,.0f} per CPU-second")
        rates.append(events / wall)
        cpus.append(events / used)
    details = {
        "events": events, "packets": statuses,
        "perSecond": Spread.of(rates).to_dict(), "perCpuSecond": Spread.of(cpus).to_dict(),
    }  # fmt: skip
    return Measured([targets.row("packets.wall", Spread.of(rates).median)], details)


async def measure_identity(options: Options, kafka: Kafka) -> Measured:
    """The same events, each knowing some name of its call, and each carrying its call's ID: what names cost."""
    calls = max(100, round(options.calls * SHARE_OF_CALLS["orders"]))
    ways: dict[str, Callable[[Fed], bytes] | None] = {"names": None, "ids": _with_id}
    cost: dict[str, list[float]] = {way: [] for way in ways}
    for run in range(1, options.runs + 1):
        for way, written in ways.items():  # By turns, so that both see the same machine.
            options.say(f"identity, by {way}, run {run} of {options.runs}")
            async with line_of_run(options, kafka, policy(selected=1.0)) as line:
                line.worker(UNSEALED)
                feed = Feed("input")
                await prime(line, line.orders, feed)
                begins = await kafka.ends(line.orders)
                _, used, events, backlog = await _pass(line, line.orders, feed, options, calls, written)
                if wrong := faults(await orders_of(kafka, line.orders, begins), backlog.complete):
                    raise WrongOutput(f"identity by {way}: {'; '.join(wrong)}")
            options.say(f"  {used / events * 1e6:,.0f} us of CPU an event")
            cost[way].append(used / events * 1e6)
    names, ids = Spread.of(cost["names"]), Spread.of(cost["ids"])
    details = {"microsecondsAnEvent": {"names": names.to_dict(), "ids": ids.to_dict()}}
    return Measured([targets.row("identity.cost", names.median / ids.median)], details)


def _with_id(one: Fed) -> bytes:
    """The event carrying its call's ID and no other name."""
    document = read_json(one.value)
    return write_json({**document, "canonicalCallId": one.call, "aliases": {}, "traceId": None})


async def _check_packets(line: Line, output: str, begins: list[int], backlog: Backlog) -> dict[str, int]:
    """Status -> packets. Raises WrongOutput unless each selected complete call has one packet and no other has any."""
    statuses: dict[str, int] = {}
    seen: list[str] = []
    async for record in line.kafka.read(output, begins):
        packet = read_json(record.value)
        seen.append(packet["canonicalCallId"])
        statuses[packet["status"]] = statuses.get(packet["status"], 0) + 1
    wanted = {call for call in backlog.complete if is_selected(line.policy, call)}
    if set(seen) != wanted or len(seen) != len(wanted):
        raise WrongOutput(f"{len(seen)} packets of {len(set(seen))} calls, expected one for each of {len(wanted)}")
    if set(statuses) != {"complete"}:
        raise WrongOutput(f"packets of complete calls are {statuses}")
    return statuses


ORDERS = Figure(
    "orders", "The line without sealing: producers' events to seal orders", measure_orders, ("runs", "calls", "seed")
)
IDENTITY = Figure(
    "identity", "What names cost: CPU per event by names over by IDs", measure_identity, ("runs", "calls", "seed")
)
PACKETS = Figure(
    "packets", "The whole line with a tenth of the calls sealed", measure_packets, ("runs", "calls", "seed")
)
