"""Processes of the demo: ready when they say so, and an end with the end of their log."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stream_app.demo import processes
from stream_app.demo.processes import DemoFailed, Process
from stream_app.settings import Settings


def silent(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


def child(code: str, directory: Path) -> Process:
    """Some program in place of ours."""
    log = directory / "worker.log"
    log.touch()
    return Process(subprocess.Popen([sys.executable, "-c", code], start_new_session=True), "worker", log)


async def test_ready_is_when_it_said_all_of_it(tmp_path: Path) -> None:
    worker = child("import time; time.sleep(60)", tmp_path)
    worker.log.write_text("ready intake\nready join\n")
    await worker.said(["ready intake", "ready join"], "starting", silent)
    assert worker.ended() is None
    worker.stop()
    assert worker.ended() == -15


async def test_one_that_ends_before_it_is_ready_fails_the_demo_with_the_end_of_its_log(tmp_path: Path) -> None:
    worker = child("raise SystemExit(3)", tmp_path)
    worker.log.write_text("ready intake\nthe broker is away\n")
    with pytest.raises(DemoFailed, match="the broker is away"):
        await worker.said(["ready intake", "ready join"], "starting", silent)


async def test_one_that_never_gets_ready_fails_the_demo_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "READY_TIMEOUT_S", 0.2)
    worker = child("import time; time.sleep(60)", tmp_path)
    try:
        with pytest.raises(DemoFailed, match="did not get ready"):
            await worker.said(["ready join"], "starting", silent)
    finally:
        worker.stop()


async def test_a_command_runs_under_the_settings_it_is_given(tmp_path: Path) -> None:
    settings = Settings(topic_prefix="demo-1.", policy_file=tmp_path / "policy.yaml", state_dir=tmp_path)
    worker = Process.start(("policy", "check", "nowhere.yaml"), settings, {"STREAM_APP_LOG_LEVEL": "ERROR"}, tmp_path)
    with pytest.raises(DemoFailed, match="nowhere"):
        await worker.said(["never said"], "starting", silent)
    assert worker.log == tmp_path / "policy.log"
