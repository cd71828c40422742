"""The only place that measures the gateway: status callbacks and reports with transcripts, at their rate, on one core.

The load is open: each webhook has its time, and one that comes late because others are waited for counts from when it
was due. The gateway runs on one core, what sends the load on another; broker and store take what is left of both.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from dataclasses import dataclass, field

import aiohttp

from bench import targets
from bench.figures.figure import Figure, Measured, WrongOutput
from bench.kafka import Kafka
from bench.line import line_of_run, policy
from bench.options import Options
from bench.processes import Running
from bench.spread import percentile
from stream_app.demo.signing import body_of, signer_of
from stream_app.runtime.client import read_topic
from stream_app.topics import INTAKE_TOPICS

CALLBACKS_A_SECOND = 500
REPORTS_A_SECOND = 50
TURNS = 60
"""Of a report's transcript: some 680 words."""
WARM_S = 3.0
SECRET = "bench-secret"
_STAGING_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
_WORDS = ["could", "you", "tell", "me", "when", "the", "refund", "for", "my", "order", "will", "arrive", "please"]


@dataclass
class _Load:
    """What became of the webhooks."""

    answers: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    """From when each was due to its answer, after the warming up."""
    acknowledged: set[str] = field(default_factory=set)


async def measure(options: Options, kafka: Kafka) -> Measured:
    """Both kinds at once for `seconds`; then every event that was acknowledged is looked for in Kafka."""
    settings = {
        "GATEWAY_PORT": "0", "STAGING_KEY": _STAGING_KEY, "WEBHOOK_SECRETS_TWILIO": SECRET,
        "WEBHOOK_SECRETS_VAPI": SECRET,
    }  # fmt: skip
    async with line_of_run(options, kafka, policy(selected=0.0), **settings) as line:
        process = line.start("gateway")
        url = await _url(process)
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(process.pid, cores[:1])
        load = _Load()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
            await _run(client, url, load, WARM_S, first=0, record=False)
            before, began = process.cpu(), time.monotonic()
            await _run(client, url, load, options.seconds, first=1_000_000, record=True)
            cpu, took = process.cpu() - before, time.monotonic() - began
        if set(load.answers) != {200}:
            raise WrongOutput(f"not every webhook was taken: {dict(load.answers)}")
        written = set()
        async for record in read_topic(line.settings, *(topic.name for topic in INTAKE_TOPICS)):
            written.add(dict(record.headers)["ce_id"].decode())
        lost = load.acknowledged - written
        if lost:
            raise WrongOutput(f"{len(lost)} events were acknowledged and are not in Kafka")
        p50, p99 = (percentile(load.seconds, share) * 1000 for share in (0.5, 0.99))
        options.say(f"gateway: p50 {p50:.1f} ms, p99 {p99:.1f} ms, {100 * cpu / took:.0f} % of a core")
        details = {
            "webhooks": sum(load.answers.values()), "events": len(load.acknowledged), "p50Ms": round(p50, 1),
            "residentBytes": process.resident(),
        }  # fmt: skip
        rows = [targets.row("gateway.p99", p99), targets.row("gateway.cpu", 100 * cpu / took)]
        return Measured(rows, details)


async def _url(process: Running) -> str:
    until = time.monotonic() + 60
    while not process.said("gateway http"):
        process.check()
        if time.monotonic() > until:
            raise WrongOutput("the gateway did not say where it listens")
        await asyncio.sleep(0.1)
    lines = process.log.read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("gateway http"))


async def _run(
    client: aiohttp.ClientSession, url: str, load: _Load, seconds: float, *, first: int, record: bool
) -> None:
    rates = (("twilio", CALLBACKS_A_SECOND), ("vapi", REPORTS_A_SECOND))
    due = sorted(
        (number / rate, provider, first + number) for provider, rate in rates for number in range(int(seconds * rate))
    )
    began = time.monotonic()
    sent: list[asyncio.Task[None]] = []
    for at, provider, number in due:
        behind = began + at - time.monotonic()
        if behind > 0:
            await asyncio.sleep(behind)
        sent.append(asyncio.create_task(_send(client, url, load, provider, number, began + at, record=record)))
    await asyncio.gather(*sent)


async def _send(
    client: aiohttp.ClientSession, url: str, load: _Load, provider: str, number: int, due: float, *, record: bool
) -> None:
    address = f"{url}/webhooks/{provider}"
    body = body_of(provider, _status(number) if provider == "twilio" else _report(number))
    headers = signer_of(provider).headers(SECRET, address, body)
    async with client.post(address, data=body, headers=headers) as answer:
        document = await answer.json(content_type=None)
    load.answers[answer.status] += 1
    load.acknowledged.update(document.get("eventIds", ()))
    if record:
        load.seconds.append(time.monotonic() - due)


def _status(number: int) -> dict[str, str]:
    return {
        "CallSid": f"CA{number:032x}", "AccountSid": "AC" + "0" * 32, "CallStatus": "completed", "CallDuration": "60",
        "Timestamp": "Sun, 20 Sep 2026 10:00:00 +0000", "SequenceNumber": "3", "From": "+15005550006",
        "To": "+15005550001", "Direction": "inbound", "ApiVersion": "2010-04-01",
    }  # fmt: skip


def _report(number: int) -> dict[str, object]:
    messages = [
        {
            "role": "user" if turn % 2 else "bot",
            "message": " ".join(_WORDS[(turn + word) % len(_WORDS)] for word in range(11)) + f" {number}",
            "secondsFromStart": turn * 2.5,
            "time": 1_790_000_000_000 + turn * 2500,
        }
        for turn in range(TURNS)
    ]
    call = {"id": f"019fedaf-0000-7000-8000-{number:012x}", "type": "inboundPhoneCall", "status": "ended"}
    return {
        "message": {
            "type": "end-of-call-report", "timestamp": 1_790_000_155_000, "endedReason": "customer-ended-call",
            "startedAt": "2026-09-21T14:13:20.000Z", "endedAt": "2026-09-21T14:15:50.000Z", "call": call,
            "artifact": {"messages": messages}, "analysis": {"successEvaluation": "true"},
        }
    }  # fmt: skip


GATEWAY = Figure("gateway", "Webhooks on one core: 500 callbacks/s and 50 reports/s", measure, ("seconds",))
