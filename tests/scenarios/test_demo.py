"""The whole demo as a user runs it, on a real broker and store: generated calls, public conversations, Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stream_app.core.wire import read_json
from stream_app.demo.convert import convert
from stream_app.demo.generator import generate
from stream_app.demo.ground_truth import Expected, expect
from stream_app.demo.outcome import Seen, differences
from stream_app.demo.run import settings_of
from stream_app.dev.state import Endpoints
from stream_app.policy_file import default_policy
from stream_app.runtime.client import read_topic
from stream_app.topics import JOIN_ALERTS, PACKETS

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


CALLS, SEED = 60, 3


@pytest.fixture(scope="module")
def generated(stack: Endpoints) -> dict[str, Any]:
    """The figures of one demo with generated calls."""
    return demo(stack, "--calls", str(CALLS), "--seed", str(SEED), timeout_s=240)


def test_generated_calls_add_up_and_nothing_is_left_running(stack: Endpoints, generated: dict[str, Any]) -> None:
    figures = generated
    adds_up(figures)
    assert figures["calls"] == CALLS
    assert {"complete", "incomplete"} <= set(figures["packets"])
    assert figures["workerPid"] is None
    assert processes_of(stack.root / "demo" / figures["topicPrefix"].rstrip(".")) == []


def published(stack: Endpoints, prefix: str) -> Seen:
    """What a finished demo has left on its topics, read anew."""
    place = stack.root / "demo" / prefix.rstrip(".")
    settings = settings_of(stack.environment(), prefix, place / "policy.yaml", place / "state")
    seen = Seen()

    async def read() -> None:
        async for record in read_topic(settings, PACKETS.name, JOIN_ALERTS.name):
            document = read_json(record.value or b"")
            if record.topic == PACKETS.name:
                seen.packet(document, record.timestamp_ms)
            else:
                seen.alert(document)

    asyncio.run(read())
    return seen


def lie(one: Expected) -> Expected:
    """The opposite of what is expected of a call."""
    if one.status is None:
        return replace(one, status="complete", reasons=frozenset({"failed_tool_call"}))
    return replace(one, status=None, reasons=frozenset(), missing=frozenset(), superseded=False)


def test_a_false_truth_about_any_one_call_is_noticed(stack: Endpoints, generated: dict[str, Any]) -> None:
    policy = default_policy().scaled(50)
    truth = [expect(convert(told, SEED), policy) for told in generate(CALLS, SEED)]
    seen = published(stack, generated["topicPrefix"])
    assert differences(truth, seen) == []
    for number, one in enumerate(truth):
        for false in (lie(one), replace(one, times_out=not one.times_out)):
            found = differences([*truth[:number], false, *truth[number + 1 :]], seen)
            assert len(found) == 1
            assert one.call_id in found[0]
    gone = truth[0].call_id
    assert differences(truth[1:], seen) == (
        [f"{gone}: a packet for a call that nobody made"] if gone in seen.packets else []
    )


@pytest.mark.timeout(600)
@pytest.mark.skipif(not PUBLIC.is_dir(), reason="the public conversations (../shared/data/replay) are not here")
def test_the_public_conversations_add_up(stack: Endpoints) -> None:
    figures = demo(stack, "--data", str(PUBLIC), timeout_s=540)
    adds_up(figures)
    assert figures["calls"] == sum(
        1 for path in PUBLIC.glob("*.jsonl") for line in path.read_bytes().splitlines() if line.strip()
    )
    assert {"failed_tool_call", "regression_candidate"} <= set(figures["reasons"])


@pytest.mark.parametrize("moment", ["starting the worker: 0 of", "replaying events"])
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
