"""A stage's end of the line: every question answered, faults and unknown ones too, and none of them in its own time."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Mapping
from typing import Any

import pytest

from stream_app.runtime import questions
from stream_app.runtime.memory_rows import MemoryRows
from stream_app.runtime.questions import QUESTIONS_FD, UnknownQuestion


async def served(answer: questions.Answerer, *asked: dict[str, Any]) -> list[dict[str, Any]]:
    """What comes back for these questions, in the order of their numbers."""
    ours, theirs = socket.socketpair()
    serving = asyncio.create_task(questions.serve(theirs, answer))
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    for number, question in enumerate(asked):
        writer.write(json.dumps({"id": number, "withinS": 0.3, **question}).encode() + b"\n")
    said = [json.loads(await asyncio.wait_for(reader.readline(), 5)) for _ in asked]
    writer.close()
    await asyncio.wait_for(serving, 5)
    return sorted(said, key=lambda one: one["id"])


async def test_each_question_is_answered_and_a_slow_one_holds_up_nobody() -> None:
    order: list[str] = []

    async def answer(question: Mapping[str, Any]) -> dict[int, Any]:
        if question["question"] == "slow":
            await asyncio.sleep(0.05)
        order.append(question["question"])
        return {3: question["question"]}

    said = await served(answer, {"question": "slow"}, {"question": "quick"})
    assert said == [{"id": 0, "answer": {"3": "slow"}}, {"id": 1, "answer": {"3": "quick"}}]
    assert order == ["quick", "slow"]


async def test_a_fault_is_told_by_its_name_alone_and_the_next_is_answered() -> None:
    async def answer(question: Mapping[str, Any]) -> dict[int, Any]:
        if question["question"] == "bad":
            raise KeyError("livekitRoom:secret")
        return {}

    said = await served(answer, {"question": "bad"}, {"question": "good"})
    assert said == [{"id": 0, "error": "KeyError"}, {"id": 1, "answer": {}}]


async def test_what_nobody_waits_for_any_more_ends() -> None:
    ended = []

    async def answer(question: Mapping[str, Any]) -> dict[int, Any]:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(question["question"])
        return {}

    assert await served(answer, {"question": "long"}) == [{"id": 0, "error": "TimeoutError"}]
    assert ended == ["long"]


async def test_without_a_supervisor_nobody_asks() -> None:
    assert questions.claim({}) is None

    async def never(_: Mapping[str, Any]) -> dict[int, Any]:
        raise AssertionError

    await questions.serve(None, never)


def test_the_end_that_was_handed_down_is_handed_down_no_further() -> None:
    ours, theirs = socket.socketpair()
    theirs.set_inheritable(True)
    end = questions.claim({QUESTIONS_FD: str(theirs.detach())})
    assert end is not None
    assert not end.get_inheritable()
    end.close()
    ours.close()


async def test_stages_refuse_what_is_not_theirs() -> None:
    rows = {0: MemoryRows()}
    assert questions.of_identity(rows, {"question": "aliases", "names": ["a:b"]}) == {0: []}
    assert questions.of_identity(rows, {"question": "named", "value": "b"}) == {0: []}
    store: Any = None
    for asked in (
        lambda: questions.of_identity(rows, {"question": "call"}),
        lambda: asyncio.run(questions.of_join({}, {"question": "aliases"})),
        lambda: asyncio.run(questions.of_seal(store, "b", {"question": "call"})),
    ):
        with pytest.raises(UnknownQuestion):
            await asyncio.to_thread(asked)
