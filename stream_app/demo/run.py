"""The only place that drives the demo from start to end: topics, worker, replay, waiting, checks, figures."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stream_app import app, policy_file
from stream_app.core.manifest import read_manifest
from stream_app.core.policy import Policy
from stream_app.core.verification import Digest, Unread, verify
from stream_app.core.wire import read_json
from stream_app.demo.convert import ConvertedCall
from stream_app.demo.ground_truth import Expected, expect
from stream_app.demo.outcome import Seen, differences, latencies_ms, percentile, report
from stream_app.demo.replay import play, schedule
from stream_app.pipeline.ports import ObjectStore, StoreError
from stream_app.runtime import admin, policies
from stream_app.runtime.audit import Accounting, accounting
from stream_app.runtime.client import Publisher, read_topic
from stream_app.settings import STAGES, Settings
from stream_app.topics import DEAD_LETTERS, INTAKE_TOPICS, JOIN_ALERTS, PACKETS

READY_TIMEOUT_S = 90.0
SLACK_S = 45.0
"""After the last deadline: how long a slow machine may take before what is not there counts as lost."""
SURPLUS_S = 1.5
"""After everything expected is there: how long to look for what should not be."""
MANIFEST_BYTES = 16 << 20
UPLOADS_AT_ONCE = 24

Progress = Callable[[str, int, int], None]
"""(what, done, of how many)."""


class DemoFailed(Exception):
    """The demo could not be carried out; the message says what to look at."""


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
    worker = _start_worker(settings, where)
    left_running = False
    try:
        await _await_ready(worker, where, progress)
        async with app.object_store(settings_of(where.provider, "", policy_path, where.directory)) as store:
            await _upload(store, calls, progress)
        figures = await _replay_and_check(calls, settings, policy, speed, seed, progress, worker)
        left_running = keep
        return {**figures, "workerPid": worker.pid if keep else None}
    finally:
        if not left_running:  # Also when interrupted: what nobody will look at is not left behind.
            _stop(worker)


def _worker_log(where: Environment) -> Path:
    return where.directory / "worker.log"


def _start_worker(settings: Settings, where: Environment) -> subprocess.Popen[bytes]:
    """The line as a process of its own, as production has it; in its own session, so that Ctrl-C comes to us alone."""
    variables = {
        **os.environ,
        **where.worker,
        "STREAM_APP_TOPIC_PREFIX": settings.topic_prefix,
        "STREAM_APP_PACKET_BUCKET": settings.packet_bucket,
        "STREAM_APP_POLICY_FILE": str(settings.policy_file),
        "STREAM_APP_STATE_DIR": str(settings.state_dir),
    }
    with _worker_log(where).open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "stream_app", "worker", "--stages", ",".join(STAGES)],
            stdout=log, stderr=subprocess.STDOUT, env=variables, start_new_session=True,
        )  # fmt: skip


async def _await_ready(worker: subprocess.Popen[bytes], where: Environment, progress: Progress) -> None:
    """Return when every stage said `ready`. Raises DemoFailed with the end of the worker's log."""
    log_path = _worker_log(where)
    until = time.monotonic() + READY_TIMEOUT_S
    while True:
        ready = [stage for stage in STAGES if f"ready {stage}".encode() in log_path.read_bytes()]
        progress("starting the worker", len(ready), len(STAGES))
        if len(ready) == len(STAGES):
            return
        if worker.poll() is not None or time.monotonic() > until:
            tail = "\n".join(log_path.read_text(errors="replace").splitlines()[-8:])
            raise DemoFailed(f"the worker did not get ready; its log is {log_path} and ends with:\n{tail}")
        await asyncio.sleep(0.1)


def _stop(worker: subprocess.Popen[bytes]) -> None:
    """SIGTERM, which the supervisor passes on to its stages; SIGKILL where that does not end it."""
    if worker.poll() is None:
        worker.send_signal(signal.SIGTERM)
        try:
            worker.wait(20)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait(5)


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
    worker: subprocess.Popen[bytes],
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
    verified, broken = await _verify_all(settings, seen, policy, progress)
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


async def _still_runs(worker: subprocess.Popen[bytes], done: asyncio.Event) -> None:
    while not done.is_set():
        if worker.poll() is not None:
            raise DemoFailed(f"the worker ended with exit code {worker.returncode} in the middle of the demo")
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


async def _verify_all(settings: Settings, seen: Seen, policy: Policy, progress: Progress) -> tuple[int, list[str]]:
    """Fetch every manifest back and judge its stored bytes, with every artifact it names that is ours."""
    verified, broken = 0, []
    async with app.object_store(settings) as store:
        for packet in seen.all_packets:
            try:
                body = await store.get(packet["manifestUri"], max_bytes=MANIFEST_BYTES)
                verdict = verify(
                    body,
                    expected_hash=packet["manifestHash"],
                    artifacts=await _digests(store, body, settings),
                    policies={policy.sha256: policy},
                    packet=packet,
                )
                if verdict.answer("intact") == "yes":
                    verified += 1
                else:
                    broken.append(f"{packet['packetId']}: manifest {verdict.to_dict()}")
            except StoreError as error:
                broken.append(f"{packet['packetId']}: manifest cannot be read back: {error}")
            progress("verifying manifests", verified + len(broken), len(seen.all_packets))
    return verified, broken


async def _digests(store: ObjectStore, body: bytes, settings: Settings) -> dict[str, Digest | Unread]:
    found: dict[str, Digest | Unread] = {}
    for artifact in read_manifest(body).objects:
        digest, size = await store.digest(artifact.uri, max_bytes=settings.max_artifact_bytes)
        found[artifact.uri] = Digest(digest, size)
    return found


async def _input_times(settings: Settings) -> dict[str, int]:
    times = {}
    async for record in read_topic(settings, *(topic.name for topic in INTAKE_TOPICS)):
        times[f"{record.topic}/{record.partition}/{record.offset}"] = record.timestamp_ms
    return times
