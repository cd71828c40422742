"""A process strikes itself at the step it aims at, no sooner, after it has written down that it does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.chaos.hooks import Aim, read_aim
from tests.chaos.workers import ROOT

PROGRAM = """
import sys, time
from pathlib import Path
from tests.chaos.hooks import Actor
before = time.time()
actor = Actor(Path(sys.argv[1]), Path(sys.argv[2]), "join", "w1")
actor.begin()
print(round(time.time() - before), flush=True)
for number in range(5):
    actor.reached("folded")
    actor.reached("stored")
    print(number, flush=True)
try:
    with open(sys.argv[1] + ".big", "wb") as file:
        file.write(b"x" * 100_000)
    print("written", flush=True)
except OSError as error:
    print(type(error).__name__, error.errno, flush=True)
"""


def run(aim: Aim, tmp_path: Path) -> subprocess.Popen[str]:
    aim.write(tmp_path / "aim.json")
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "aim.json"), str(tmp_path / "log")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_it_kills_itself_the_nth_time_and_only_once(tmp_path: Path) -> None:
    output, _ = (process := run(Aim(step="stored", nth=3), tmp_path)).communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    assert output.split() == ["0", "0", "1"]
    (line,) = (tmp_path / "log").read_text().splitlines()
    told = json.loads(line)
    assert (told["fault"], told["stage"], told["worker"], told["step"]) == ("kill", "join", "w1", "stored")
    assert read_aim(tmp_path / "aim.json") is None, "the next process would die as well"


def test_it_freezes_itself_and_goes_on_when_woken(tmp_path: Path) -> None:
    process = run(Aim(action="freeze", step="folded"), tmp_path)
    try:
        until = time.monotonic() + 20
        state = ""
        while state != "T" and time.monotonic() < until:
            state = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
            time.sleep(0.05)
        assert state == "T"
        os.kill(process.pid, signal.SIGCONT)
        output, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0
    assert output.split()[-1] == "written"


@pytest.mark.parametrize("offset", [-300, 45])
def test_its_clock_is_off(tmp_path: Path, offset: int) -> None:
    output, _ = run(Aim(clock_offset_s=offset), tmp_path).communicate(timeout=30)
    assert output.split()[0] == str(offset)


def test_its_disk_is_full(tmp_path: Path) -> None:
    output, _ = run(Aim(file_limit=4096), tmp_path).communicate(timeout=30)
    assert output.splitlines()[-1] == "OSError 27"
    assert (tmp_path / "aim.json.big").stat().st_size <= 4096
