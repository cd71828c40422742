"""The whole demo as a user runs it, on a real broker and store: generated calls, public conversations, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from stream_app.dev.state import Endpoints

ROOT = Path(__file__).parents[2]
PUBLIC = ROOT.parent / "shared" / "data" / "replay"


def command(stack: Endpoints, *words: str) -> tuple[list[str], dict[str, str]]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("STREAM_APP_")}
    return [sys.executable, "-m", "stream_app", "demo", "--dir", str(stack.root), *words], variables


def demo(stack: Endpoints, *words: str, timeout_s: float) -> dict[str, Any]:
    """The figures of a demo that must succeed."""
    line, variables = command(stack, "--json", *words)
    done = subprocess.run(line, env=variables, cwd=ROOT, capture_output=True, text=True, timeout=timeout_s, check=False)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def processes_of(directory: Path) -> list[int]:
    """Processes whose settings point into the directory: a demo's worker and its stages."""
    mark = f"STREAM_APP_STATE_DIR={directory}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue  # it ended in the meantime
    return found


def adds_up(figures: dict[str, Any]) -> None:
    assert figures["differences"] == []
    assert (
        figures["manifestsVerified"]
        == figures["manifests"]
        == sum(figures["packets"].values()) + (figures["laterVersions"])
    )
    assert sum(figures["accounting"].values()) == figures["events"]
    packets = sum(figures["packets"].values())
    assert packets + figures["withoutReason"] + figures["neverIdentified"] == figures["calls"]
    assert sum(figures["reasons"].values()) == packets
    assert figures["evidenceToPacketMs"]["of"] > 0


def test_generated_calls_add_up_and_nothing_is_left_running(stack: Endpoints) -> None:
    figures = demo(stack, "--calls", "60", "--seed", "3", timeout_s=240)
    adds_up(figures)
    assert figures["calls"] == 60
    assert {"complete", "incomplete"} <= set(figures["packets"])
    assert figures["workerPid"] is None
    assert processes_of(stack.root / "demo" / figures["topicPrefix"].rstrip(".")) == []


@pytest.mark.timeout(600)
@pytest.mark.skipif(not PUBLIC.is_dir(), reason="the public conversations (../shared/data/replay) are not here")
def test_the_public_conversations_add_up(stack: Endpoints) -> None:
    figures = demo(stack, "--data", str(PUBLIC), timeout_s=540)
    adds_up(figures)
    assert figures["calls"] == sum(
        1 for path in PUBLIC.glob("*.jsonl") for line in path.read_bytes().splitlines() if line.strip()
    )
    assert {"failed_tool_call", "regression_candidate"} <= set(figures["reasons"])


@pytest.mark.parametrize("moment", ["starting the worker: 0 of 4", "replaying events"])
def test_ctrl_c_stops_what_it_started_and_only_that(stack: Endpoints, moment: str, tmp_path: Path) -> None:
    before = set((stack.root / "demo").glob("*"))
    log = tmp_path / "log"
    line, variables = command(stack, "--calls", "300")
    with log.open("wb") as out, subprocess.Popen(line, env=variables, cwd=ROOT, stdout=out, stderr=out) as running:
        until = time.monotonic() + 120
        while moment not in log.read_text():
            assert running.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        (place,) = set((stack.root / "demo").glob("*")) - before
        assert processes_of(place)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130, log.read_text()
    assert "Traceback" not in log.read_text()
    assert processes_of(place) == []
    assert (stack.root / "state.json").exists()
