"""The pipe between a stage and its supervisor: whole lines, no waiting, and nothing else taken for a beat."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from typing import Any

import pytest

from stream_app.runtime import heartbeat
from stream_app.runtime.health import MAX_NAMED, StageHealth

REPORT: dict[str, Any] = {"stage": "join", "assigned": 1, "recovered": 1, "lag": 0, "reasons": [], "unnamed": 0}


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_beats_arrive_and_say_what_the_stage_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.02)
    hears, beats = os.pipe()
    taken: list[dict[str, Any]] = []
    listening = await heartbeat.listen(hears, taken.append)
    health = StageHealth("join")
    pipe = heartbeat.claim({heartbeat.HEARTBEAT_FD: str(beats)})
    beating = asyncio.create_task(heartbeat.beat(pipe, health))
    await until(lambda: len(taken) >= 3)
    assert taken[-1]["reasons"][0]["cause"] == "unassigned"
    health.assigned([])
    health.answered("broker")
    await until(lambda: taken[-1]["reasons"] == [])
    beating.cancel()
    await asyncio.gather(beating, return_exceptions=True)
    count = len(taken)
    await asyncio.sleep(0.1)
    assert len(taken) == count
    os.close(beats)
    listening.close()


async def test_a_loop_that_is_blocked_does_not_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.01)
    hears, beats = os.pipe()
    os.set_blocking(beats, False)
    beating = asyncio.create_task(heartbeat.beat(beats, StageHealth("join")))
    await asyncio.sleep(0.05)
    said = os.read(hears, 1 << 16).count(b"\n")
    assert said >= 2
    os.set_blocking(hears, False)
    import time

    time.sleep(0.3)  # noqa: ASYNC251 - that is the point
    with pytest.raises(BlockingIOError):
        os.read(hears, 1)
    beating.cancel()
    os.close(beats)
    os.close(hears)


async def test_a_supervisor_that_does_not_read_stops_no_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.0)
    hears, beats = os.pipe()
    os.set_blocking(beats, False)
    beating = asyncio.create_task(heartbeat.beat(beats, StageHealth("join")))
    for _ in range(2000):
        await asyncio.sleep(0)
    assert not beating.done()
    whole = os.read(hears, 1 << 20)
    assert len(whole) > 8192, "the pipe was filled"
    assert all(json.loads(line)["stage"] == "join" for line in whole.splitlines()), "and every line in it is whole"
    os.close(hears)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not beating.done(), "nor does one that is gone; the stage has its own way to see that"
    beating.cancel()
    os.close(beats)


async def test_readiness_is_logged_when_it_changes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.001)
    caplog.set_level(logging.INFO, heartbeat.log.name)
    health = StageHealth("join")
    beating = asyncio.create_task(heartbeat.beat(None, health))
    await until(lambda: caplog.messages)
    await asyncio.sleep(0.02)
    health.assigned(["evidence/0"])
    health.recovered(["evidence/0"])
    health.answered("broker")
    await until(lambda: len(caplog.messages) == 2)
    await asyncio.sleep(0.02)
    beating.cancel()
    first, second = caplog.messages
    assert first.startswith("not ready: the consumer group has not given it partitions yet")
    assert second == "ready"


async def test_noise_on_the_pipe_is_no_sign_of_life() -> None:
    hears, beats = os.pipe()
    taken: list[dict[str, Any]] = []
    listening = await heartbeat.listen(hears, taken.append)
    noise = b"hello\n[]\n{}\n" + b'{"reasons":3}\n' + b"\xff\xfe\n" + b"x" * 10_000 + b"\n"
    os.write(beats, noise + heartbeat.line_of(REPORT)[:20])
    await asyncio.sleep(0.05)
    os.write(beats, heartbeat.line_of(REPORT)[20:])
    await until(lambda: taken)
    assert taken == [REPORT]
    os.close(beats)
    listening.close()


def test_without_a_supervisor_there_is_no_pipe() -> None:
    assert heartbeat.claim({}) is None


@pytest.mark.parametrize("detail", ["x" * 5000, "é" * 5000, '"\\' * 2000])
def test_a_line_fits_into_one_atomic_write(detail: str) -> None:
    reasons = [{"cause": "stalled", "partition": f"{'t' * 200}/{n}", "detail": detail} for n in range(MAX_NAMED)]
    line = heartbeat.line_of({**REPORT, "reasons": reasons, "unnamed": 1})
    assert len(line) <= heartbeat.MAX_LINE
    assert line.count(b"\n") == 1
    read = json.loads(line)
    assert read["reasons"]
    assert len(read["reasons"]) + read["unnamed"] == MAX_NAMED + 1
