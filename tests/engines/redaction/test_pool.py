"""Redaction in processes: a masked copy and its report, what leaks, time limits, and processes that end."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator

import pytest

from stream_app.engines.redaction import work
from stream_app.engines.redaction.pool import RedactionPool
from stream_app.pipeline.ports import Cleared, RedactionFailed

RAW = {
    "turns": [
        {"speaker": "agent", "text": "Which phone number can we reach you at?", "startMs": 0},
        {"speaker": "caller", "text": "five hundred five five five oh one four two", "startMs": 2000},
        {"speaker": "caller", "text": "and my member ID is Q X seven seven one two", "startMs": 6000},
    ],
    "summary": "caller gave 500-555-0142",
}


@pytest.fixture
async def pool() -> AsyncIterator[RedactionPool]:
    made = RedactionPool(use_model=False, timeout_s=30, niceness=0)
    yield made
    await made.close()


async def test_a_masked_copy_without_what_stood_beside_the_turns(pool: RedactionPool) -> None:
    cleared = await pool.clear(json.dumps(RAW).encode(), [], stated_redacted=False)
    copy = json.loads(cleared.body)
    assert [turn["text"] for turn in copy["turns"]][1] == "[PHONE_1]"
    assert b"0142" not in cleared.body
    assert "summary" not in copy
    assert cleared.report is not None
    assert cleared.report.counts == {"MEMBER_ID": 1, "PHONE": 1}
    assert [(one.begin_ms, one.end_ms) for one in cleared.report.audio] == [(2000, 66000)]
    assert cleared.leaks == ()


async def test_what_is_redacted_passes_as_it_came_and_what_leaks_is_told(pool: RedactionPool) -> None:
    clean = json.dumps({"turns": [{"speaker": "caller", "text": "my number is [PHONE_1], thanks"}]}).encode()
    assert await pool.clear(clean, [], stated_redacted=True) == Cleared(clean, None, ())
    leaky = json.dumps({"turns": [{"speaker": "caller", "text": "it is [PHONE_1], or 500-555-0199"}]}).encode()
    assert (await pool.clear(leaky, [], stated_redacted=True)).leaks == ("PHONE in turn 1",)
    known = json.dumps({"turns": [{"speaker": "agent", "text": "your code, four four one nine, works"}]}).encode()
    assert (await pool.clear(known, ["4419"], stated_redacted=True)).leaks == ("a known value in turn 1",)


async def test_what_is_no_transcript_fails_and_is_not_quoted(pool: RedactionPool) -> None:
    with pytest.raises(RedactionFailed) as failed:
        await pool.clear(b'{"secret": "500-555-0142"', [], stated_redacted=False)
    assert failed.value.reason == "unreadable"
    assert "0142" not in failed.value.detail


def _sleep(seconds: float) -> None:
    time.sleep(seconds)


def _die() -> None:
    os._exit(3)


async def test_a_call_that_takes_too_long_fails_and_the_next_one_does_not(pool: RedactionPool) -> None:
    await pool.clear(json.dumps(RAW).encode(), [], stated_redacted=False)
    pool._timeout_s = 0.5
    began = time.monotonic()
    with pytest.raises(RedactionFailed) as failed:
        await pool._call(_sleep, 60.0)
    assert (failed.value.reason, time.monotonic() - began < 5) == ("timeout", True)
    pool._timeout_s = 30.0
    assert (await pool.clear(json.dumps(RAW).encode(), [], stated_redacted=False)).report is not None


async def test_a_process_that_dies_is_tried_once_more_and_then_told(pool: RedactionPool) -> None:
    with pytest.raises(RedactionFailed) as failed:
        await pool._call(_die)
    assert failed.value.reason == "crashed"


async def test_a_defect_is_told_by_its_type_alone(pool: RedactionPool) -> None:
    with pytest.raises(RedactionFailed) as failed:
        await pool._call(int, "500-555-0142")
    assert (failed.value.reason, failed.value.detail) == ("defect", "ValueError")


async def test_the_event_loop_goes_on(pool: RedactionPool) -> None:
    body = json.dumps({"turns": RAW["turns"] * 200}).encode()
    await pool.clear(body, [], stated_redacted=False)
    ticks = 0
    task = asyncio.ensure_future(pool.clear(body, [], stated_redacted=False))
    while not task.done():
        await asyncio.sleep(0.005)
        ticks += 1
    assert ticks > 3


def test_without_the_model_rules_alone_are_stated() -> None:
    report = work.clear(json.dumps(RAW).encode(), [], frozenset(), False, False).report
    assert report is not None
    assert (report.model, report.engine) == (None, "call-evidence-stream")
