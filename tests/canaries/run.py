"""The only place that plays the canaries through a real line, and says where any of them lies that should not.

Everything runs that a deployment runs: all stages, review too, the gateway, spans and metrics. With `leaking` there is
no master key, as a control: dead letters then hold their originals, and the scan must say so.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import aiohttp

from stream_app.core.wire import write_json
from stream_app.dev.state import Endpoints
from stream_app.settings import FURTHER_STAGES, STAGES
from tests.canaries import surfaces
from tests.canaries.planting import Planted, plant
from tests.canaries.scan import found, keep
from tests.canaries.values import Canary, personal, secrets
from tests.scenarios.live import Line
from tests.scenarios.webhooks import ENVIRONMENT, SECRETS, GatewayProcess, send
from tests.telemetry.collector import collecting

WITHIN_S = 400.0
_LOOKED_AT = 40
"""Calls that are asked about over HTTP."""


@dataclass
class Result:
    """What was played, and what was found where."""

    values: int
    secrets: int
    packets: dict[str, int] = field(default_factory=dict)
    """Status -> how many packets."""
    letters: int = 0
    webhooks: dict[int, int] = field(default_factory=dict)
    """HTTP status -> how many webhooks."""
    surfaces: dict[str, int] = field(default_factory=dict)
    """Surface -> bytes looked at."""
    found: dict[str, dict[str, int]] = field(default_factory=dict)
    """Surface -> canary -> how often; the inputs are not among them."""
    unseen: list[str] = field(default_factory=list)
    """Canaries that the scan did not find in the inputs either: it would not find them anywhere."""


def run(
    stack: Endpoints,
    directory: Path,
    *,
    values: int,
    seed: int,
    leaking: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Result:
    """Plant, play, wait, take down, look."""
    canaries: list[Canary] = [*personal(values, seed), *secrets(seed)]
    planted = plant(canaries[:values], canaries[values:], seed)
    result = Result(values, len(canaries) - values)
    out = directory / "surfaces"
    shutil.rmtree(out, ignore_errors=True)
    with collecting() as collector:
        line = Line(stack, directory, **ENVIRONMENT, STREAM_APP_OTLP_ENDPOINT=collector.url)
        prefix = line.settings.topic_prefix.rstrip(".")
        keyed = {"STREAM_APP_MASTER_KEY_FILE": str(stack.root / "master.key") if not leaking else ""}
        line.environment |= {"STREAM_APP_KEY_BUCKET": f"call-keys/{prefix}", "STREAM_APP_REDACTION": "rules", **keyed}
        if leaking:
            del line.environment["STREAM_APP_MASTER_KEY_FILE"]
        line.create()
        gateway = GatewayProcess(line)
        try:
            line.start((*STAGES, *FURTHER_STAGES))
            gateway.start()
            sent = len(planted.transcripts), len(planted.records), len(planted.webhooks)
            say("{} transcripts, {} records, {} webhooks".format(*sent))
            _send(line, gateway, planted, result)
            _settle(line, planted, result, say)
            say("asking over HTTP")
            good = surfaces.answers(_addresses(line, gateway, planted), out)
            assert good >= len(planted.calls[:_LOOKED_AT]), f"only {good} questions were answered"
            gateway.stop()
            line.stop()  # Gently: the last spans and metrics are sent as it ends.
            say("taking down topics, objects, tables, logs, spans and metrics")
            asyncio.run(surfaces.topics(line, out))
            buckets = (f"review-packets/{prefix}", "raw-restricted", "staging", f"call-keys/{prefix}")
            objects = asyncio.run(surfaces.objects(stack, out, buckets, "provider-drop/canaries"))
            assert objects > len(planted.transcripts), "nothing was sealed"
            assert surfaces.tables(line, out), "no table has a row"
            surfaces.logs(line, out)
            surfaces.spans_and_metrics(collector, out)
            for _, document, _ in planted.webhooks:
                keep(out, "inputs", "webhooks", write_json(document))
        finally:
            gateway.stop(9)
            line.end()
    result.surfaces = {
        one.name: sum(file.stat().st_size for file in one.rglob("*") if file.is_file()) for one in sorted(out.iterdir())
    }
    say(f"looking for {len(canaries)} canaries in {sum(result.surfaces.values()) / 1e6:,.0f} MB")
    seen = found(canaries, out)
    inputs = seen.pop("inputs", Counter())
    result.unseen = [f"{one.kind}: {one.text}" for one in canaries if f"{one.kind}: {one.text}" not in inputs]
    result.found = {surface: dict(counts) for surface, counts in sorted(seen.items())}
    return result


def _send(line: Line, gateway: GatewayProcess, planted: Planted, result: Result) -> None:
    for uri, body in planted.transcripts.items():
        line.put(uri, body, "application/json")
    line.publish(planted.records)

    async def webhooks() -> None:
        answered: Counter[int] = Counter()
        async with aiohttp.ClientSession() as client:
            for provider, document, good in planted.webhooks:
                if good:
                    status, _ = await send(client, gateway, provider, document)
                else:
                    headers = {"X-Vapi-Secret": SECRETS[provider][::-1]}
                    async with client.post(
                        f"{gateway.url}/webhooks/{provider}", json=document, headers=headers
                    ) as answer:
                        status = answer.status
                answered[status] += 1
        result.webhooks = dict(answered)

    asyncio.run(webhooks())


def _settle(line: Line, planted: Planted, result: Result, say: Callable[[str], None]) -> None:
    """Wait for every packet and every letter."""
    until = time.monotonic() + WITHIN_S
    wanted = set(planted.calls)
    while True:
        packets = {one["canonicalCallId"]: one["status"] for one in line.read("packets")}
        letters = len(line.read("dead-letters"))
        say(f"{len(wanted & packets.keys())} of {len(wanted)} packets, {letters} of {planted.letters} dead letters")
        if wanted <= packets.keys() and letters >= planted.letters:
            break
        assert time.monotonic() < until, f"no packet of {sorted(wanted - packets.keys())[:5]}; {letters} letters"
        time.sleep(2)
    result.packets, result.letters = dict(Counter(packets.values())), letters


def _addresses(line: Line, gateway: GatewayProcess, planted: Planted) -> list[str]:
    log = (line.directory / "worker-0.log").read_text(errors="replace")
    (worker,) = re.findall(r"^health (\S+)$", log, re.M)
    asked = [f"{worker}/v1/calls/{quote(call, safe='')}" for call in planted.calls[:_LOOKED_AT]]
    return [
        *asked,
        f"{worker}/v1/joins",
        f"{worker}/readyz",
        f"{worker}/livez",
        f"{gateway.url}/readyz",
        f"{worker}/v1/calls/x",
    ]
