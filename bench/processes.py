"""The only place that starts, pauses, kills and measures the processes under test: by pid, never by name."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import meter


class Died(Exception):
    """A process under test ended by itself; the message ends with the last lines of its log."""


class Running:
    """One process under test, in a session of its own, its output in a log file."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path, directory: Path) -> None:
        self.log = log
        self._read_from = log.stat().st_size if log.exists() else 0
        with log.open("ab") as sink:
            self._child = subprocess.Popen(
                list(command), stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, cwd=directory,
                env=dict(environment), start_new_session=True,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """Its process ID."""
        return self._child.pid

    def check(self) -> None:
        """Raises Died where it has ended."""
        if self._child.poll() is not None:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
            raise Died(f"exit code {self._child.returncode}; its log {self.log} ends with:\n{tail}")

    def said(self, text: str) -> bool:
        """Whether this very process has written `text`."""
        with self.log.open("rb") as source:
            source.seek(self._read_from)
            return text.encode() in source.read()

    def cpu(self) -> float:
        """CPU seconds used so far, children included."""
        self.check()
        return meter.cpu_seconds([self.pid])

    def resident(self) -> int:
        """Resident bytes now, children included."""
        self.check()
        return meter.resident_bytes([self.pid])

    def pause(self) -> None:
        """Freeze it and its children (SIGSTOP), so that a backlog can gather before any of it is touched."""
        self._each(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._each(signal.SIGCONT)

    def kill(self) -> None:
        """kill -9, children included."""
        if self._child.poll() is None:
            self._each(signal.SIGKILL)
            self._child.wait()

    def stop(self) -> None:
        """SIGTERM, and kill -9 where that does not end it soon."""
        if self._child.poll() is not None:
            return
        self.resume()
        self._child.terminate()
        try:
            self._child.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def _each(self, number: signal.Signals) -> None:
        for pid in meter.family(self.pid):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue


def wait_until_said(process: Running, text: str, within_s: float = 90) -> None:
    """Return once the process has written `text`. Raises Died, TimeoutError."""
    until = time.monotonic() + within_s
    while not process.said(text):
        process.check()
        if time.monotonic() > until:
            raise TimeoutError(f"{process.log} does not say {text!r} after {within_s:.0f} s")
        time.sleep(0.05)
