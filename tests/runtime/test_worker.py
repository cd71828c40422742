"""One stage in one process: it ends when told, when its supervisor is gone, and with a reason when nothing is there."""

from __future__ import annotations

import asyncio
import os

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
