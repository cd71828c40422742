"""A real worker's `/livez` and `/readyz` while it starts, freezes, loses its store, and stands still."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from stream_app.dev.state import Endpoints
from stream_app.runtime.client import end_offsets
from stream_app.runtime.stage_watch import FROZEN_S
from tests import stories
from tests.scenarios.live import READY_S, ROOT, Line
from tests.scenarios.test_recovery import now_ms, pieces, records, stage_process

REPORTED_S = 60.0
"""A frozen stage is reported within this."""


@pytest.fixture
def line(stack: Endpoints, tmp_path: Path) -> Iterator[Line]:
    """Topics and policy; a test starts the workers."""
    live = Line(stack, tmp_path)
    live.environment["STREAM_APP_HEALTH_PORT"] = str(free_port())
    live.create()
    try:
        yield live
    finally:
        live.end()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def ask(line: Line, path: str) -> tuple[int, dict[str, Any]]:
    """(HTTP code, body); (0, {}) while nobody answers."""
    port = line.environment["STREAM_APP_HEALTH_PORT"]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=3) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
    except OSError:
        return 0, {}


def becomes(line: Line, path: str, code: int, within_s: float) -> list[dict[str, Any]]:
    """The reasons, once the address answers with the code."""
    until = time.monotonic() + within_s
    while (found := ask(line, path))[0] != code:
        assert time.monotonic() < until, f"/{path} is not {code} after {within_s} s: {found}"
        time.sleep(0.2)
    reasons: list[dict[str, Any]] = found[1]["reasons"]
    return reasons


def of(stage: str, body: dict[str, Any]) -> dict[str, Any]:
    (one,) = [one for one in body["stages"] if one["stage"] == stage]
    found: dict[str, Any] = one
    return found


def test_a_frozen_stage_is_reported_thawed_or_killed_and_started_again(line: Line) -> None:
    line.environment["STREAM_APP_WATCHDOG_S"] = str(FROZEN_S + 7)
    seen: list[tuple[int, bool]] = []
    log = line.directory / "worker-0.log"
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            code, _ = ask(line, "readyz")
            seen.append((code, log.exists() and log.read_bytes().count(b"ready i") == 2))

    watching = threading.Thread(target=watch)
    watching.start()
    worker = line.start(("intake", "identity"))
    becomes(line, "readyz", 200, READY_S)
    stop.set()
    watching.join()
    assert any(code == 503 for code, _ in seen)
    assert all(every for code, every in seen if code == 200), "ready before every stage had said so"
    assert ask(line, "livez")[0] == 200

    frozen = stage_process(worker, "identity")
    os.kill(frozen, signal.SIGSTOP)
    reasons = becomes(line, "livez", 503, REPORTED_S)
    assert [(reason["stage"], reason["cause"]) for reason in reasons] == [("identity", "frozen")]
    assert str(frozen) in reasons[0]["detail"]
    assert [reason["stage"] for reason in becomes(line, "readyz", 503, 5)] == ["identity"]
    os.kill(frozen, signal.SIGCONT)
    becomes(line, "livez", 200, 20)
    becomes(line, "readyz", 200, READY_S)

    # It may have joined its group anew or ended over it; whoever runs the stage now is frozen for good.
    frozen = stage_process(worker, "identity")
    os.kill(frozen, signal.SIGSTOP)
    until = time.monotonic() + REPORTED_S
    while (body := ask(line, "readyz")[1]) and not of("identity", body)["restarts"]["frozen"]:
        assert time.monotonic() < until, body
        time.sleep(0.2)
    assert not Path(f"/proc/{frozen}").exists()
    becomes(line, "readyz", 200, READY_S)
    assert stage_process(worker, "identity") != frozen
    assert b"(frozen); killing it" in log.read_bytes()
    assert of("intake", ask(line, "readyz")[1])["restarts"] == {"failed": 0, "frozen": 0}


class Wire:
    """A TCP proxy that can be cut: then it takes connections, and nothing comes through."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open = threading.Event()
        self._open.set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._open.clear()

    def mend(self) -> None:
        self._open.set()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._server.accept()
                there = socket.create_connection(("127.0.0.1", self._port))
            except OSError:
                return
            for pair in ((here, there), (there, here)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                self._open.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def test_a_store_that_falls_silent_is_named_and_the_worker_is_alive(line: Line) -> None:
    wire = Wire(int(line.stack.s3_endpoint.rpartition(":")[2]))
    line.environment["STREAM_APP_S3_ENDPOINT"] = f"http://127.0.0.1:{wire.port}"
    line.start(("seal",))
    becomes(line, "readyz", 200, READY_S)
    wire.cut()
    (reason,) = becomes(line, "readyz", 503, REPORTED_S)
    assert (reason["stage"], reason["cause"]) == ("seal", "store_unreachable")
    assert ask(line, "livez")[0] == 200, "to restart the worker would not bring it back"
    wire.mend()
    becomes(line, "readyz", 200, READY_S)
    wire.close()


def test_a_port_that_another_worker_has_is_refused(line: Line) -> None:
    port = int(line.environment["STREAM_APP_HEALTH_PORT"])
    with socket.create_server(("127.0.0.1", port)):
        done = subprocess.run(
            [sys.executable, "-m", "stream_app", "worker", "--stages", "join"],
            cwd=ROOT, env={**os.environ, **line.environment}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "")
    assert f"127.0.0.1:{port}" in done.stderr
    assert "STREAM_APP_HEALTH_PORT" in done.stderr
    assert "Traceback" not in done.stderr


IDLE = """
import asyncio, sys
from stream_app import app, telemetry
from stream_app.runtime import health, worker
from stream_app.runtime.lane import Lane
from stream_app.settings import Settings

async def never(self, records, ack):
    await asyncio.Event().wait()

health.STALL_S = 5.0
Lane.submit = never
settings, recording = Settings(), telemetry.disabled()
sys.exit(worker.run_stage(settings, app.binding_of("intake", settings, recording), recording.recorder))
"""
SUPERVISE = """
import asyncio, sys
from stream_app.runtime import health_server
from stream_app.runtime.supervisor import Supervisor

async def main():
    one = Supervisor(("intake",), lambda _: (sys.executable, "-c", sys.argv[2]), grace_s=1.0, say=print)
    async with health_server.serve(one.watches, lambda: one.stopping, "127.0.0.1", int(sys.argv[1])):
        return await one.run()

sys.exit(asyncio.run(main()))
"""


def test_a_stage_that_beats_and_does_nothing_is_named_with_its_partition(line: Line) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, line.environment["STREAM_APP_HEALTH_PORT"], IDLE],
        cwd=ROOT, env={**os.environ, **line.environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        becomes(line, "readyz", 200, READY_S)
        (written,) = line.publish(records([stories.evaluation(at=now_ms())]))
        reasons = becomes(line, "readyz", 503, REPORTED_S)
        assert [(reason["stage"], reason["cause"], reason["partition"]) for reason in reasons] == [
            ("intake", "stalled", f"{written.topic}/{written.partition}")
        ]
        assert reasons[0]["detail"].startswith("1 offsets ahead of it")
        assert ask(line, "livez")[0] == 200
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(20)


def wait_until(condition: Callable[[], bool], within_s: float) -> None:
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.2)


