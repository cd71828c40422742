"""The only place that starts, awaits and stops the demo's processes: the line, and the gateway before it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from stream_app.settings import Settings

READY_TIMEOUT_S = 90.0
STOP_S = 20.0

Progress = Callable[[str, int, int], None]
"""(what, done, of how many)."""


class DemoFailed(Exception):
    """The demo could not be carried out; the message says what to look at."""


class Process:
    """One `stream-app` command with its log, in a session of its own, so that Ctrl-C comes to us alone."""

    def __init__(self, child: subprocess.Popen[bytes], name: str, log: Path) -> None:
        self._child = child
        self._name = name
        self.log = log

    @classmethod
    def start(cls, command: Sequence[str], settings: Settings, variables: Mapping[str, str], directory: Path) -> Self:
        """`stream-app <command>` under these settings; `variables` are further ones of its environment."""
        environment = {
            **os.environ,
            **variables,
            "STREAM_APP_TOPIC_PREFIX": settings.topic_prefix,
            "STREAM_APP_PACKET_BUCKET": settings.packet_bucket,
            "STREAM_APP_POLICY_FILE": str(settings.policy_file),
            "STREAM_APP_STATE_DIR": str(settings.state_dir),
        }
        path = directory / f"{command[0]}.log"
        with path.open("wb") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "stream_app", *command],
                stdout=log, stderr=subprocess.STDOUT, env=environment, start_new_session=True,
            )  # fmt: skip
        return cls(child, command[0], path)

    @property
    def pid(self) -> int:
        """Its process ID."""
        return self._child.pid

    def ended(self) -> int | None:
        """Its exit code, or None while it runs."""
        return self._child.poll()

    async def said(self, lines: Sequence[str], what: str, progress: Progress) -> None:
        """Return when its log holds all of these. Raises DemoFailed with the end of the log."""
        until = time.monotonic() + READY_TIMEOUT_S
        while True:
            written = self.log.read_text(errors="replace")
            found = sum(line in written for line in lines)
            progress(what, found, len(lines))
            if found == len(lines):
                return
            if self.ended() is not None or time.monotonic() > until:
                tail = "\n".join(written.splitlines()[-8:])
                raise DemoFailed(f"the {self._name} did not get ready; its log is {self.log} and ends with:\n{tail}")
            await asyncio.sleep(0.1)

    def stop(self) -> None:
        """SIGTERM, which the supervisor passes on to its stages; SIGKILL where that does not end it."""
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
            try:
                self._child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait(5)
