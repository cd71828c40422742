"""What a burst took goes back to the system, once it is over."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

from stream_app.runtime import allocator
from stream_app.runtime.allocator import BUSY, AfterBursts, resident

BURST = """
import os
from stream_app.runtime.allocator import give_back

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

bytes(16 << 20)  # From this one glibc learns to keep what is as large.
before = resident()
blocks = [(b"x" * (1 << 20), bytes(1000)) for _ in range(64)]
kept = [small for _, small in blocks]  # As rows and counters that outlive a fetch.
del blocks
print((resident() - before) >> 20)
assert give_back()
print((resident() - before) >> 20)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this C library has no malloc_trim")
def test_what_a_burst_took_goes_back_when_it_is_asked_for() -> None:
    done = subprocess.run([sys.executable, "-c", BURST], capture_output=True, text=True, check=True)
    kept, left = map(int, done.stdout.split())
    assert kept > 40, "the negative control: glibc keeps it"
    assert left <= 5


def test_another_c_library_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda _name: object())
    assert allocator.give_back() is False


MB = 1 << 20


def asked(looks: list[tuple[int, int]]) -> list[int]:
    """Which of the looks (records behind, resident MB) ask."""
    after = AfterBursts()
    return [number for number, (lag, size) in enumerate(looks, 1) if after.due(lag, size * MB)]


def test_it_is_due_after_each_burst_and_then_ever_more_rarely() -> None:
    quiet, burst = (BUSY - 1, 90), (BUSY, 90)
    assert asked([quiet] * 70) == [1, 2, 4, 8, 16, 32, 48, 64]
    assert asked([quiet] * 3 + [burst] * 9 + [quiet] * 8) == [1, 2, 13, 14, 16, 20], "never while something is behind"


def test_growth_that_no_look_saw_as_a_burst_is_one() -> None:
    assert asked([(0, 90)] * 5 + [(0, 105)] + [(0, 106)] * 6) == [1, 2, 4, 7, 8, 10]


def test_what_is_let_go_late_is_asked_for_then() -> None:
    held = [(0, 90), (BUSY, 200), (0, 200), (0, 200), (0, 200), (0, 200)]
    assert asked(held) == [1, 3, 4, 6], "nothing has grown since the first time of asking"


def test_resident_memory_grows_with_what_is_kept() -> None:
    before = resident()
    kept = os.urandom(64 << 20)
    assert resident() - before > 60 << 20
    assert len(kept) == 64 << 20