def committed(line: Line, stage: str) -> dict[tuple[str, int], int]:
    """(topic without prefix, partition) -> what the stage's group has committed."""

    async def main() -> dict[tuple[str, int], int]:
        admin = AIOKafkaAdminClient(bootstrap_servers=line.settings.kafka_bootstrap)
        await admin.start()
        try:
            found = await admin.list_consumer_group_offsets(line.settings.group(stage))
        finally:
            await admin.close()
        prefix = line.settings.topic_prefix
        return {(tp.topic.removeprefix(prefix), tp.partition): meta.offset for tp, meta in found.items()}

    return defaultdict(lambda: -1, asyncio.run(main()))


CALLS = 40


def test_a_stop_with_open_calls_orders_nothing_and_ends_in_time(line: Line) -> None:
    stages = ("intake", "identity", "join")
    worker = line.start(stages)
    first, rest = [], []
    for number in range(CALLS):
        *most, judged = pieces(number, now_ms())
        first += most
        rest.append(judged)
    line.publish(records(first))
    line.wait("evidence", lambda seen: sum(one.get("type") != "clock" for one in seen) >= len(first), within_s=READY_S)
    folded = asyncio.run(end_offsets(line.settings, "evidence"))
    wait_until(lambda: all(committed(line, "join")[spot] >= upto for spot, upto in folded.items()), within_s=READY_S)
    assert line.read("seal-orders") == []
    began = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    code, body = ask(line, "readyz")
    assert code in (0, 503), "it is not ready any more, or it has ended already"
    assert not body or body["reasons"][0]["cause"] == "stopping"
    assert worker.wait(30) == 0
    assert time.monotonic() - began < line.settings.drain_s + 7
    for topic in ("seal-orders", "packets", "dead-letters"):
        assert line.read(topic) == [], f"a stop wrote to {topic}"

    line.start(stages)
    assert line.read("seal-orders") == [], "nor does a start, with deadlines far ahead"
    line.publish(records(rest))
    orders = line.wait("seal-orders", lambda orders: len(orders) >= CALLS, within_s=60)
    assert sorted(order["canonicalCallId"] for order in orders) == sorted(f"call-{number}" for number in range(CALLS))
    assert {(order["completedBy"], tuple(order["missing"])) for order in orders} == {("all_evidence", ())}
