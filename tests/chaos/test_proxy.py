"""The proxy lets bytes through, and fails in each of its ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.chaos.proxy import MODES, Mode, Proxy

BODY = b"x" * 5000


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server that answers every line with a long body, and closes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(BODY)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def ask(proxy: Proxy) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.endpoint.rpartition(":")[2]))
    try:
        writer.write(b"give\n")
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_it_passes_bytes_on(port: int) -> None:
    async with Proxy("127.0.0.1", port) as proxy:
        assert await ask(proxy) == BODY
        assert proxy.spoiled == 0


@pytest.mark.parametrize("mode", MODES)
async def test_each_mode_spoils_and_can_be_ended(port: int, mode: Mode) -> None:
    async with Proxy("127.0.0.1", port, seed=2) as proxy:
        proxy.become(mode)
        began = asyncio.get_running_loop().time()
        answers = [await ask(proxy) for _ in range(2 if mode == "slow" else 8)]
        took = asyncio.get_running_loop().time() - began
        match mode:
            case "away":
                assert set(answers) == {b""}
            case "slow":
                assert set(answers) == {BODY}
                assert took > 0.6
            case "unavailable":
                assert all(one.startswith(b"HTTP/1.1 503") and one.endswith(b"</Error>") for one in answers)
            case _:
                assert any(0 < len(one) < len(BODY) or one == b"" for one in answers)
        assert proxy.spoiled > 0
        proxy.become("pass")
        assert await ask(proxy) == BODY
