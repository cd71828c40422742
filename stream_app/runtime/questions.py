"""The only place where a stage's process answers what people ask of its rows: JSON lines on a socket to its supervisor.

A question is `{"id": n, "question": "call", "withinS": s, ...}`, its answer `{"id": n, "answer": {"<partition>": ..}}`.
Both ends are of one worker, made before the process: there is no address that anybody else could ask at.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from stream_app.core.open_joins import Wanted
from stream_app.core.standing import View
from stream_app.pipeline import inquiries
from stream_app.pipeline.ports import ObjectStore, State

log = logging.getLogger(__name__)

QUESTIONS_FD = "STREAM_APP_QUESTIONS_FD"
"""Set for a supervised stage: the number of its end of the socket."""
MAX_LINE = 32 << 20
Answerer = Callable[[Mapping[str, Any]], Awaitable[Mapping[int, Any]]]


class UnknownQuestion(ValueError):
    """A question that this stage does not know."""


def claim(environment: Mapping[str, str] = os.environ) -> socket.socket | None:
    """The socket's end that the supervisor handed down, made ours alone; None without a supervisor."""
    number = environment.get(QUESTIONS_FD)
    if number is None:
        return None
    end = socket.socket(fileno=int(number))
    end.set_inheritable(False)
    return end


async def serve(end: socket.socket | None, answer: Answerer) -> None:
    """Answer until the other end is closed, or until cancelled; each question by itself, so that none waits."""
    if end is None:
        return
    reader, writer = await asyncio.open_unix_connection(sock=end, limit=MAX_LINE)
    under_way: set[asyncio.Task[None]] = set()
    try:
        while line := await reader.readline():
            task = asyncio.create_task(_answer(line, answer, writer), name="question")
            under_way.add(task)
            task.add_done_callback(under_way.discard)
    except (OSError, ValueError) as error:  # ValueError: a line that is too long.
        log.warning("no more questions are heard: %s", error)
    finally:
        for task in under_way:
            task.cancel()
        writer.close()


async def _answer(line: bytes, answer: Answerer, writer: asyncio.StreamWriter) -> None:
    question = json.loads(line)
    try:
        async with asyncio.timeout(question["withinS"]):  # Nobody waits any longer.
            said: dict[str, Any] = {"answer": dict(await answer(question))}
    except Exception as error:  # A partition that was just given away, say. What was asked for is not logged.
        log.warning("a question (%s) was not answered: %s", question.get("question"), type(error).__name__)
        said = {"error": type(error).__name__}
    try:
        writer.write(json.dumps({"id": question["id"], **said}, separators=(",", ":")).encode() + b"\n")
        await writer.drain()
    except OSError:
        return  # Nobody waits for it any more.


def of_identity(rows: Mapping[int, State], question: Mapping[str, Any]) -> dict[int, Any]:
    """`aliases` by their `names`, or those `named` by a `value` of any scheme. Raises UnknownQuestion."""
    match question["question"]:
        case "aliases":
            names = tuple(question["names"])
            return {partition: inquiries.aliases(one, names) for partition, one in rows.items()}
        case "named":
            return {partition: inquiries.named(one, question["value"]) for partition, one in rows.items()}
    raise UnknownQuestion(question["question"])


async def of_join(
    stages: Mapping[int, tuple[State, Callable[[], View]]], question: Mapping[str, Any]
) -> dict[int, Any]:
    """One `call`, or the `open` joins that are `wanted`. Raises UnknownQuestion."""
    match question["question"]:
        case "call":
            return {part: inquiries.call(rows, view(), question["call"]) for part, (rows, view) in stages.items()}
        case "open":
            wanted = msgspec.convert(question["wanted"], Wanted)
            # One after the other: the stage's own work shares the loop with one scan at a time.
            return {part: await inquiries.open_joins(rows, view(), wanted) for part, (rows, view) in stages.items()}
    raise UnknownQuestion(question["question"])


async def of_seal(store: ObjectStore, bucket: str, question: Mapping[str, Any]) -> dict[int, Any]:
    """What is `sealed` of a call. Raises UnknownQuestion."""
    if question["question"] != "sealed":
        raise UnknownQuestion(question["question"])
    found = await inquiries.sealed(store, bucket, question["call"], question["days"], question["versions"])
    return {0: found}
