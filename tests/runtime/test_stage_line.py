"""The supervisor's end of the line: answers find their question, and nobody waits for a stage that is gone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Any

import pytest

from stream_app.runtime import questions
from stream_app.runtime.stage_line import NoAnswer, StageLine


async def answer(question: Mapping[str, Any]) -> dict[int, Any]:
    match question["question"]:
        case "fault":
            raise RuntimeError
        case "slow":
            await asyncio.sleep(0.05)
        case "never":
            await asyncio.sleep(60)
    return {1: question["question"]}


async def connected() -> tuple[StageLine, asyncio.Task[None]]:
    ours, theirs = socket.socketpair()
    line = StageLine()
    await line.open(ours)
    return line, asyncio.create_task(questions.serve(theirs, answer))


async def test_answers_find_their_question() -> None:
    line, serving = await connected()
    both = await asyncio.gather(line.ask({"question": "slow"}, 5), line.ask({"question": "quick"}, 5))
    assert both == [{1: "slow"}, {1: "quick"}]
    with pytest.raises(NoAnswer, match="RuntimeError"):
        await line.ask({"question": "fault"}, 5)
    line.close()
    await asyncio.wait_for(serving, 5)


async def test_patience_ends() -> None:
    line, _ = await connected()
    with pytest.raises(NoAnswer):
        await line.ask({"question": "never"}, 0.05)
    assert await line.ask({"question": "quick"}, 5) == {1: "quick"}
    line.close()


async def test_who_waits_hears_that_the_stage_has_ended() -> None:
    line, serving = await connected()
    waiting = asyncio.create_task(line.ask({"question": "never"}, 30))
    await asyncio.sleep(0.02)
    serving.cancel()
    with pytest.raises(NoAnswer, match="ended"):
        await asyncio.wait_for(waiting, 2)
    line.close()
    with pytest.raises(NoAnswer, match="does not run"):
        await line.ask({"question": "quick"}, 5)


async def test_the_next_process_has_the_line() -> None:
    line, _ = await connected()
    line.close()
    ours, theirs = socket.socketpair()
    await line.open(ours)
    serving = asyncio.create_task(questions.serve(theirs, answer))
    assert await line.ask({"question": "quick"}, 5) == {1: "quick"}
    line.close()
    await serving
