"""The only place that runs all tests side by side: three parts at a time, over one broker and one store.

Tests that use the broker mostly wait, for deadlines and for processes to start; one after the other they would take
twice as long. With arguments it is pytest and nothing else.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stream_app.dev.stack import Stack

ROOT = Path(__file__).parents[1]
STACK = "STREAM_APP_TEST_STACK"
"""Where tests find a stack that runs (tests/conftest.py)."""
TOGETHER: tuple[tuple[str, ...], ...] = (
    ("scenarios/test_demo.py", "scenarios/test_demo_providers.py", "runtime"),
    ("scenarios",),
    ("chaos", "cli"),
)
"""Rooms of tests, and files of a room, that take about as long together. What is not named here is the last part."""


def parts(tests: Path) -> list[list[Path]]:
    """What each process runs: every room and every test file that stands in `tests` itself, in one part each; of a
    room, of which some files are named elsewhere, the others."""
    named = [[tests / room for room in rooms] for rooms in TOGETHER]
    taken = {room for rooms in named for room in rooms}
    apart = {one for one in taken if one.suffix}
    split = {one.parent for one in apart}
    named = [
        [one for room in rooms for one in (sorted({*room.glob("test_*.py")} - apart) if room in split else [room])]
        for rooms in named
    ]
    rest = [
        one
        for one in sorted(tests.iterdir())
        if one not in taken and (any(one.rglob("test_*.py")) if one.is_dir() else one.match("test_*.py"))
    ]
    return [*named, rest]


@contextmanager
def stack() -> Iterator[str]:
    """The directory of the stack that all parts use: one that was given, or one of their own."""
    given = os.environ.get(STACK)
    if given:
        yield given
        return
    root = Path(tempfile.mkdtemp(prefix="stream-app-test-"))
    own = Stack(root)
    try:
        own.up()
        yield str(root)
    finally:
        own.down()
        shutil.rmtree(root, ignore_errors=True)


def run(chosen: list[list[Path]], environment: dict[str, str]) -> int:
    """Run pytest on each part, all at a time; say of each how it ended. The worst exit code."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as logs:
        running: list[tuple[subprocess.Popen[bytes], str, Path]] = []
        try:
            for number, part in enumerate(chosen):
                log, name = Path(logs) / str(number), ", ".join(path.name for path in part)
                with log.open("wb") as out:
                    command = [sys.executable, "-m", "pytest", *map(str, part)]
                    child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
                running.append((child, name, log))
            worst = 0
            while running:
                time.sleep(0.2)
                for one in [one for one in running if one[0].poll() is not None]:
                    running.remove(one)
                    child, name, log = one
                    _say(name, child.returncode, log.read_text(errors="replace"), time.monotonic() - began)
                    worst = max(worst, abs(child.returncode))
            return worst
        finally:
            for child, *_ in running:
                child.terminate()
            for child, *_ in running:
                child.wait()


def _say(name: str, code: int, output: str, seconds: float) -> None:
    """One line of what went well, everything of what did not."""
    *before, last = output.rstrip().splitlines() or [""]
    for line in before if code else ():
        print(line)
    print(f"[{seconds:5.0f} s] {name}: {last.strip('= ')}", flush=True)


def main() -> None:
    """All tests, or those that the arguments choose."""
    if sys.argv[1:]:
        os.execv(sys.executable, [sys.executable, "-m", "pytest", *sys.argv[1:]])
    try:
        with stack() as directory:
            code = run(parts(ROOT / "tests"), {**os.environ, STACK: directory})
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
