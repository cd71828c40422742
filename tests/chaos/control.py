"""The only place that runs the negative control: the same calls, faults and judgement, but a plain Faust join.

It must fail, or the harness proves nothing. Judged on the level of calls: one packet each, of the right status, with
the right events. Its calls are those that need no rules: complete ones, and such with one piece missing.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from aiokafka.admin import NewTopic

from stream_app.dev.state import Endpoints
from tests.chaos.faults import Scene, rain
from tests.chaos.profiles import Profile
from tests.chaos.reading import Tail, kafka_admin, read_all
from tests.chaos.report import Report
from tests.chaos.run import READY_S, SESSION_S, WAKE_AFTER_S, load, save, summarise
from tests.chaos.story import Plan, Send, Truth, plan
from tests.chaos.workers import Fleet
from tests.chaos.world import document_of

TOPICS = ("naive-events", "naive-ticks", "naive-packets")
FATES = ("complete", "missing")
"""Those that need no rules: no late versions, no names in dispute, no names that nobody gave."""
QUIET_S = 45.0
"""Longer than its deadline: nothing comes any more."""


def command(*_member: object) -> list[str]:
    """The naive worker; it follows no aim, so faults come from outside."""
    return [sys.executable, "-m", "tests.chaos.naive"]


def naive_plan(made: Plan) -> Plan:
    """The plan's simple calls as events that state their call: no names to resolve, nothing invalid."""
    truths = {call: truth for call, truth in made.truths.items() if truth.fate in FATES}
    sends = [_naive(send, truths[send.call]) for send in made.sends if send.call in truths and send.event_id]
    return replace(made, sends=sends, truths=truths, strays=[], claims={}, waiting=set())


def _naive(send: Send, truth: Truth) -> Send:
    assert send.event_id is not None
    document: dict[str, Any] = {
        "callId": truth.call, "eventId": send.event_id, "kind": truth.events[send.event_id],
    }  # fmt: skip
    if document["kind"] == "call":
        document["tools"] = json.loads(send.value or b"")["expectedToolCalls"]
    key = json.dumps(truth.call).encode()  # As Faust's default key codec writes it.
    return replace(send, topic="naive-events", key=key, value=json.dumps(document).encode())


def judge(made: Plan, packets: list[dict[str, Any]]) -> Report:
    """One packet a call, right in status and events."""
    report = Report()
    seen = Counter(str(packet.get("callId")) for packet in packets)
    for call, count in seen.items():
        if count > 1:
            report.add("duplicated", f"{call} left {count} times")
    last = {packet["callId"]: packet for packet in packets}
    for call, truth in made.truths.items():
        packet = last.get(call)
        if packet is None:
            report.add("lost", f"{call} ({truth.fate}): no packet")
            continue
        status = "incomplete" if truth.fate == "missing" else "complete"
        if packet["status"] != status:
            report.add("wrong status", f"{call}: {packet['status']}, not {status}")
        if set(packet["events"]) != set(truth.events):
            report.add("wrong content", f"{call}: {len(packet['events'])} events of {len(truth.events)}")
    report.counts = {"calls": len(made.truths), "packets": len(packets)}
    return report


async def control(
    profile: Profile,
    seed: int,
    directory: Path,
    stack: Endpoints,
    restart_broker: Callable[[], Awaitable[None]] | None = None,
    *,
    say: Callable[[str], None] = print,
) -> Report:
    """One run of the control; everything it starts has ended when it returns."""
    prefix = f"chaos-{uuid.uuid4().hex[:8]}."
    async with kafka_admin(stack.kafka_bootstrap) as admin:
        await admin.create_topics([NewTopic(f"{prefix}{name}", 3, 1) for name in TOPICS])
    environment = {
        "STREAM_APP_TOPIC_PREFIX": prefix,
        "STREAM_APP_KAFKA_BOOTSTRAP": stack.kafka_bootstrap,
        "CHAOS_DEADLINE_S": str(profile.timing.deadline / 1000),
        "NO_COLOR": "1",
    }
    fleet = Fleet(directory, environment, ("naive",), WAKE_AFTER_S, command)
    keeper: asyncio.Task[None] | None = None
    try:
        for number in range(profile.workers):
            fleet.add(f"w{number + 1}")
        keeper = asyncio.create_task(fleet.keep())
        await fleet.ready(READY_S)
        epoch = time.time_ns() // 1_000_000 + 1000
        made = naive_plan(plan(seed, profile.calls, profile.calls_per_s, epoch, profile.timing))
        say(f"{profile.workers} naive workers are ready; {len(made.truths)} calls, seed {seed}")
        scene = Scene(fleet, Random(seed), {}, None, restart_broker)
        raining = asyncio.create_task(rain(scene, profile.faults, profile.load_s, profile.at_once))
        await load(stack.kafka_bootstrap, prefix, made)
        skipped = await raining
        if profile.faults:
            await fleet.remove_all(gently=False)
            for number in range(profile.drain_workers):
                fleet.add(f"w{number + 1}")
        await asyncio.sleep(2 * SESSION_S)
        await _quiet(stack.kafka_bootstrap, prefix, profile.drain_s)
    finally:
        if keeper is not None:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        fleet.kill_everything()
    records = await read_all(stack.kafka_bootstrap, prefix, ("naive-packets",))
    report = judge(made, [document_of(record) for record in records])
    fleet.fault_log.touch()
    summarise(report, scene, fleet, replace(profile, minima={}), skipped)
    save(directory, report, seed, profile)
    return report


async def _quiet(bootstrap: str, prefix: str, within_s: float) -> None:
    """Wait until nothing has come for long enough."""
    tail = Tail(bootstrap, prefix, ("naive-packets",))
    await tail.start()
    try:
        until, last = time.monotonic() + within_s, time.monotonic()
        while time.monotonic() < until and time.monotonic() - last < QUIET_S:
            if await tail.more():
                last = time.monotonic()
            await asyncio.sleep(1)
    finally:
        await tail.stop()
