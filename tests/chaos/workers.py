"""The only place that runs the stages of a chaos run: one process a worker and stage, started again when it ends."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.chaos.hooks import Aim, note

ROOT = Path(__file__).parents[2]
POLL_S = 0.25
RESTART_S = 0.5
LONGEST_RESTART_S = 8.0
"""A stage that ends again and again (its broker is away) waits longer each time, as under the product's supervisor."""
STEADY_S = 20.0
STOP_S = 15.0
Command = Callable[[str, str, Path, Path], list[str]]
"""(worker, stage, aim file, fault log) -> command line."""


def stage_command(worker: str, stage: str, aim: Path, log: Path) -> list[str]:
    """The product's stage, entered by the harness."""
    return [
        sys.executable, "-m", "tests.chaos.stage", stage, "--aim", str(aim), "--log", str(log), "--worker", worker,
    ]  # fmt: skip


@dataclass
class Member:
    """One stage of one worker, over all the processes it had."""

    worker: str
    stage: str
    process: subprocess.Popen[bytes] | None = None
    log: IO[bytes] | None = None
    log_name: str = ""
    started_at: float = 0.0
    ended_at: float | None = None
    pause_s: float = RESTART_S
    frozen_since: float | None = None
    held: bool = False
    """Not to be started again for now."""

    @property
    def running(self) -> bool:
        """Whether its process lives, frozen or not."""
        return self.process is not None and self.process.poll() is None

    @property
    def state(self) -> str:
        """The letter of its process state: T is frozen; '' where there is none."""
        if self.process is None:
            return ""
        try:
            return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return ""


@dataclass
class Fleet:
    """All workers of a run. `wake_after_s`: how long a frozen process sleeps; longer than the session timeout."""

    directory: Path
    environment: dict[str, str]
    stages: tuple[str, ...]
    wake_after_s: float
    command: Command = stage_command
    members: dict[tuple[str, str], Member] = field(default_factory=dict)
    exits: Counter[str] = field(default_factory=Counter)
    woken: int = 0
    starts: Counter[str] = field(default_factory=Counter)

    @property
    def fault_log(self) -> Path:
        """Every fault of the run, one JSON document a line."""
        return self.directory / "faults.jsonl"

    def aim_file(self, member: Member) -> Path:
        """Where the member's process looks for what it is to do to itself."""
        return self.directory / f"aim-{member.worker}-{member.stage}.json"

    def state_dir(self, worker: str) -> Path:
        """The worker's local disk."""
        return self.directory / f"disk-{worker}"

    def add(self, worker: str, stages: Iterable[str] | None = None) -> None:
        """A worker comes."""
        for stage in stages or self.stages:
            member = self.members[(worker, stage)] = Member(worker, stage)
            self.start(member)

    def start(self, member: Member) -> None:
        """A new process, with a log of its own: a limit on file sizes must not meet an old, long one."""
        name = f"{member.worker}-{member.stage}"
        self.starts[name] += 1
        if member.log is not None:
            member.log.close()
        member.log_name = f"{name}-{self.starts[name]:03d}.log"
        member.log = (self.directory / member.log_name).open("wb")
        member.ended_at = member.frozen_since = None
        member.started_at = time.monotonic()
        member.process = subprocess.Popen(
            self.command(member.worker, member.stage, self.aim_file(member), self.fault_log),
            cwd=ROOT,
            env={**os.environ, **self.environment, "STREAM_APP_STATE_DIR": str(self.state_dir(member.worker))},
            stdout=member.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    async def keep(self) -> None:
        """Until cancelled: start again what ended, wake what was frozen long enough."""
        while True:
            for member in list(self.members.values()):
                self.look_after(member, time.monotonic())
            await asyncio.sleep(POLL_S)

    def look_after(self, member: Member, now: float) -> None:
        """One look at one member."""
        if member.process is None:
            return
        code = member.process.poll()
        if code is not None:
            if member.ended_at is None:
                member.ended_at = now
                quick = code > 0 and now - member.started_at < STEADY_S
                member.pause_s = min(member.pause_s * 2, LONGEST_RESTART_S) if quick else RESTART_S
                self.exits[f"{member.stage} {code}"] += 1
            if not member.held and now - member.ended_at >= member.pause_s:
                self.start(member)
        elif member.state == "T":
            member.frozen_since = member.frozen_since or now
            if now - member.frozen_since >= self.wake_after_s:
                self.wake(member)
        else:
            member.frozen_since = None

    def wake(self, member: Member) -> None:
        """Let a frozen process go on: now it is a zombie."""
        if member.process is not None and member.state == "T":
            note(self.fault_log, fault="wake", stage=member.stage, worker=member.worker)
            member.process.send_signal(signal.SIGCONT)
            member.frozen_since = None
            self.woken += 1

    def strike(self, member: Member, action: str, why: str) -> bool:
        """kill or freeze a process from outside; False where there is none to strike."""
        if not member.running or member.state == "T":
            return False
        assert member.process is not None
        note(self.fault_log, fault=action, stage=member.stage, worker=member.worker, step=why)
        member.process.send_signal(signal.SIGKILL if action == "kill" else signal.SIGSTOP)
        return True

    def lose_disk(self, member: Member) -> None:
        """kill -9, and its local state is gone before it comes back."""
        member.held = True
        try:
            if self.strike(member, "kill", "disk lost") and member.process is not None:
                member.process.wait()
            for found in self.state_dir(member.worker).glob(f"*{member.stage}"):
                shutil.rmtree(found, ignore_errors=True)
        finally:
            member.held = False

    async def remove(self, worker: str, *, gently: bool) -> None:
        """A worker leaves: by SIGTERM with a bound, or by kill -9."""
        leaving = [self.members.pop(key) for key in list(self.members) if key[0] == worker]
        for member in leaving:
            if member.running and member.process is not None:
                member.process.send_signal(signal.SIGCONT)
                member.process.send_signal(signal.SIGTERM if gently else signal.SIGKILL)
        await asyncio.gather(*(asyncio.to_thread(self._see_off, member) for member in leaving))

    def _see_off(self, member: Member) -> None:
        if member.process is None:
            return
        try:
            code = member.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            member.process.kill()
            code = member.process.wait()
            self.exits[f"{member.stage} had to be killed"] += 1
        self.exits[f"{member.stage} {code} on leaving"] += 1
        if member.log is not None:
            member.log.close()

    async def remove_all(self, *, gently: bool) -> None:
        """Nobody is left."""
        await asyncio.gather(*(self.remove(worker, gently=gently) for worker in {worker for worker, _ in self.members}))

    def kill_everything(self) -> None:
        """By pid, whatever state it is in: for the end of a run, however it ends."""
        for member in self.members.values():
            if member.running and member.process is not None:
                member.process.kill()
                member.process.wait()
            if member.log is not None:
                member.log.close()

    def disarm(self) -> None:
        """Nobody aims at anything any more."""
        for member in self.members.values():
            Aim().write(self.aim_file(member))

    async def ready(self, within_s: float) -> None:
        """Wait until every process has said `ready`. Raises TimeoutError naming one that has not."""
        until = time.monotonic() + within_s
        for member in list(self.members.values()):
            while not self._is_ready(member):
                if time.monotonic() > until:
                    raise TimeoutError(f"{member.worker} {member.stage} is not ready; see {self.directory}")
                await asyncio.sleep(POLL_S)

    def _is_ready(self, member: Member) -> bool:
        path = self.directory / member.log_name
        return path.exists() and f"ready {member.stage}".encode() in path.read_bytes()
