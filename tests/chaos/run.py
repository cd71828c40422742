"""The only place that puts a chaos run together: deploy, load, let it rain, drain, look, judge."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

from aiokafka import AIOKafkaProducer

from stream_app.dev.state import Endpoints
from stream_app.policy_file import default_policy, dump
from tests.chaos import auditor, checker
from tests.chaos.answers import Answers
from tests.chaos.faults import Scene, rain
from tests.chaos.hooks import note
from tests.chaos.notices import name_of
from tests.chaos.profiles import Profile
from tests.chaos.proxy import Proxy
from tests.chaos.reading import Objects, Record, Tail, read_all, topic_names
from tests.chaos.report import Report
from tests.chaos.story import Plan, Send, Timing, plan
from tests.chaos.workers import ROOT, Fleet
from tests.chaos.world import OUTPUTS, Sent, World, document_of

STAGES = ("intake", "identity", "join", "seal")
_FENCED = (
    "folded", "before-transaction", "in-transaction", "committed", "stored", "before-ack", "fencing", "replaying",
)  # fmt: skip
STEPS: dict[str, tuple[str, ...]] = {
    "intake": ("folded", "before-transaction", "committed", "before-ack"),
    "identity": _FENCED,
    "join": _FENCED,
    "seal": (*_FENCED, "manifest-stored"),
}
"""Stage -> the steps that it can come to."""
SESSION_S = 6
WAKE_AFTER_S = 10.0
MAX_EVENT_BYTES = 48 << 10
QUIET_S = 5.0
READY_S = 120.0
READS_AT_ONCE = 16
Say = Callable[[str], None]


@dataclass
class Deployment:
    """One line's own names on a stack."""

    stack: Endpoints
    prefix: str
    environment: dict[str, str]
    bucket: str

    def group(self, stage: str) -> str:
        """The consumer group of a stage, as docs/delivery.md names it."""
        return f"{self.prefix}stream-app-{stage}"


async def deploy(stack: Endpoints, directory: Path, timing: Timing, s3_endpoint: str, **more: str) -> Deployment:
    """Topics, and a policy of short deadlines, by the product's own command."""
    policy = default_policy()
    short = {
        "deadline": timing.deadline, "soft": (8000,), "tool_settle": 3000, "reason_grace": 5000, "settling": 2000,
        "orphan": timing.deadline, "seal_budget": timing.seal_budget, "mint_delay": timing.mint_delay,
        "account_window": timing.account_window, "account_settle": timing.account_settle,
    }  # fmt: skip
    rows = tuple(
        row if row.sample is None else row.model_copy(update={"sample": row.sample.model_copy(update={"rate": 0.0})})
        for row in policy.reasons
    )
    file = directory / "policy.yaml"
    changed = policy.model_copy(update={"timing": policy.timing.model_copy(update=short), "reasons": rows})
    file.write_text(dump(changed))
    run = f"chaos-{uuid.uuid4().hex[:8]}"
    environment = {
        **stack.environment(),
        "STREAM_APP_S3_ENDPOINT": s3_endpoint,
        "STREAM_APP_TOPIC_PREFIX": f"{run}.",
        "STREAM_APP_PACKET_BUCKET": f"review-packets/{run}",
        "STREAM_APP_INTERNAL_PARTITIONS": "3",
        "STREAM_APP_INPUT_PARTITIONS": "2",
        "STREAM_APP_SESSION_TIMEOUT_S": str(SESSION_S),
        "STREAM_APP_REQUEST_TIMEOUT_S": "15",
        "STREAM_APP_MAX_EVENT_BYTES": str(MAX_EVENT_BYTES),
        "STREAM_APP_POLICY_FILE": str(file),
        **more,
    }
    deployment = Deployment(stack, f"{run}.", environment, f"s3://review-packets/{run}")
    code, output = await command(deployment, "topics", "apply")
    if code:
        raise RuntimeError(f"stream-app topics apply ended with {code}: {output[-800:]}")
    return deployment


