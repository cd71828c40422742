"""CPU and memory of processes and their children."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench import meter

BURN = "import time\nwhile time.process_time() < 0.5: pass\n"
CHILD = f"{BURN}print('burnt', flush=True)\ninput()"
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}], stdin=subprocess.PIPE)
input()
child.communicate(b"\\n")
print("reaped", flush=True)
input()
"""


def test_children_count_while_they_live_and_after() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin
        assert parent.stdout
        assert parent.stdout.readline() == b"burnt\n"
        assert len(meter.family(parent.pid)) == 2
        living = meter.cpu_seconds([parent.pid])
        assert 0.4 <= living < 5  # The kernel counts by ticks.
        assert meter.resident_bytes([parent.pid]) > 5_000_000
        parent.stdin.write(b"\n")
        parent.stdin.flush()
        assert parent.stdout.readline() == b"reaped\n"
        assert len(meter.family(parent.pid)) == 1
        assert meter.cpu_seconds([parent.pid]) >= living
        parent.stdin.write(b"\n")
        parent.stdin.close()


def test_a_process_that_is_gone_is_an_error_not_zero() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with pytest.raises(ProcessLookupError):
        meter.cpu_seconds([gone.pid])
