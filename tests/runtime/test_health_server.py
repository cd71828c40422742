"""Both addresses over HTTP: codes, reasons, and a port that is taken."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest

from stream_app.runtime import health_server
from stream_app.runtime.health_server import HealthPortError
from stream_app.runtime.stage_watch import FROZEN_S, StageWatch

WELL: dict[str, Any] = {"stage": "", "assigned": 2, "recovered": 2, "lag": 0, "reasons": [], "unnamed": 0}


def watches() -> tuple[StageWatch, StageWatch]:
    """Two that beat."""
    made = (StageWatch("join", 45.0), StageWatch("seal", 45.0))
    for number, watch in enumerate(made):
        watch.began(100 + number)
        watch.beat({**WELL, "stage": watch.stage})
    return made


async def get(url: str, path: str) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.get(url + path) as answer:
        assert answer.content_type == "application/json"
        return answer.status, json.loads(await answer.text())


async def asked(made: Sequence[StageWatch], *, stopping: bool = False) -> tuple[int, int, dict[str, Any]]:
    """(code of /livez, code of /readyz, body of /readyz)."""
    async with health_server.serve(made, lambda: stopping, "127.0.0.1", 0) as url:
        assert url.startswith("http://127.0.0.1:")
        live, _ = await get(url, "/livez")
        ready, body = await get(url, "/readyz")
    return live, ready, body


async def test_all_is_well() -> None:
    live, ready, body = await asked(watches())
    assert (live, ready, body["ok"], body["reasons"]) == (200, 200, True, [])
    assert [(one["stage"], one["pid"], one["ready"]) for one in body["stages"]] == [
        ("join", 100, True), ("seal", 101, True),
    ]  # fmt: skip


async def test_a_stage_that_cannot_work_is_named_and_the_worker_lives() -> None:
    made = watches()
    reason = {"cause": "store_unreachable", "detail": "the store has not answered for 30 s"}
    made[1].beat({**WELL, "reasons": [reason]})
    live, ready, body = await asked(made)
    assert (live, ready, body["ok"]) == (200, 503, False)
    assert body["reasons"] == [{"stage": "seal", **reason}]
    assert [one["ready"] for one in body["stages"]] == [True, False]


async def test_a_frozen_stage_fails_both() -> None:
    made = watches()
    for _ in range(int(FROZEN_S) + 1):
        made[0].tick(1.0)
    live, ready, body = await asked(made)
    assert (live, ready) == (503, 503)
    assert [(one["stage"], one["cause"]) for one in body["reasons"]] == [("join", "frozen")]


async def test_a_worker_that_stops_is_alive_and_not_ready() -> None:
    live, ready, body = await asked(watches(), stopping=True)
    assert (live, ready) == (200, 503)
    assert body["reasons"] == [{"stage": None, "cause": "stopping", "detail": "the worker was told to stop"}]


async def test_nothing_else_is_served() -> None:
    async with health_server.serve(watches(), lambda: False, "127.0.0.1", 0) as url, aiohttp.ClientSession() as session:
        async with session.get(url + "/") as answer:
            assert answer.status == 404
        async with session.post(url + "/livez") as answer:
            assert answer.status == 405
        async with session.head(url + "/livez") as answer:
            assert answer.status == 200


async def test_a_port_that_is_taken_is_refused_and_not_moved() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(HealthPortError, match=rf"127\.0\.0\.1:{port} .*STREAM_APP_HEALTH_PORT"):
            async with health_server.serve((), lambda: False, "127.0.0.1", port):
                raise AssertionError("it serves on a port that another has")


async def test_the_port_is_free_again_afterwards() -> None:
    async with health_server.serve((), lambda: False, "127.0.0.1", 0) as url:
        port = int(url.rpartition(":")[2])
    async with health_server.serve((), lambda: False, "127.0.0.1", port) as again:
        assert again == url
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{url}/livez", timeout=2)  # noqa: ASYNC210 - nobody is left to answer