async def command(deployment: Deployment, *words: str) -> tuple[int, str]:
    """(exit code, standard output and error) of `stream-app <words>`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "stream_app", *words,
        cwd=ROOT, env={**os.environ, **deployment.environment},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode(errors="replace")


async def chaos(
    profile: Profile,
    seed: int,
    directory: Path,
    stack: Endpoints,
    *,
    restart_broker: Any = None,
    settings: dict[str, str] | None = None,
    say: Say = print,
) -> Report:
    """One whole run of the product's line. Everything it starts has ended when it returns, however it ends."""
    random, timing = Random(seed), profile.timing
    address = urlsplit(stack.s3_endpoint)
    assert address.hostname is not None
    assert address.port is not None
    async with Proxy(address.hostname, address.port, seed) as proxy:
        deployment = await deploy(stack, directory, timing, proxy.endpoint, **(settings or {}))
        fleet = Fleet(directory, deployment.environment, STAGES, WAKE_AFTER_S)
        watch = auditor.Auditor(
            stack.kafka_bootstrap,
            deployment.prefix,
            {stage: deployment.group(stage) for stage in STAGES},
            await effects_topics(deployment),
        )
        helpers: list[asyncio.Task[Any]] = []
        try:
            for number in range(profile.workers):
                fleet.add(f"w{number + 1}")
            helpers += [asyncio.create_task(fleet.keep()), asyncio.create_task(watch.run(2.0))]
            await fleet.ready(READY_S)
            say(f"{profile.workers} workers are ready; {profile.calls} calls in {profile.load_s:.0f} s, seed {seed}")
            epoch = time.time_ns() // 1_000_000 + 1000
            made = plan(seed, profile.calls, profile.calls_per_s, epoch, timing, oversize=MAX_EVENT_BYTES + 1)
            await put_artifacts(stack, made)
            answers = Answers(stack.kafka_bootstrap, deployment.prefix, made)
            helpers.append(asyncio.create_task(answers.run()))
            scene = Scene(fleet, random, STEPS, proxy, restart_broker)
            raining = asyncio.create_task(rain(scene, profile.faults, profile.load_s, profile.at_once))
            await load(stack.kafka_bootstrap, deployment.prefix, made)
            skipped = await raining
            say(f"sent; faults: {dict(scene.done)}; ended: {dict(fleet.exits)}")
            await restart_all(fleet, proxy, profile)
            began = time.monotonic()
            done = await drain(stack.kafka_bootstrap, deployment.prefix, made, answers, profile.drain_s)
            took = time.monotonic() - began
            say(f"{'drained in' if done else 'NOT drained, and nothing moved any more after'} {took:.0f} s")
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            fleet.kill_everything()
        world = await look(deployment, made, timing)
        report = checker.judge(world)
        auditor.judge(watch.samples, await all_records(deployment), report)
        if answers.waiting:
            report.notes.append(
                f"never sent, because never seen: {sorted({str(one.after) for one in answers.waiting})}"
            )
        summarise(report, scene, fleet, profile, skipped)
        save(directory, report, seed, profile)
        return report


async def effects_topics(deployment: Deployment) -> list[str]:
    """Where effects of stages stand: outputs, internal topics, changelogs."""
    names = await topic_names(deployment.stack.kafka_bootstrap, deployment.prefix)
    wanted = {*OUTPUTS, "identity", "evidence", "seal-retry"}
    return [name for name in names if name in wanted or name.endswith("-changelog")]


async def put_artifacts(stack: Endpoints, made: Plan) -> None:
    """Transcripts and recordings lie in the provider's bucket before anybody names them."""
    keys = stack.credentials["provider"]
    async with Objects(stack.s3_endpoint, keys.access_key, keys.secret_key) as objects:
        for uri, body in made.artifacts.items():
            await objects.put(uri, body)


async def load(bootstrap: str, prefix: str, made: Plan) -> None:
    """Write the plan's records in their time, as idempotent producers do; a broker that is away delays them.

    Not those that wait until something was seen.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=5, request_timeout_ms=90_000
    )
    await producer.start()
    waiting: list[Any] = []
    try:
        for send in made.sends:
            if send.after is not None:
                continue
            pause = send.at / 1000 - time.time()
            if pause > 0:
                await asyncio.sleep(pause)
            waiting.append(await producer.send(prefix + send.topic, send.value, send.key))
        await asyncio.gather(*waiting)
    finally:
        await producer.stop()


async def restart_all(fleet: Fleet, proxy: Proxy, profile: Profile) -> None:
    """The last fault: everything is killed, and comes back with another number of workers, on a silent cluster."""
    proxy.become("pass")
    fleet.disarm()
    note(fleet.fault_log, fault="restart", workers=profile.drain_workers)
    await fleet.remove_all(gently=False)
    for number in range(profile.drain_workers):
        fleet.add(f"w{number + 1}")


async def drain(bootstrap: str, prefix: str, made: Plan, answers: Answers, within_s: float) -> bool:
    """Wait until every call has what it must have and nothing more comes.

    False when nothing has moved for `within_s` before that: a slow machine is given all the time it uses.
    """
    tail = Tail(bootstrap, prefix, ("packets", "join-alerts", "seal-orders", "seal-retry", "dead-letters"))
    await tail.start()
    newest: dict[str, dict[str, Any]] = {}
    alerts: set[tuple[str, str]] = set()
    refused: set[str] = set()
    wanted_alerts = {(alert, "firing") for alert in [*(f"{alias}/orphan/1" for alias in made.strays), *made.vague]}
    wanted_alerts |= {(alert, "firing") for alert in made.claims}
    wanted_alerts |= {(alert, "resolved") for alert, over in made.claims.items() if over}
    wanted_refusals = sum(one.refusal is not None for one in made.sends)
    try:
        moved = time.monotonic()
        while time.monotonic() - moved < within_s:
            records = await tail.more()
            for record in records:
                document = document_of(record)
                if record.topic == "join-alerts":
                    alerts.add((str(document.get("alertId")), str(document.get("state"))))
                elif record.topic == "dead-letters":
                    refused.add(str(document.get("position")))
                elif record.topic == "packets":
                    call = str(document["canonicalCallId"])
                    if document["version"] >= newest.get(call, {"version": 0})["version"]:
                        newest[call] = document
            if records:
                moved = time.monotonic()
            moved = max(moved, answers.sent_at)
            complete = settled(made, newest) and wanted_alerts <= alerts and len(refused) >= wanted_refusals
            if complete and not answers.waiting and time.monotonic() - moved > QUIET_S:
                return True
            await asyncio.sleep(1)
        return False
    finally:
        await tail.stop()


def settled(made: Plan, newest: dict[str, dict[str, Any]]) -> bool:
    """Whether every call's newest packet is the one that ends its story."""
    return all(
        truth.reason is None
        or (
            call in newest
            and newest[call]["status"] == truth.status
            and {name_of(entry["eventId"]) for entry in newest[call]["evidence"]} == set(truth.events)
        )
        for call, truth in made.truths.items()
    )


