"""Webhooks into a real gateway: what it acknowledges is in Kafka and in the store, also when it and the broker die."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from stream_app.app import staged_store
from stream_app.dev.state import Endpoints
from stream_app.settings import Settings
from tests.chaos.brokers import OneBroker
from tests.providers.trying import Trying
from tests.scenarios.live import Line
from tests.scenarios.webhooks import ENVIRONMENT, GatewayProcess, line_with_gateway, send


@pytest.fixture
def line(stack: Endpoints, tmp_path: Path) -> Iterator[Line]:
    live = line_with_gateway(stack, tmp_path)
    live.create()
    try:
        yield live
    finally:
        live.end()


@pytest.fixture
def gateway(line: Line) -> Iterator[GatewayProcess]:
    made = GatewayProcess(line)
    made.start()
    try:
        yield made
    finally:
        made.stop(signal.SIGKILL)


def status(number: int) -> dict[str, Any]:
    """A Twilio callback of a call of its own."""
    return {
        "CallSid": f"CA{number:032x}", "AccountSid": "AC" + "0" * 32, "CallStatus": "completed", "CallDuration": "60",
        "Timestamp": "Sun, 20 Sep 2026 10:00:00 +0000", "SequenceNumber": "3", "From": "+15005550006",
    }  # fmt: skip


def report(number: int) -> dict[str, Any]:
    """A Vapi report with its transcript, of a call of its own."""
    text = json.dumps(Trying("vapi").own("end-of-call-report"))
    text = text.replace("019fedaf-0000-7000-8000-000000000001", f"019fedaf-0000-7000-8000-{number:012x}")
    document: dict[str, Any] = json.loads(text.replace("call_demo_7", f"call-{number}"))
    return document


def content(line: Line, uri: str) -> bytes:
    """What lies in staging, as whoever has the key sees it."""

    async def read() -> bytes:
        store = staged_store(
            Settings(**{**line.settings.model_dump(), "staging_key": ENVIRONMENT["STREAM_APP_STAGING_KEY"]})
        )
        assert store is not None
        async with store:
            return await store.get(uri, max_bytes=1 << 20)

    return asyncio.run(read())


async def one(gateway: GatewayProcess, provider: str, document: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as client:
        return await send(client, gateway, provider, document)


def test_what_is_acknowledged_is_in_kafka_and_its_content_in_staging(line: Line, gateway: GatewayProcess) -> None:
    code, answer = asyncio.run(one(gateway, "vapi", report(1)))
    assert code == 200
    ended = line.read("call-ended")
    artifacts = line.read("artifact-ready")
    assert {event["eventId"] for event in ended + artifacts} <= set(answer["eventIds"])
    assert [event["canonicalCallId"] for event in ended] == ["call-1"]
    (uri,) = [
        event["reference"]["uri"]
        for event in artifacts
        if event["artifact"] == "transcript" and event["availability"] == "ready"
    ]
    assert b"turns" in content(line, uri)
    assert asyncio.run(one(gateway, "twilio", status(1)))[0] == 200
    assert asyncio.run(one(gateway, "twilio", status(1)))[1]["duplicate"] is True
    assert len(line.read("call-ended")) == 2
    assert gateway.stop() == 0


def test_a_webhook_becomes_evidence_of_its_call(line: Line, gateway: GatewayProcess) -> None:
    line.start(("intake", "identity", "join"))
    assert asyncio.run(one(gateway, "vapi", report(2)))[0] == 200
    evidence = line.wait("evidence", lambda seen: any(one.get("canonicalCallId") == "call-2" for one in seen))
    assert {one["event"]["source"] for one in evidence if one.get("canonicalCallId") == "call-2"} == {"vapi"}
    assert line.read("dead-letters") == []


async def storm(
    gateway: GatewayProcess, seconds: float, strike: Callable[[], Awaitable[None]], *, each_s: float
) -> dict[str, Any]:
    """Webhooks all the time, while something strikes again and again; event ID -> of what it was acknowledged."""
    chance = random.Random(7)
    acknowledged: dict[str, Any] = {}
    until = time.monotonic() + seconds
    numbers = iter(range(1_000_000))

    async def sender(client: aiohttp.ClientSession) -> None:
        while time.monotonic() < until:
            number = next(numbers)
            provider, document = ("vapi", report(number)) if number % 5 == 0 else ("twilio", status(number))
            while time.monotonic() < until + 40:  # As a provider does: again until it is taken.
                try:
                    code, answer = await send(client, gateway, provider, document)
                except (aiohttp.ClientError, ConnectionError, TimeoutError):
                    await asyncio.sleep(0.05)
                    continue
                if code == 200:
                    acknowledged.update(dict.fromkeys(answer["eventIds"], number))
                    break
                assert code in (429, 503), answer
                await asyncio.sleep(0.05)

    async def striker() -> int:
        strikes = 0
        while time.monotonic() < until - 2:
            await asyncio.sleep(each_s * chance.uniform(0.5, 1.5))
            await strike()
            strikes += 1
        return strikes

    timeout = aiohttp.ClientTimeout(total=15)
    async with aiohttp.ClientSession(timeout=timeout) as client:
        strikes, *_ = await asyncio.gather(striker(), *(sender(client) for _ in range(8)))
    assert strikes >= 1
    return acknowledged


def all_is_there(line: Line, acknowledged: dict[str, Any]) -> None:
    """Each acknowledged event is in Kafka, and what they refer to in staging."""
    written = {
        event["eventId"]: event
        for topic in ("call-ended", "artifact-ready", "evaluation-completed", "tool-call", "identity-linked")
        for event in line.read(topic)
    }
    assert len(acknowledged) > 50
    assert sorted(set(acknowledged) - set(written)) == []
    staged = [
        event["reference"]["uri"]
        for event in written.values()
        if (event.get("reference") or {}).get("uri", "").startswith("s3://staging/")
    ]
    assert staged
    for uri in staged[:20]:
        assert content(line, uri)


def test_nothing_acknowledged_is_lost_when_the_gateway_is_killed(line: Line, gateway: GatewayProcess) -> None:
    async def kill_the_gateway() -> None:
        await asyncio.to_thread(gateway.stop, signal.SIGKILL)
        await asyncio.to_thread(gateway.start)

    all_is_there(line, asyncio.run(storm(gateway, 10, kill_the_gateway, each_s=3)))


def test_nothing_acknowledged_is_lost_when_the_broker_is_killed_under_the_gateway(tmp_path: Path) -> None:
    broker = OneBroker(tmp_path / "stack")
    line = line_with_gateway(broker.up(), tmp_path)
    made = GatewayProcess(line)
    try:
        line.create()
        made.start()
        first = made.pid
        all_is_there(line, asyncio.run(storm(made, 15, broker.restart, each_s=4)))
        assert made.pid == first, "it outlives its broker"
        assert made.stop() == 0
    finally:
        made.stop(signal.SIGKILL)
        line.end()
        broker.down()
