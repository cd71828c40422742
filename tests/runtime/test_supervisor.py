"""Several stages under one roof: ready is relayed, failures are started again, a stop reaches all and ends in time."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from stream_app.runtime import stage_watch, supervisor
from stream_app.runtime.supervisor import Supervisor

RUNS = "import time; print('ready {} (4 partitions)', flush=True); time.sleep(60)"
FAILS = "import sys; sys.exit(70)"
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready stubborn", flush=True)
time.sleep(60)
"""
POLITE = """
import signal, sys, time
def stop(*_):
    print("stopping politely", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("ready polite", flush=True)
time.sleep(60)
"""


class Said(list[str]):
    """What the supervisor said; `when` lists (monotonic seconds, line)."""

    def __init__(self, stop_at: Callable[[list[str]], bool], number: signal.Signals = signal.SIGTERM) -> None:
        super().__init__()
        self.when: list[tuple[float, str]] = []
        self._stop_at = stop_at
        self._number = number
        self.stopped_at = 0.0

    def __call__(self, line: str) -> None:
        self.append(line)
        self.when.append((time.monotonic(), line))
        if not self.stopped_at and self._stop_at(self):
            self.stopped_at = time.monotonic()
            os.kill(os.getpid(), self._number)


async def run(
    said: Said,
    scripts: dict[str, str],
    *,
    grace_s: float = 5.0,
    give_up_after: int | None = None,
    kill_after_s: float = 45.0,
) -> tuple[int, float]:
    """(exit code, seconds from the stop to the end) of a supervisor over `python -c` children."""

    def command(stage: str) -> Sequence[str]:
        return (sys.executable, "-c", scripts[stage])

    made = Supervisor(
        tuple(scripts), command, grace_s=grace_s, say=said, give_up_after=give_up_after, kill_after_s=kill_after_s
    )
    code = await asyncio.wait_for(made.run(), 30)
    return code, time.monotonic() - said.stopped_at


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE_S", 0.15)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_ready_is_relayed_and_a_stop_reaches_every_stage(number: signal.Signals) -> None:
    said = Said(lambda lines: len([line for line in lines if line.startswith("ready ")]) == 2, number)
    code, took = await run(said, {"one": RUNS.format("one"), "polite": POLITE})
    assert code == 0
    assert {"ready one (4 partitions)", "ready polite", "stopping politely"} == set(said)
    assert took < 3


async def test_a_stubborn_stage_is_killed_after_the_grace() -> None:
    said = Said(lambda lines: len([line for line in lines if line.startswith("ready ")]) == 2)
    code, took = await run(said, {"stubborn": STUBBORN, "polite": POLITE}, grace_s=0.5)
    assert code == 0
    assert 0.4 < took < 4
    assert any(line.startswith("stage stubborn did not stop within") for line in said)
    assert not any("polite did not stop" in line for line in said)


async def test_a_failing_stage_is_started_again_with_a_growing_pause_to_a_bound() -> None:
    said = Said(lambda lines: len(lines) >= 5)
    code, _ = await run(said, {"join": FAILS})
    assert code == 0, "without a limit it never gives up"
    pauses = [
        float(match[1]) for line in said if (match := re.search(r"exit code 70; starting it again in ([\d.]+) s", line))
    ]
    assert len(pauses) >= 5
    began = [when for when, line in said.when if "starting it again" in line]
    gaps = [after - before for before, after in pairwise(began)]
    assert gaps[0] >= 0.05
    assert gaps[2] >= 0.15, "pauses 0.05, 0.1, then 0.15 at most"
    assert max(pauses) <= 0.2


async def test_a_stage_that_was_steady_starts_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "STEADY_S", 0.0)
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE_S", 60.0)
    said = Said(lambda lines: len(lines) >= 6)
    code, _ = await run(said, {"join": FAILS})
    assert code == 0, "in 30 s only because each run counted as steady: doubling from 0.05 s would be at 1.6 s"
    assert all("in 0.1 s" in line or "in 0.0 s" in line for line in said)


async def test_it_gives_up_on_a_stage_that_was_never_ready_and_stops_the_others() -> None:
    said = Said(lambda _: False)
    code, _ = await run(said, {"join": FAILS, "seal": RUNS.format("seal")}, give_up_after=3)
    assert code == 3
    assert said[-1].startswith("stage join failed 3 times before it was ready; giving up")