async def look(deployment: Deployment, made: Plan, timing: Timing) -> World:
    """Read everything there is to judge."""
    bootstrap, prefix = deployment.stack.kafka_bootstrap, deployment.prefix
    records: dict[str, list[Record]] = {topic: [] for topic in OUTPUTS}
    for record in await read_all(bootstrap, prefix, OUTPUTS):
        records[record.topic].append(record)
    sent = placed(made, await read_all(bootstrap, prefix, sorted({one.topic for one in made.sends})))
    keys = deployment.stack.credentials["admin"]
    objects: dict[str, bytes] = {}
    async with Objects(deployment.stack.s3_endpoint, keys.access_key, keys.secret_key) as store:
        uris = await store.under(deployment.bucket + "/")
        for first in range(0, len(uris), READS_AT_ONCE):
            some = uris[first : first + READS_AT_ONCE]
            bodies = await asyncio.gather(*(store.get(uri) for uri in some))
            objects |= {uri: body or b"" for uri, body in zip(some, bodies, strict=True)}
    code, output = await command(deployment, "audit", "--json")
    audit = json.loads(output[output.index("{") :]) if code in (0, 1) else {"error": f"exit {code}: {output[-300:]}"}
    return World(made, timing, sent, records, objects, audit)


def placed(made: Plan, inputs: list[Record]) -> list[Sent]:
    """Each input record with what it was sent as. Raises LookupError for one that the plan does not know or lacks.

    What waits until something was seen may lack: that nothing was to be seen is for the judge to say.
    """
    known: dict[tuple[str, bytes | None, bytes | None], Send] = {
        (one.topic, one.key, one.value): one for one in made.sends
    }
    sent = [Sent(known[(one.topic, one.key, one.value)], one.position, one.at) for one in inputs]
    timed, stand = (sum(one.after is None for one in sends) for sends in (made.sends, [one.send for one in sent]))
    if timed != stand or len(sent) > len(made.sends):
        raise LookupError(
            f"{timed} of {len(made.sends)} records were sent for sure, {stand} of {len(sent)} stand there"
        )
    return sent


async def all_records(deployment: Deployment) -> dict[str, list[Record]]:
    """Every record of every topic of the run: what the auditor looks for effects in."""
    bootstrap, prefix = deployment.stack.kafka_bootstrap, deployment.prefix
    found: dict[str, list[Record]] = {}
    for record in await read_all(bootstrap, prefix, await topic_names(bootstrap, prefix)):
        found.setdefault(record.topic, []).append(record)
    return found


def summarise(report: Report, scene: Scene, fleet: Fleet, profile: Profile, skipped: list[str]) -> None:
    """Say what was done to the line, and what was meant to be and was not."""
    report.notes += skipped
    report.counts |= {f"fault {name}": count for name, count in sorted(scene.done.items())}
    report.counts["zombies woken"] = fleet.woken
    struck: Counter[str] = Counter()
    for line in fleet.fault_log.read_text().splitlines():
        fault = json.loads(line)
        if fault["fault"] in ("kill", "freeze") and fault.get("step") in {s for steps in STEPS.values() for s in steps}:
            struck[f"{fault['stage']} {fault['step']}"] += 1
    if struck:
        report.notes.append("steps struck: " + ", ".join(f"{name} {count}" for name, count in sorted(struck.items())))
    if scene.missed:
        report.notes.append(f"steps that were not reached in time: {dict(scene.missed)}")
    report.notes.append(f"processes ended: {dict(sorted(fleet.exits.items()))}")
    for name, minimum in profile.minima.items():
        if scene.done[name] < minimum:
            report.notes.append(f"TOO LITTLE CHAOS: {scene.done[name]} of {minimum} {name}")


def save(directory: Path, report: Report, seed: int, profile: Profile) -> None:
    """The verdict beside the logs."""
    document = {"profile": profile.name, "seed": seed, **report.to_dict()}
    (directory / "report.json").write_text(json.dumps(document, indent=1))
