"""The only place for the heartbeat of a stage's process: one JSON line a second, over a pipe to its supervisor.

The line is written by the event loop that does the stage's work, so a blocked loop is as silent as a stopped process.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

from stream_app.runtime.health import StageHealth

log = logging.getLogger(__name__)

HEARTBEAT_FD = "STREAM_APP_HEARTBEAT_FD"
"""Set for a supervised stage: the number of the pipe's end that it writes to."""
BEAT_S = 1.0
MAX_LINE = 4096
"""PIPE_BUF on Linux: a write up to here is whole or not at all, also when nobody reads."""
_MAX_DETAIL = 200


def claim(environment: Mapping[str, str] = os.environ) -> int | None:
    """The pipe's end that the supervisor handed down, made ours alone; None without a supervisor."""
    number = environment.get(HEARTBEAT_FD)
    if number is None:
        return None
    pipe = int(number)
    os.set_blocking(pipe, False)  # A supervisor that does not read must not stop its stages.
    os.set_inheritable(pipe, False)
    return pipe


def line_of(report: Mapping[str, Any]) -> bytes:
    """The report as one line of at most MAX_LINE bytes; details are cut, then reasons left out but one."""
    reasons = [{**reason, "detail": reason["detail"][:_MAX_DETAIL]} for reason in report["reasons"]]
    while True:
        line = json.dumps({**report, "reasons": reasons}, separators=(",", ":")).encode() + b"\n"
        if len(line) <= MAX_LINE or len(reasons) <= 1:
            return line
        reasons = reasons[:-1]
        report = {**report, "unnamed": report["unnamed"] + 1}


async def beat(pipe: int | None, health: StageHealth) -> None:
    """Until cancelled: write how the stage is, and log when it becomes ready or ceases to be."""
    ready: bool | None = None
    while True:
        report = health.report()
        if pipe is not None:
            try:
                os.write(pipe, line_of(report))
            except BlockingIOError:
                pass  # Nobody has read for a while; the next one will do.
            except OSError:
                pipe = None  # The supervisor is gone; whoever watches for that ends this process.
        if (not report["reasons"]) != ready:
            ready = not report["reasons"]
            if ready:
                log.info("ready")
            else:
                log.info("not ready: %s", "; ".join(map(_words, report["reasons"])))
        await asyncio.sleep(BEAT_S)


def _words(reason: Mapping[str, Any]) -> str:
    return ": ".join(str(reason[name]) for name in ("partition", "detail") if name in reason)


async def listen(pipe: int, take: Callable[[dict[str, Any]], None]) -> asyncio.BaseTransport:
    """The supervisor's end: hand every beat to `take`. Owns the descriptor; close the transport to end."""
    reader = os.fdopen(pipe, "rb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: _Lines(take), reader)
    return transport


class _Lines(asyncio.Protocol):
    def __init__(self, take: Callable[[dict[str, Any]], None]) -> None:
        self._take = take
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-MAX_LINE:]
        for line in lines:
            try:
                report = json.loads(line)
            except ValueError:
                continue  # Whatever else writes there, it is no sign of life.
            if isinstance(report, dict) and isinstance(report.get("reasons"), list):
                self._take(report)
