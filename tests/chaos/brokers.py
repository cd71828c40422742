"""The only place for the brokers that a chaos run owns: brought up, killed -9, brought back, taken down by pid."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import ClassVar

from stream_app.dev import processes
from stream_app.dev.stack import Stack
from stream_app.dev.state import Endpoints


class OneBroker:
    """The embedded stack, for this run alone."""

    settings: ClassVar[dict[str, str]] = {}
    """What stages are told besides."""

    def __init__(self, root: Path) -> None:
        self._stack = Stack(root)

    def up(self) -> Endpoints:
        """Start broker and store. Raises StackError."""
        return self._stack.up()

    async def restart(self) -> None:
        """kill -9 the broker, wait a little, start it on the same disk and port."""
        process = self._stack.directory.load()["kafka"].process
        assert process is not None
        if processes.is_alive(process):
            os.kill(process.pid, signal.SIGKILL)
        await asyncio.sleep(2)
        await asyncio.to_thread(self._stack.up)

    def down(self) -> None:
        """Stop both."""
        self._stack.down()


class Cluster(OneBroker):
    """Placeholder until three brokers are written."""
