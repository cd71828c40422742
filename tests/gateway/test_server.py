"""The gateway over HTTP: limits, answers, health, and an end that takes nothing new and drops nothing begun."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from stream_app.gateway import server
from stream_app.gateway.server import Address, Gateway, GatewayPortError, Limits
from tests.gateway.receiving import NOW_MS, SECRET, World, payload
from tests.gateway.signatures import signing

BODY = json.dumps(payload()).encode()
SIGNED = {"X-Retell-Signature": signing.retell(SECRET, BODY), "Content-Type": "application/json"}


class Running:
    """A gateway on a port of its own, and a client."""

    def __init__(self, **limits: Any) -> None:
        self.world = World(within_s=2.0)
        self.seen: list[tuple[str, str]] = []
        self.problems: tuple[str, ...] = ()
        self.gateway = Gateway(
            self.world.reception,
            Limits(**{"body_bytes": 1 << 20, "in_flight": 4, "drain_s": 2.0} | limits),
            Address(),
            ready={"broker": self.world.writer.ask, "store": self.world.stager.ask},
            problems=lambda: self.problems,
            observe=lambda provider, outcome, _seconds: self.seen.append((provider, outcome)),
            clock_ms=lambda: NOW_MS,
        )
        self.url = ""

    @asynccontextmanager
    async def up(self) -> AsyncIterator[aiohttp.ClientSession]:
        async with self.gateway.serve("127.0.0.1", 0) as self.url, aiohttp.ClientSession() as client:
            yield client

    async def post(
        self, client: aiohttp.ClientSession, path: str = "retell", body: Any = BODY, headers: Any = None
    ) -> tuple[int, Any]:
        answer = await client.post(f"{self.url}/webhooks/{path}", data=body, headers=headers or SIGNED)
        return answer.status, json.loads(await answer.text())


async def test_a_webhook_is_accepted_and_counted() -> None:
    running = Running()
    async with running.up() as client:
        status, document = await running.post(client)
        assert (status, document["accepted"]) == (200, len(running.world.writer.written))
        assert (await running.post(client))[1]["duplicate"] is True
    assert running.seen == [("retell", "accepted"), ("retell", "duplicate")]


async def test_who_sends_may_have_a_name_in_the_address() -> None:
    running = Running()
    async with running.up() as client:
        assert (await running.post(client, "retell/prod-eu"))[0] == 200
        assert (await running.post(client, "retell/%20x"))[0] == 404
    sources = {json.loads(one.value or b"")["source"] for one in running.world.writer.written}
    assert sources == {"retell/prod-eu"}


async def test_refusals_have_a_status_and_a_reason() -> None:
    running = Running(body_bytes=len(BODY))
    async with running.up() as client:
        assert await running.post(client, "nobody") == (404, {"refused": "unknown_provider"})
        assert await running.post(client, headers={"X-Retell-Signature": "x"}) == (
            401, {"refused": "malformed_signature"},
        )  # fmt: skip
        assert await running.post(client, body=BODY + b" ") == (413, {"refused": "body_too_large"})

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield BODY

        assert await running.post(client, body=chunks()) == (413, {"refused": "body_too_large"})
        answer = await client.get(f"{running.url}/webhooks/retell")
        assert answer.status == 405
    assert running.world.writer.written == []


async def test_more_than_it_works_on_at_a_time_is_told_to_come_again() -> None:
    running = Running(in_flight=1)
    running.world.writer.pause_s = 0.3
    async with running.up() as client:
        other = json.dumps(payload("call-analyzed")).encode()
        signed = {**SIGNED, "X-Retell-Signature": signing.retell(SECRET, other)}
        first = asyncio.create_task(running.post(client))
        await asyncio.sleep(0.1)
        status, document = await running.post(client, body=other, headers=signed)
        assert (status, document) == (429, {"refused": "too_many_in_flight"})
        assert (await first)[0] == 200
        assert (await running.post(client, body=other, headers=signed))[0] == 200


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "BODY_WITHIN_S", 0.1)
    running = Running()

    async def slow() -> AsyncIterator[bytes]:
        yield BODY[:10]
        await asyncio.sleep(1)
        yield BODY[10:]

    async with running.up() as client:
        try:
            status, document = await running.post(client, body=slow())
        except aiohttp.ClientError:  # It closed the connection while the rest was on its way.
            return
        assert (status, document) == (408, {"refused": "body_too_slow"})


async def test_health_says_what_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CHECKED_FOR_S", 0.0)
    running = Running()
    async with running.up() as client:
        assert (await client.get(f"{running.url}/livez")).status == 200
        assert (await client.get(f"{running.url}/readyz")).status == 200
        running.world.writer.away = True
        running.problems = ("webhook secrets of retell cannot be read",)
        answer = await client.get(f"{running.url}/readyz")
        causes = [one["cause"] for one in json.loads(await answer.text())["reasons"]]
        assert (answer.status, causes) == (503, ["broker", "secrets"])


async def test_what_was_begun_is_ended_and_nothing_new_is_taken() -> None:
    running = Running()
    running.world.writer.pause_s = 0.4
    async with running.up() as client:
        begun = asyncio.create_task(running.post(client))
        await asyncio.sleep(0.15)
    # The block has ended: the webhook that was under way was answered before.
    assert begun.done() or (await begun)[0] == 200
    assert running.world.writer.written


async def test_a_defect_is_answered_and_quotes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    running = Running()

    async def broken(_webhook: Any) -> Any:
        raise RuntimeError("what must not be quoted")

    running.world.reception.receive = broken  # type: ignore[method-assign]
    async with running.up() as client:
        assert await running.post(client) == (500, {"refused": "defect"})
    assert "what must not be quoted" not in caplog.text
    assert "RuntimeError" in caplog.text


async def test_nothing_of_a_webhook_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    running = Running()
    async with running.up() as client:
        await running.post(client)
        await running.post(client, headers={"X-Retell-Signature": "v=1,d=" + "0" * 64, "X-Secret": "hidden-header"})
    for word in ("hidden-header", SECRET, "Jane", signing.retell(SECRET, BODY)):
        assert word not in caplog.text
    assert "retell 200 accepted" in caplog.text


async def test_a_port_that_is_taken_is_said() -> None:
    running = Running()
    async with running.up():
        port = int(running.url.rpartition(":")[2])
        with pytest.raises(GatewayPortError, match="STREAM_APP_GATEWAY_PORT"):
            async with Running().gateway.serve("127.0.0.1", port):
                pass