async def test_it_never_gives_up_on_one_that_was_ready_once(tmp_path: Path) -> None:
    once = tmp_path / "once"
    script = f"""
import pathlib, sys
mark = pathlib.Path({str(once)!r})
if not mark.exists():
    mark.touch()
    print("ready join", flush=True)
sys.exit(70)
"""
    said = Said(lambda lines: sum("starting it again" in line for line in lines) >= 4)
    code, _ = await run(said, {"join": script}, give_up_after=2)
    assert code == 0
    assert "ready join" in said
    assert not any("giving up" in line for line in said)


async def test_one_stage_s_failure_leaves_the_others_alone() -> None:
    said = Said(lambda lines: sum("stage join ended" in line for line in lines) >= 3)
    code, _ = await run(said, {"join": FAILS, "polite": POLITE})
    assert code == 0
    assert said.count("ready polite") == 1
    assert said.count("stopping politely") == 1


async def test_a_stop_during_a_pause_is_not_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 20.0)
    said = Said(lambda lines: bool(lines))
    code, took = await run(said, {"join": FAILS})
    assert code == 0
    assert took < 5


BEATS = """
import json, os, pathlib, time
from stream_app.runtime.heartbeat import HEARTBEAT_FD
from stream_app.runtime.supervisor import RESTARTS

print("ready join", {{cause: os.environ[name] for cause, name in RESTARTS.items()}}, flush=True)
report = {{"stage": "join", "assigned": 1, "recovered": 1, "lag": 0, "reasons": [], "unnamed": 0}}
for _ in range({beats}):
    os.write(int(os.environ[HEARTBEAT_FD]), json.dumps(report).encode() + b"\\n")
    time.sleep(0.1)
time.sleep(60)
"""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_watch, "TICK_S", 0.1)


@pytest.mark.usefixtures("impatient")
async def test_a_child_that_stops_beating_is_killed_and_the_next_one_is_told_of_it() -> None:
    said = Said(lambda lines: sum("ready join" in line for line in lines) == 2)
    # Longer than a child takes to start on a busy machine: one that is killed before it says a word proves nothing.
    code, _ = await run(said, {"join": BEATS.format(beats=3)}, kill_after_s=4.0)
    assert code == 0
    first, killed, again, second, *_ = said
    assert first == "ready join {'failed': '0', 'frozen': '0'}"
    assert re.match(r"stage join has not beaten for [4-9] s \(frozen\); killing it", killed)
    assert again.startswith("stage join ended with exit code -9; starting it again in")
    assert second == "ready join {'failed': '0', 'frozen': '1'}"


@pytest.mark.usefixtures("impatient")
async def test_a_child_that_beats_is_left_alone() -> None:
    said = Said(lambda lines: "enough" in lines)
    asyncio.get_running_loop().call_later(8.0, said, "enough")
    await run(said, {"join": BEATS.format(beats=1000)}, kill_after_s=4.0)
    assert said == ["ready join {'failed': '0', 'frozen': '0'}", "enough"]


async def test_a_child_that_failed_is_counted_as_such() -> None:
    said = Said(lambda lines: sum("ready join" in line for line in lines) == 3)
    await run(said, {"join": BEATS.format(beats=0).replace("time.sleep(60)", "raise SystemExit(70)")})
    assert [line for line in said if "ready" in line][-1] == "ready join {'failed': '2', 'frozen': '0'}"


@pytest.mark.usefixtures("impatient")
async def test_a_supervisor_that_was_stopped_itself_kills_nobody() -> None:
    """Both are stopped and go on, as when a container is paused; the beats in the pipe come late, the ticks do too."""
    said = Said(lambda lines: "enough" in lines)

    def pause() -> None:
        time.sleep(3.0)  # The whole loop of the supervisor.
        asyncio.get_running_loop().call_later(0.5, said, "enough")

    asyncio.get_running_loop().call_later(1.5, pause)
    await run(said, {"join": BEATS.format(beats=1000)}, kill_after_s=1.0)
    assert not any("frozen); killing" in line for line in said)


async def test_a_child_killed_from_outside_is_started_again() -> None:
    script = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    said = Said(lambda lines: len(lines) >= 2)
    await run(said, {"join": script})
    assert "stage join ended with exit code -9; starting it again in" in said[0]
