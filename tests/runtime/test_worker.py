"""One stage in one process: it ends when told, when its supervisor is gone, and with a reason when nothing is there."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stream_app import app, telemetry
from stream_app.runtime import worker
from stream_app.runtime.supervisor import SUPERVISED
from stream_app.settings import Settings


def test_without_a_broker_it_ends_with_3_and_one_message(
    caplog: pytest.LogCaptureFixture, tmp_path: pytest.TempPathFactory
) -> None:
    settings = Settings(kafka_bootstrap="127.0.0.1:1", request_timeout_s=2, state_dir=tmp_path)  # type: ignore[arg-type]
    recording = telemetry.disabled()
    code = worker.run_stage(settings, app.binding_of("intake", settings, recording), recording.recorder)
    assert code == 3
    said = [record.getMessage() for record in caplog.records if record.name == worker.log.name]
    assert len(said) == 1
    assert "127.0.0.1:1" in said[0]


async def test_a_supervised_stage_stops_when_its_parent_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SUPERVISED, "1")
    monkeypatch.setattr(worker, "PARENT_CHECK_S", 0.01)
    parents = iter([7, 7, 1])
    monkeypatch.setattr(os, "getppid", lambda: next(parents))
    stopping = asyncio.Event()
    await asyncio.wait_for(worker._stop_when_orphaned(7, stopping), 5)
    assert stopping.is_set()


async def test_an_unsupervised_stage_lives_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SUPERVISED, raising=False)
    monkeypatch.setattr(worker, "PARENT_CHECK_S", 0.01)
    stopping = asyncio.Event()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(worker._stop_when_orphaned(-1, stopping), 0.2)
    assert not stopping.is_set()


async def test_a_stop_is_bound_in_time_however_often_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    timers: list[float] = []

    class Timer:
        daemon = False

        def __init__(self, bound_s: float, function: object, args: object) -> None:
            timers.append(bound_s)
            assert function is os._exit
            assert args == (0,)

        def start(self) -> None:
            assert self.daemon

    monkeypatch.setattr(worker.threading, "Timer", Timer)
    stopping = asyncio.Event()
    worker._stop(stopping, 9.0)
    worker._stop(stopping, 9.0)
    assert stopping.is_set()
    assert timers == [9.0]


ROOT = Path(__file__).parents[2]
RUN = """
import sys
from types import SimpleNamespace
from stream_app import app, telemetry
from stream_app.runtime import worker
from stream_app.runtime.host import Host
from stream_app.settings import Settings

{patch}
settings = Settings(drain_s=0, request_timeout_s=1)
recording = telemetry.disabled()
sys.exit(worker.run_stage(settings, app.binding_of("intake", settings, recording), recording.recorder))
"""
PRETEND = """
import asyncio

class Faust:
    crash_reason = "the group is gone"
    rebalancing = True
    in_worker = False
    ends = {ends}
    hangs = {hangs}
    def finalize(self): pass
    async def start(self): print("started", flush=True)
    async def wait_until_stopped(self): await asyncio.sleep(0.1 if self.ends else 60)
    async def stop(self):
        print("stopping", flush=True)
        if self.hangs: await asyncio.sleep(60)

async def nothing(self): pass

class Pretended(Host):
    def __init__(self, settings, binding, recorder):
        self.binding, self.app, self._closing = binding, Faust(), set()
    open = close = nothing
    async def close_lanes(self): print("lanes closed", flush=True)

worker.Host = Pretended
worker.EXTRA_STOP_S = 0.5
"""


def start(script: str, tmp_path: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "STREAM_APP_STATE_DIR": str(tmp_path), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def pretend(tmp_path: Path, *, ends: bool = False, hangs: bool = False) -> subprocess.Popen[str]:
    """A stage over a stand-in for Faust, as a process of its own, after it has started."""
    process = start(RUN.format(patch=PRETEND.format(ends=ends, hangs=hangs)), tmp_path)
    assert process.stdout is not None
    line = process.stdout.readline()
    if line != "started\n":
        raise AssertionError(process.communicate(timeout=10)[1])
    return process


def test_state_that_cannot_be_kept_is_exit_code_3_and_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    process = start(RUN.format(patch=""), tmp_path / "file")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 3, said
    assert "set STREAM_APP_STATE_DIR" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_closes_the_lanes_before_faust_and_is_exit_code_0(tmp_path: Path, number: signal.Signals) -> None:
    process = pretend(tmp_path)
    process.send_signal(number)
    out, said = process.communicate(timeout=20)
    assert process.returncode == 0, said
    assert out.split("\n") == ["lanes closed", "stopping", ""]


def test_a_stop_that_hangs_ends_all_the_same(tmp_path: Path) -> None:
    process = pretend(tmp_path, hangs=True)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert 0.3 < time.monotonic() - began < 10, "after the drain and half a second, not after a minute"


def test_a_faust_app_that_ends_by_itself_is_a_failed_stage(tmp_path: Path) -> None:
    process = pretend(tmp_path, ends=True)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 70
    assert "stage intake cannot go on (faust)" in said
    assert "the group is gone" in said


def test_a_stage_that_hangs_when_its_supervisor_is_gone_ends_all_the_same(tmp_path: Path) -> None:
    """Nobody is left to kill it."""
    between = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', sys.argv[1]])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    script = RUN.format(patch=PRETEND.format(ends=False, hangs=True) + "worker.PARENT_CHECK_S = 0.05\n")
    parent = subprocess.Popen(
        [sys.executable, "-c", between, script],
        cwd=ROOT,
        env={**os.environ, "STREAM_APP_STATE_DIR": str(tmp_path), SUPERVISED: "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    stage = int(parent.stdout.readline())
    assert parent.stdout.readline() == "started\n"
    parent.kill()
    parent.wait()
    assert parent.stdout.readline() == "lanes closed\n"
    deadline = time.monotonic() + 15
    while alive(stage) and time.monotonic() < deadline:
        time.sleep(0.05)
    if alive(stage):
        os.kill(stage, signal.SIGKILL)
        raise AssertionError("the stage outlived its supervisor")


def alive(pid: int) -> bool:
    """Whether the process runs; one that ended and that nobody waits for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
