"""What a burst took goes back to the system."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from stream_app.runtime import allocator

BURST = """
import os
from stream_app.runtime.allocator import keep_little

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

if {told}:
    assert keep_little()
bytes(16 << 20)  # From this one glibc learns to keep what is as large.
before = resident()
blocks = [(b"x" * (1 << 20), bytes(1000)) for _ in range(64)]
kept = [small for _, small in blocks]  # As rows and counters that outlive a fetch.
del blocks
print((resident() - before) >> 20)
"""


def left(*, told: bool) -> int:
    """MB left of a burst of 64."""
    code = BURST.format(told=told)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="this C library has no mallopt")
def test_what_a_burst_took_goes_back() -> None:
    assert left(told=True) <= 5
    assert left(told=False) > 40, "the negative control: glibc would keep it"


def test_another_c_library_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda _name: object())
    assert allocator.keep_little() is False
