"""The only place that drives the demo from start to end: topics, worker, replay, waiting, checks, figures."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stream_app import app, policy_file
from stream_app.core.policy import Policy
from stream_app.core.wire import read_json
from stream_app.demo.convert import ConvertedCall
from stream_app.demo.ground_truth import Expected, expect
from stream_app.demo.manifests import verify_all
from stream_app.demo.outcome import Seen, differences, latencies_ms, percentile, report
from stream_app.demo.processes import DemoFailed, Process, Progress
from stream_app.demo.replay import play, schedule
from stream_app.pipeline.ports import ObjectStore
from stream_app.runtime import admin, policies
from stream_app.runtime.audit import Accounting, accounting
from stream_app.runtime.client import Publisher, read_topic
from stream_app.settings import STAGES, Settings
from stream_app.topics import DEAD_LETTERS, INTAKE_TOPICS, JOIN_ALERTS, PACKETS

SLACK_S = 45.0
"""After the last deadline: how long a slow machine may take before what is not there counts as lost."""
SURPLUS_S = 1.5
"""After everything expected is there: how long to look for what should not be."""
UPLOADS_AT_ONCE = 24


@dataclass(frozen=True)
class Environment:
    """Where the demo runs: environment variables of the worker, of who reads, and of who provides artifacts."""

    worker: dict[str, str]
    provider: dict[str, str]
    prefix: str
    directory: Path
    """For the policy file, the worker's state and its log."""


def settings_of(variables: dict[str, str], prefix: str, policy: Path, state: Path) -> Settings:
    """Settings from the given variables, apart from this process's environment."""
    values = {name.removeprefix("STREAM_APP_").lower(): value for name, value in variables.items()}
    # Packets of one demo lie apart from those of another: the same calls would be found sealed already.
    place = f"{Settings.model_fields['packet_bucket'].default}/{prefix.rstrip('.')}"
    return Settings(
        **{**values, "topic_prefix": prefix, "policy_file": policy, "state_dir": state, "packet_bucket": place}  # type: ignore[arg-type]
    )


async def run(
    calls: list[ConvertedCall], where: Environment, *, speed: float, seed: int, keep: bool, progress: Progress
) -> dict[str, Any]:
    """Carry the demo out; returns the figures, with `differences` empty when everything adds up."""
    policy = policy_file.default_policy().scaled(speed)
    where.directory.mkdir(parents=True, exist_ok=True)
    policy_path = where.directory / "policy.yaml"
    policy_path.write_text(policy_file.dump(policy))
    settings = settings_of(where.worker, where.prefix, policy_path, where.directory / "state")
    progress("creating topics", 0, 1)
    await admin.apply(settings)
    await policies.activate(settings, policy)
    progress("creating topics", 1, 1)
    worker = Process.start(("worker", "--stages", ",".join(STAGES)), settings, where.worker, where.directory)
    left_running = False
    try:
        await worker.said([f"ready {stage}" for stage in STAGES], "starting the worker", progress)
        async with app.object_store(settings_of(where.provider, "", policy_path, where.directory)) as store:
            await _upload(store, calls, progress)
        figures = await _replay_and_check(calls, settings, policy, speed, seed, progress, worker)
        left_running = keep
        return {**figures, "workerPid": worker.pid if keep else None}
    finally:
        if not left_running:  # Also when interrupted: what nobody will look at is not left behind.
            worker.stop()


async def _upload(store: ObjectStore, calls: list[ConvertedCall], progress: Progress) -> None:
    """Artifacts lie in the provider's bucket before any event points at them."""
    objects = [one for call in calls for one in call.objects]
    limit, done = asyncio.Semaphore(UPLOADS_AT_ONCE), 0

    async def put(uri: str, body: bytes, media_type: str) -> None:
        nonlocal done
        async with limit:
            await store.put_once(uri, body, media_type=media_type)
        done += 1
        progress("storing transcripts and recordings", done, len(objects))

    await asyncio.gather(*(put(*one) for one in objects))


async def _replay_and_check(
    calls: list[ConvertedCall], settings: Settings, policy: Policy, speed: float, seed: int, progress: Progress,
    worker: Process,
) -> dict[str, Any]:  # fmt: skip
    expected = [expect(call, policy) for call in calls]
    seen, done = Seen(), asyncio.Event()
    watching = [asyncio.create_task(_watch(settings, seen, done)), asyncio.create_task(_still_runs(worker, done))]
    planned = schedule(calls, speed, seed)
    sent = 0

    def advance(count: int) -> None:
        nonlocal sent
        sent += count
        progress("replaying events", sent, len(planned))

    async with Publisher(settings) as publisher:
        confirmed = await play(planned, speed, publisher, advance)
    left = await _await_outcome(expected, seen, policy, progress, watching)
    done.set()
    await asyncio.gather(*watching, return_exceptions=True)
    account = await accounting(settings)
    parked = sum(one.parked for one in expected)
    left += _account(account, parked, confirmed)
    verified, broken = await verify_all(settings, seen.all_packets, policy, progress)
    left += broken
    times = latencies_ms(seen, await _input_times(settings))
    return report(
        expected,
        seen,
        {
            "events": confirmed,
            "accounting": {
                ending: sum(count[ending] for count in account.endings.values())
                for ending in ("used", "duplicate", "conflict", "dead_letter", "parked", "late")
            },
            "evidenceToPacketMs": {"p50": percentile(times, 0.5), "p99": percentile(times, 0.99), "of": len(times)},
            "manifestsVerified": verified,
            "manifests": len(seen.all_packets),
            "differences": left,
            "anyAlias": next(
                (f"{k}:{v}" for c in calls if c.call_id in seen.packets for k, v in c.aliases.items()), None
            ),
        },
    )


async def _watch(settings: Settings, seen: Seen, done: asyncio.Event) -> None:
    async for record in read_topic(
        settings, PACKETS.name, JOIN_ALERTS.name, DEAD_LETTERS.name, follow=True, stop=done.is_set
    ):
        document = read_json(record.value or b"{}")
        if record.topic == PACKETS.name:
            seen.packet(document, record.timestamp_ms)
        elif record.topic == JOIN_ALERTS.name:
            seen.alert(document)
        else:
            seen.dead_letters[document["reason"]] += 1


async def _still_runs(worker: Process, done: asyncio.Event) -> None:
    while not done.is_set():
        if (code := worker.ended()) is not None:
            raise DemoFailed(f"the worker ended with exit code {code} in the middle of the demo")
        with suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), 0.5)


async def _await_outcome(
    expected: list[Expected], seen: Seen, policy: Policy, progress: Progress, watching: list[asyncio.Task[None]]
) -> list[str]:
    """Wait until everything expected is there, at most past the last deadline; then look for surplus."""
    until = time.monotonic() + policy.timing.deadline / 1000 + policy.timing.orphan / 1000 + SLACK_S
    while True:
        for task in watching:
            if task.done():
                task.result()
        left = differences(expected, seen)
        progress("waiting for deadlines and packets", max(0, len(expected) - len(left)), len(expected))
        if not left or time.monotonic() > until:
            await asyncio.sleep(SURPLUS_S)
            return differences(expected, seen)
        await asyncio.sleep(0.5)


def _account(account: Accounting, parked: int, confirmed: int) -> list[str]:
    found = [f"{position}: not accounted for" for position in account.unaccounted]
    found += [f"{position}: accounted for twice" for position in account.twice]
    if account.positions != confirmed:
        found.append(f"{account.positions} input positions, but {confirmed} events were sent")
    seen_parked = sum(count["parked"] for count in account.endings.values())
    if seen_parked != parked:
        found.append(f"{seen_parked} events are parked, expected {parked}")
    return found


async def _input_times(settings: Settings) -> dict[str, int]:
    times = {}
    async for record in read_topic(settings, *(topic.name for topic in INTAKE_TOPICS)):
        times[f"{record.topic}/{record.partition}/{record.offset}"] = record.timestamp_ms
    return times
