"""`stream-app demo-providers` whole: payloads over HTTP and Kafka, one packet a call, and the public sample."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from stream_app.dev.state import Endpoints
from tests.providers.samples import PUBLIC
from tests.scenarios.live import ROOT


def test_each_call_ends_as_one_packet(stack: Endpoints) -> None:
    data = ("--data", str(PUBLIC / "joins")) if (PUBLIC / "joins").is_dir() else ()
    run = subprocess.run(
        [sys.executable, "-m", "stream_app", "demo-providers", "--dir", str(stack.root), "--json", *data],
        cwd=ROOT, env={**os.environ}, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    figures = json.loads(run.stdout)
    assert figures["differences"] == []
    own = {one["packetId"]: one["status"] for one in figures["packets"] if one["packetId"].startswith("demo-")}
    assert own == {"demo-agent-2/1": "complete", "demo-room-1/1": "incomplete"}
    assert figures["manifestsVerified"] == len(figures["packets"])
    assert Path(stack.root).is_dir()
