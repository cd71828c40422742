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


def test_it_is_due_twice_after_each_burst_and_never_while_something_is_behind() -> None:
    mb = 1 << 20
    looks = [
        (0, 90, True), (0, 90, True), (0, 95, False), (BUSY, 200, False), (BUSY - 1, 200, True), (0, 120, True),
        (0, 121, False), (0, 110, False), (0, 125, False), (0, 127, True), (BUSY, 127, False), (3, 127, True),
        (0, 127, False),
    ]  # fmt: skip
    after = AfterBursts()
    assert [after.due(lag, size * mb) for lag, size, _ in looks] == [due for _, _, due in looks]


def test_resident_memory_grows_with_what_is_kept() -> None:
    before = resident()
    kept = os.urandom(64 << 20)
    assert resident() - before > 60 << 20
    assert len(kept) == 64 << 20
