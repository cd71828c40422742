"""`stream-app health` against the server a worker has: codes and words for every way it can answer, or not."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stream_app.cli.health import health
from stream_app.runtime import health_server
from stream_app.runtime.stage_watch import FROZEN_S, StageWatch

WELL: dict[str, Any] = {"assigned": 2, "recovered": 2, "lag": 5, "reasons": [], "unnamed": 0}
STALLED = {"cause": "stalled", "partition": "evidence/1", "detail": "it stands"}


@contextmanager
def served(watches: Sequence[StageWatch]) -> Iterator[str]:
    """The worker's server in a loop of its own; yields its URL."""
    loop, up, addresses = asyncio.new_event_loop(), threading.Event(), []
    done = asyncio.Event()

    async def main() -> None:
        async with health_server.serve(watches, lambda: False, "127.0.0.1", 0) as url:
            addresses.append(url)
            up.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    assert up.wait(10)
    try:
        yield addresses[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(10)
        loop.close()


def join(**report: Any) -> StageWatch:
    watch = StageWatch("join", 45.0)
    watch.began(4711)
    watch.beat({**WELL, **report})
    return watch


def ask(*words: str, **environment: str) -> Result:
    clean = {"STREAM_APP_HEALTH_PORT": None, "STREAM_APP_HEALTH_HOST": None}
    return CliRunner().invoke(health, words, env={**clean, **environment})


def test_a_worker_that_gets_on_is_0() -> None:
    with served([join()]) as url:
        found = ask("--url", url)
    assert (found.exit_code, found.output) == (0, "join      ready      process 4711, 2 partitions, 5 behind\n")


def test_one_that_does_not_is_1_and_says_why() -> None:
    watch = join(reasons=[STALLED])
    watch.restarts["frozen"] = 2
    with served([watch]) as url:
        found, live = ask("--url", f"{url}/"), ask("--url", url, "--live")
    assert found.exit_code == 1
    stage, reason = found.output.splitlines()
    assert stage.endswith("5 behind, started again: 2 frozen")
    assert "not ready" in stage
    assert reason == "join: stalled evidence/1: it stands"
    assert live.exit_code == 0


def test_one_that_is_frozen_is_not_alive_either() -> None:
    watch = join()
    for _ in range(int(FROZEN_S) + 1):
        watch.tick(1.0)
    with served([watch]) as url:
        live = ask("--url", url, "--live")
    assert live.exit_code == 1
    assert "join      not alive" in live.output
    assert "join: frozen: process 4711 is silent" in live.output


def test_the_answer_as_it_came() -> None:
    with served([join(reasons=[STALLED])]) as url:
        found = ask("--url", url, "--json")
    assert found.exit_code == 1
    assert json.loads(found.output)["reasons"] == [{"stage": "join", **STALLED}]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_port_of_the_settings_is_asked_where_no_url_is_given(host: str) -> None:
    with served([join()]) as url:
        port = url.rpartition(":")[2]
        found = ask(STREAM_APP_HEALTH_PORT=port, STREAM_APP_HEALTH_HOST=host)
    assert found.exit_code == 0, found.output


def test_a_port_that_nobody_knows_is_a_mistake_of_usage() -> None:
    found = ask()
    assert found.exit_code == 2
    assert "STREAM_APP_HEALTH_PORT" in found.output
    assert ask("--url", "file:///etc/passwd").exit_code == 2


def test_no_worker_is_3() -> None:
    found = ask("--url", "http://127.0.0.1:1")
    assert found.exit_code == 3
    assert "no worker answers at http://127.0.0.1:1/readyz (" in found.output


@pytest.mark.parametrize(
    ("code", "body"), [(404, b"{}"), (200, b"<html>"), (200, b"{}"), (503, b"away"), (200, b"[1]")]
)
def test_something_else_on_the_port_is_no_worker(code: int, body: bytes) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=server.serve_forever).start()
    try:
        found = ask("--url", f"http://127.0.0.1:{server.server_address[1]}")
    finally:
        server.shutdown()
        server.server_close()
    assert found.exit_code == 3, found.output
    assert "no worker answers" in found.output
