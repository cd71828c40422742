"""Gathering answers: our own stages first, other workers for the rest, and what nobody said is named."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from stream_app.runtime.announced import Announced
from stream_app.runtime.inquiry import ASK, Inquiry, Workers
from stream_app.runtime.stage_line import NoAnswer
from stream_app.settings import Settings

SETTINGS = Settings(internal_partitions=4)


class Line:
    """A stage that has these partitions; None: it does not answer."""

    def __init__(self, *partitions: int, silent: bool = False) -> None:
        self.asked = 0
        self._partitions = partitions
        self._silent = silent

    async def ask(self, question: Mapping[str, Any], within_s: float) -> dict[int, Any]:
        self.asked += 1
        if self._silent:
            raise NoAnswer("no")
        return dict.fromkeys(self._partitions, "here")


def workers(line: Line, *peers: Announced) -> Workers:
    lines: Any = {"join": line}
    return Workers(SETTINGS, lines, lambda: peers)


async def peer(partitions: list[int], token: str = "tt") -> tuple[TestServer, list[dict[str, Any]]]:
    heard: list[dict[str, Any]] = []

    async def ask(request: web.Request) -> web.Response:
        if request.headers["Authorization"] != f"Bearer {token}":
            return web.json_response({}, status=401)
        heard.append(await request.json())
        return web.json_response({"answer": dict.fromkeys(map(str, partitions), "there")})

    served = web.Application()
    served.add_routes([web.post(ASK, ask)])
    server = TestServer(served)
    await server.start_server()
    return server, heard


async def test_others_are_asked_for_what_is_not_here() -> None:
    server, heard = await peer([1, 2, 3])
    async with workers(Line(0, 1), Announced(str(server.make_url("")), "tt")) as made:
        inquiry = Inquiry(made, 2)
        assert await inquiry.ask("join", {"question": "open"}, None) == {0: "here", 1: "here", 2: "there", 3: "there"}
        assert inquiry.unanswered == []
    assert [one["stage"] for one in heard] == ["join"]
    await server.close()


async def test_nobody_else_is_asked_for_a_key_that_is_here() -> None:
    server, heard = await peer([0, 1, 2, 3])
    async with workers(Line(0, 1, 2, 3), Announced(str(server.make_url("")), "tt")) as made:
        await Inquiry(made, 2).ask("join", {"question": "call", "call": "x"}, ["x"])
    assert heard == []
    await server.close()


async def test_what_nobody_says_is_named_and_takes_no_longer_than_patience() -> None:
    refuses, _ = await peer([1, 2, 3], token="another")
    peers = (Announced(str(refuses.make_url("")), "tt"), Announced("http://127.0.0.1:1", "tt"))
    async with workers(Line(0), *peers) as made:
        inquiry = Inquiry(made, 1)
        began = time.monotonic()
        assert await inquiry.ask("join", {"question": "open"}, None) == {0: "here"}
        assert time.monotonic() - began < 2
        assert inquiry.unanswered == ["join/1", "join/2", "join/3"]
        assert inquiry.answered
    await refuses.close()


async def test_a_stage_that_is_silent_or_not_here_has_said_nothing() -> None:
    async with workers(Line(0, silent=True)) as made:
        inquiry = Inquiry(made, 1)
        assert await inquiry.ask("join", {"question": "open"}, None) == {}
        assert await inquiry.ask("seal", {"question": "sealed"}, ()) == {}
        assert not inquiry.answered
        assert inquiry.unanswered == ["join/0", "join/1", "join/2", "join/3", "seal"]


async def test_a_key_needs_the_partition_that_a_producer_gives_it() -> None:
    made = workers(Line())
    assert made.needed("join", ["call-1"]) <= set(range(4))
    assert len(made.needed("identity", [f"twilioCallSid:CA{number}" for number in range(100)])) == 4
