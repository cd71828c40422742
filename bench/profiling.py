"""The only place that profiles a process under test: py-spy beside it while a backlog is worked off."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

RATE = 100


@contextmanager
def profiled(pid: int, into: Path | None) -> Iterator[None]:
    """Sample the process from here to the end of the block into a file of collapsed stacks; None: do nothing."""
    if into is None:
        yield
        return
    program = Path(sys.executable).with_name("py-spy")
    # Without stopping the process for each sample: a sample may be skewed, the time that is measured is not.
    command = [
        str(program),
        "record",
        "--nonblocking",
        "--pid",
        str(pid),
        "--rate",
        str(RATE),
        "--duration",
        "3600",
        "--function",
    ]
    spy = subprocess.Popen(
        [*command, "--format", "raw", "--output", str(into)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        spy.send_signal(signal.SIGINT)
        spy.wait(60)


def costs(stacks: Iterable[str], top: int = 40) -> str:
    """Collapsed stacks (`frame;frame count`) as two lists: shares of samples by own time, and by time below."""
    own: Counter[str] = Counter()
    below: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        own[frames[-1]] += int(count)
        for frame in set(frames):
            below[frame] += int(count)
    total = sum(own.values())
    lines = [f"{total} samples"]
    for title, found in (("own time", own), ("with what it calls", below)):
        lines += [
            "",
            title,
            *(f"{100 * count / max(1, total):5.1f} %  {frame}" for frame, count in found.most_common(top)),
        ]
    return "\n".join(lines)
