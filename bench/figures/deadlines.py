"""The only place that measures how late a deadline fires on a cluster where nothing else happens."""

from __future__ import annotations

import asyncio
import time

from bench import targets
from bench.calls import Feed, call_id
from bench.figures.figure import Figure, Measured, WrongOutput
from bench.figures.latency import Watch
from bench.figures.throughput import prime, store_transcript
from bench.kafka import Kafka
from bench.line import line_of_run, policy
from bench.options import Options
from bench.spread import percentile
from stream_app.core.wire import read_json
from stream_app.settings import STAGES
from stream_app.topics import PACKETS

DEADLINE_MS = 3000
APART_S = 0.5
SLACK_S = 8.0


async def measure(options: Options, kafka: Kafka) -> Measured:
    """Lone calls, each only ended, no evaluation: their incomplete packets, against end plus deadline."""
    async with line_of_run(options, kafka, policy(selected=1.0, deadline_ms=DEADLINE_MS)) as line:
        await store_transcript(line)
        line.worker(STAGES)
        feed, packets, ended = Feed("input"), line.settings.topic(PACKETS.name), line.settings.topic("call-ended")
        await prime(line, packets, feed)
        watch, ready = Watch(), asyncio.Event()
        reader = asyncio.create_task(watch.read(kafka, packets, await kafka.ends(packets), ready))
        await ready.wait()
        for number in range(options.lone_calls):
            if number % 20 == 0:
                options.say(f"deadlines: {number} of {options.lone_calls} lone calls")
            call, at = call_id("d0", number), time.time_ns() // 1_000_000
            # The same clock in both: the packet's due moment, on the monotonic scale.
            watch.sent[call] = time.perf_counter() + DEADLINE_MS / 1000
            record = feed.record(call, "call", at)
            await (await kafka.send(ended, record.key, record.value))
            await asyncio.sleep(APART_S)
        await asyncio.sleep(DEADLINE_MS / 1000 + SLACK_S)
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
    late = [watch.seen[call] - due for call, due in watch.sent.items() if call in watch.seen]
    if len(late) != options.lone_calls:
        raise WrongOutput(f"{len(late)} packets of {options.lone_calls} lone calls came within {SLACK_S:.0f} s")
    wrong = [value for value in watch.values.values() if read_json(value)["status"] != "incomplete"]
    if wrong or min(late) < -0.01:
        raise WrongOutput(f"{len(wrong)} packets are not incomplete; the earliest came {min(late):.3f} s after its due")
    details = {
        "calls": len(late), "deadlineMs": DEADLINE_MS, "secondsApart": APART_S,
        "p50": percentile(late, 0.5), "p99": percentile(late, 0.99), "max": max(late),
    }  # fmt: skip
    return Measured([targets.row("deadline.p99", percentile(late, 0.99))], details)


DEADLINES = Figure("deadlines", "How late a lone call's deadline fires on a silent cluster", measure, ("loneCalls",))
