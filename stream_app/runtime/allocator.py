"""The only place where the C library is told to give memory back: what a burst took is not kept for the next one.

glibc keeps what was freed between blocks that live on, and a stage frees whole fetches of megabytes: after a backlog
half of what it had grown by was such memory, which nothing used. Asked when the backlog is worked off, it gives the
pages back. Settings that make it give back by itself (`mallopt`) cost half as much again for every replayed record.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

BUSY = 500
"""Records behind the end: from so many on a stage works something off, and needs what it has."""

GROWN_BYTES = 16 << 20
"""Growth since it was last asked that is worth asking for."""

LONGEST_LOOKS = 16
"""Looks from one time of asking to the next, at most."""

_STATM = Path("/proc/self/statm")


def give_back() -> bool:
    """Give free memory back to the system; takes milliseconds. False where the C library knows no such thing."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return False
    trim(0)
    return True


def resident() -> int:
    """Resident memory of this process, bytes; 0 where the system does not say."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


class AfterBursts:
    """When to ask: where nothing is behind, at the first look after a burst, and then after twice as many each time.

    Again and again because what a burst took is let go bit by bit: at the first look lanes may still hold what they had
    just made durable, and a store its buffers. Asking costs milliseconds, and a fault for each page that is given back
    for nothing.
    """

    def __init__(self) -> None:
        self._least = 0
        """Resident memory when least was needed since it was last asked, bytes."""
        self._quiet = 0
        """Looks since the burst."""

    def due(self, lag: int, resident: int) -> bool:
        """Whether to ask now. Tell it, every few seconds, the records behind and the resident memory, bytes."""
        if lag >= BUSY:
            self._quiet = 0
            return False
        if resident - self._least >= GROWN_BYTES:
            self._quiet = 0
        self._quiet += 1
        due = self._quiet.bit_count() == 1 if self._quiet < LONGEST_LOOKS else self._quiet % LONGEST_LOOKS == 0
        self._least = resident if due else min(self._least, resident)
        return due
