"""The only place for starting, recognising and stopping operating-system processes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_BOOT_ID = _PROC / "sys/kernel/random/boot_id"


@dataclass(frozen=True)
class Process:
    """A process that cannot be mistaken: its pid, and when it started (a recycled pid has another start)."""

    pid: int
    started: str


def _stat(pid: int) -> tuple[str, str] | None:
    """(state letter, start) of a process, None if there is none."""
    if _PROC.joinpath("self/stat").exists():
        try:
            # The second field is the name in parentheses and may hold anything, so count from its end.
            fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            return None
        boot = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""
        return fields[0], f"{boot}/{fields[19]}"
    listing = subprocess.run(
        ["ps", "-o", "state=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    state, _, start = listing.partition(" ")
    return (state[:1], start.strip()) if listing else None


def identify(pid: int) -> Process | None:
    """The process that has this pid now, None if it has ended."""
    found = _stat(pid)
    return Process(pid, found[1]) if found and found[0] != "Z" else None


def is_alive(process: Process) -> bool:
    """True while this very process runs (a zombie does not run)."""
    try:
        os.waitpid(process.pid, os.WNOHANG)
    except OSError:
        pass  # not our child: somebody else reaps it
    return identify(process.pid) == process


def start_detached(command: Sequence[str], *, log: Path, cwd: Path, env: Mapping[str, str]) -> Process:
    """Start `command` in a session of its own, so that it outlives this command and its terminal.

    Output goes to `log`; the log of the run before is kept beside it with the suffix `.1`.
    Raises OSError if the program cannot be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_name(log.name + ".1"))
    with log.open("wb") as sink:
        child = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=dict(env),
            start_new_session=True,
        )
    # It is meant to outlive this object: without this, Python warns that it still runs.
    child.returncode = 0
    return identify(child.pid) or Process(child.pid, "ended at once")


def stop(process: Process, *, grace_seconds: float) -> bool:
    """SIGTERM, then SIGKILL after `grace_seconds` (0: SIGKILL at once).

    Returns False if this very process was not running any more. Raises TimeoutError if even SIGKILL did not end it
    within ten seconds (it hangs in the kernel).
    """
    if not is_alive(process):
        return False
    for number, seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, 10.0)):
        if seconds <= 0:
            continue
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            return True
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not is_alive(process):
                return True
            time.sleep(0.05)
    raise TimeoutError(f"process {process.pid} did not end")


def last_lines(log: Path, count: int = 12) -> list[str]:
    """The last `count` lines of a log, [] if there is none."""
    try:
        with log.open("rb") as source:
            source.seek(max(0, log.stat().st_size - 65_536))
            return source.read().decode(errors="replace").splitlines()[-count:]
    except OSError:
        return []
