"""The only place where a supervisor asks one of its stages: questions out, answers in, over the socket between them."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from typing import Any

from stream_app.runtime.questions import MAX_LINE


class NoAnswer(Exception):
    """The stage does not run, is too busy to answer in time, or could not answer."""


class StageLine:
    """The line to whichever process runs the stage now."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[dict[int, Any]]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def open(self, end: socket.socket) -> None:
        """A process was started; this is our end of the socket to it, and becomes the line's own."""
        reader, self._writer = await asyncio.open_unix_connection(sock=end, limit=MAX_LINE)
        self._reading = asyncio.create_task(self._read(reader), name="answers of a stage")

    def close(self) -> None:
        """The process is gone: nobody will answer."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        if self._reading is not None:
            self._reading.cancel()
        self._give_up()

    async def ask(self, question: Mapping[str, Any], within_s: float) -> dict[int, Any]:
        """The stage's answer, by partition. Raises NoAnswer, at the latest after `within_s`."""
        writer = self._writer
        if writer is None:
            raise NoAnswer("the stage does not run")
        number = next(self._numbers)
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(within_s):
                writer.write(
                    json.dumps({**question, "id": number, "withinS": within_s}, separators=(",", ":")).encode() + b"\n"
                )
                await writer.drain()
                answer: dict[int, Any] = await waiting
                return answer
        except (TimeoutError, OSError) as error:
            raise NoAnswer(f"the stage did not answer ({type(error).__name__})") from None
        finally:
            self._waiting.pop(number, None)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError, ValueError):
            while line := await reader.readline():
                said = json.loads(line)
                waiting = self._waiting.get(said["id"])
                if waiting is None or waiting.done():
                    continue  # It came too late.
                if "answer" in said:
                    waiting.set_result({int(partition): one for partition, one in said["answer"].items()})
                else:
                    waiting.set_exception(NoAnswer(f"the stage could not answer ({said['error']})"))
        self._give_up()

    def _give_up(self) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(NoAnswer("the stage has ended"))
