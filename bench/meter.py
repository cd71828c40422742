"""The only place that reads what a process and its children have used: CPU seconds and resident memory, from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """The process and all its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += children.get(one, [])
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of these processes, of all their threads, descendants, and children that have ended.

    To the kernel's tick (10 ms). Raises ProcessLookupError where one of `pids` does not run.
    """
    ticks = 0
    for root in pids:
        if _stat(root) is None:
            raise ProcessLookupError(f"no process {root}")
        for pid in family(root):
            fields = _stat(pid)
            if fields:
                ticks += sum(map(int, fields[11:15]))
    return ticks / _TICKS


def resident_bytes(pids: Iterable[int]) -> int:
    """Resident memory of these processes and their descendants, now. Shared pages count for each."""
    pages = 0
    for root in pids:
        for pid in family(root):
            try:
                pages += int((_PROC / str(pid) / "statm").read_text().split()[1])
            except OSError:
                continue
    return pages * os.sysconf("SC_PAGE_SIZE")


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat behind the name, which may hold anything; None for none or a zombie."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields
