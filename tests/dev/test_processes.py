"""Only the very process that was started is ever stopped."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stream_app.dev import processes
from stream_app.dev.processes import Process

_SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
_STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
]


def _start(command: list[str], log: Path) -> Process:
    process = processes.start_detached(command, log=log, cwd=log.parent, env=os.environ)
    until = time.monotonic() + 10
    while processes.last_lines(log) != ["up"] and time.monotonic() < until:
        time.sleep(0.02)
    assert processes.last_lines(log) == ["up"]
    return process


def test_a_process_is_started_in_its_own_session_and_stopped(tmp_path: Path) -> None:
    process = _start(_SLEEP, tmp_path / "log")
    assert processes.is_alive(process)
    assert os.getsid(process.pid) == process.pid
    assert processes.stop(process, grace_seconds=5)
    assert not processes.is_alive(process)
    assert not processes.stop(process, grace_seconds=5)


def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    process = _start(_STUBBORN, tmp_path / "log")
    assert processes.stop(process, grace_seconds=0.3)
    assert not processes.is_alive(process)


def test_a_recycled_pid_is_left_alone() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as foreign:
        mistaken = Process(foreign.pid, "started at another time")
        assert not processes.is_alive(mistaken)
        assert not processes.stop(mistaken, grace_seconds=1)
        assert foreign.poll() is None
        foreign.kill()


def test_a_zombie_does_not_run() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.3)"])
    process = processes.identify(child.pid)
    assert process is not None
    time.sleep(0.8)
    assert processes.identify(child.pid) is None
    child.wait()


def test_the_log_of_the_run_before_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("of before\n")
    processes.stop(_start(_SLEEP, log), grace_seconds=1)
    assert (tmp_path / "log.1").read_text() == "of before\n"


def test_a_program_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no-such-program"):
        processes.start_detached([str(tmp_path / "no-such-program")], log=tmp_path / "log", cwd=tmp_path, env={})


def test_last_lines_of_a_long_and_of_an_absent_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(20_000)))
    assert processes.last_lines(log, 2) == ["line 19998", "line 19999"]
    assert processes.last_lines(tmp_path / "absent") == []
