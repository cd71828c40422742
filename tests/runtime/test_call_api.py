"""Who may ask, what is asked wrongly, and that a list is what `joins list` asked for."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from stream_app.providers.privacy import Screen
from stream_app.runtime import health_server
from stream_app.runtime.call_api import CallApi, is_loopback
from stream_app.runtime.inquiry import Workers
from stream_app.settings import Settings

EMPTY = {"count": 0, "by": {"source": {}, "missing": {}, "policy": {}}, "joins": []}


class Line:
    """A stage with both partitions and nothing in them."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    async def ask(self, question: Any, within_s: float) -> dict[int, Any]:
        self.asked.append(dict(question))
        empty: Any = {"call": None, "open": EMPTY}.get(question["question"], [])
        return {0: empty, 1: empty}


async def get(
    path: str, *, token: str | None = None, host: str = "127.0.0.1", brings: str | None = None, **headers: str
) -> tuple[int, dict[str, Any], Line]:
    line = Line()
    lines: Any = {"join": line, "identity": line}
    if brings is not None:
        headers["Authorization"] = brings
    async with Workers(Settings(internal_partitions=2), lines, lambda: ()) as workers:
        api = CallApi(workers, token=token, own="own-token", host=host, screen=Screen())
        async with health_server.serve((), lambda: False, "127.0.0.1", 0, api.routes()) as url:
            method = "POST" if path == "/v1/ask" else "GET"
            body = {"stage": "join", "question": "call", "call": "x", "withinS": 1}
            async with (
                aiohttp.ClientSession() as session,
                session.request(method, url + path, headers=headers, json=body) as answer,
            ):
                return answer.status, await answer.json(), line


async def test_on_loopback_without_a_token_this_machine_may_ask() -> None:
    status, body, _ = await get("/v1/calls/nobody")
    assert (status, body["error"]) == (404, "unknown")
    status, body, _ = await get("/v1/joins")
    assert (status, body["count"], body["partitions"], body["unanswered"]) == (200, 0, [0, 1], [])


async def test_a_page_in_a_browser_that_calls_itself_this_machine_may_not() -> None:
    status, body, _ = await get("/v1/calls/x", Host="rebound.example.org")
    assert (status, body["error"]) == (403, "foreign_host")


async def test_elsewhere_without_a_token_nobody_may() -> None:
    for path in ("/v1/calls/x", "/v1/joins"):
        status, body, line = await get(path, host="0.0.0.0")
        assert (status, body["error"], line.asked) == (403, "no_token", [])


@pytest.mark.parametrize(
    ("brings", "status"),
    [("Bearer secret-token-1234", 404), (None, 401), ("Bearer secret-token-123", 401), ("Basic x", 401), ("", 401)],
)
async def test_with_a_token_who_brings_it_may(brings: str | None, status: int) -> None:
    found, _, line = await get("/v1/calls/x", token="secret-token-1234", host="0.0.0.0", brings=brings)
    assert found == status
    assert bool(line.asked) == (status == 404)


@pytest.mark.parametrize(("brings", "status"), [("Bearer own-token", 200), (None, 401), ("Bearer x", 401)])
async def test_workers_always_bring_one(brings: str | None, status: int) -> None:
    found, body, _ = await get("/v1/ask", brings=brings)
    assert found == status
    if status == 200:
        assert body == {"answer": {"0": None, "1": None}}


@pytest.mark.parametrize(
    "query",
    ["missing=nothing", "olderThan=10", "olderThan=x", "by=owner", "limit=-1", "limit=1000000", "limit=x", "other=1"],
)
async def test_a_list_that_is_asked_for_wrongly_is_refused(query: str) -> None:
    status, body, line = await get(f"/v1/joins?{query}")
    assert (status, body["error"], line.asked) == (400, "bad_question", [])


async def test_a_list_asks_for_what_was_wanted() -> None:
    status, body, line = await get("/v1/joins?missing=evaluation&missing=trace&olderThan=10m&limit=7&by=source")
    assert (status, body["groupedBy"], body["groups"]) == (200, "source", {})
    wanted = line.asked[0]["wanted"]
    assert (wanted["missing"], wanted["olderThanMs"], wanted["limit"]) == (("evaluation", "trace"), 600_000, 7)


async def test_a_name_that_is_too_long_is_refused() -> None:
    status, body, _ = await get(f"/v1/calls/{'x' * 401}")
    assert (status, body["error"]) == (400, "too_long")


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False),
     ("::", False), ("10.0.0.1", False), ("worker-1", False), ("", False)],
)  # fmt: skip
def test_what_is_this_machine_s_own(host: str, own: bool) -> None:
    assert is_loopback(host) is own
