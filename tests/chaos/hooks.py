"""The only place for what goes wrong inside a stage's own process: killed or frozen at a step, its clock, its disk.

The driver writes an *aim* (a small JSON file) for one process; the process strikes itself when it gets there, after it
has written down that it does. An aim is used up by striking, so that the next process lives.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

POLL_S = 0.2
SIGNALS = {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP}


@dataclass(frozen=True)
class Aim:
    """What one process is to do to itself. `step` '' aims at no step."""

    action: Literal["kill", "freeze"] = "kill"
    step: str = ""
    nth: int = 1
    """How many times the step is let pass, plus one."""
    clock_offset_s: float = 0.0
    """Added to the wall clock of the process."""
    file_limit: int | None = None
    """Bytes that a file may have, as on a disk that is full; None: no limit."""

    def write(self, path: Path) -> None:
        """Replace the file as a whole."""
        draft = path.with_name(path.name + ".draft")
        draft.write_text(json.dumps(asdict(self)))
        draft.replace(path)


def read_aim(path: Path) -> Aim | None:
    """The aim in the file; None where there is none."""
    try:
        return Aim(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError):
        return None


def note(log: Path, **fields: object) -> None:
    """Append one line to the log of faults; whole, also when many processes write."""
    line = json.dumps({"at": round(_now(), 3), **fields}) + "\n"
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


_now = time.time  # Before any patch: the log keeps true time.
_now_ns = time.time_ns


class Actor:
    """Follows the aim file of this process. `reached` is what `stream_app.runtime.steps.watch` is set to."""

    def __init__(self, path: Path, log: Path, stage: str, worker: str) -> None:
        self._path, self._log, self._stage, self._worker = path, log, stage, worker
        self._aim = Aim()
        self._seen: int | None = None
        self._passed = 0
        self._passing = threading.Lock()
        self.offset_s = 0.0

    def begin(self) -> None:
        """Read the aim, patch the clock, and follow both from a thread."""
        self.follow()
        time.time = lambda: _now() + self.offset_s
        time.time_ns = lambda: _now_ns() + int(self.offset_s * 1e9)
        threading.Thread(target=self._keep_following, daemon=True).start()

    def _keep_following(self) -> None:
        while True:
            time.sleep(POLL_S)
            self.follow()

    def follow(self) -> None:
        """Take up the aim if its file has changed."""
        try:
            changed: int | None = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            changed = None
        if changed == self._seen:
            return
        self._seen = changed
        aim = read_aim(self._path) or Aim()
        before, self._aim = self._aim, aim
        self._passed = 0
        if aim.clock_offset_s != self.offset_s:
            self.offset_s = aim.clock_offset_s
            note(self._log, fault="clock", stage=self._stage, worker=self._worker, offset_s=self.offset_s)
        if aim.file_limit != before.file_limit:
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard if aim.file_limit is None else aim.file_limit, hard))
            note(self._log, fault="disk", stage=self._stage, worker=self._worker, limit=aim.file_limit)

    def reached(self, step: str) -> None:
        """Strike if this is the step aimed at, and it was let pass often enough."""
        aim = self._aim
        if step != aim.step:
            return
        with self._passing:
            self._passed += 1
            if self._passed < aim.nth or aim is not self._aim:
                return
            self._aim = Aim(clock_offset_s=aim.clock_offset_s, file_limit=aim.file_limit)
        self._path.unlink(missing_ok=True)
        if aim.file_limit is not None:  # The log must take one more line.
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        note(self._log, fault=aim.action, stage=self._stage, worker=self._worker, step=step, pid=os.getpid())
        os.kill(os.getpid(), SIGNALS[aim.action])
