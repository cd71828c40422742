"""The only place where the C library is told to give memory back: what a burst took is not kept for the next one.

glibc keeps what was freed between blocks that live on, and a stage frees whole fetches of megabytes: after a backlog
half of what it had grown by was such memory, which nothing used. Asked once, when the backlog is worked off, it gives
the pages back. Settings that make it give back by itself (`mallopt`) cost half as much again for every replayed record.
"""

from __future__ import annotations

import ctypes

BACKLOG = 5_000
"""Records behind the end: from so many on a stage works something off, and afterwards memory is worth asking for."""


def give_back() -> bool:
    """Give free memory back to the system; takes milliseconds. False where the C library knows no such thing."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return False
    trim(0)
    return True


class AfterBacklogs:
    """When to ask: once after each backlog."""

    def __init__(self) -> None:
        self._behind = False

    def due(self, lag: int) -> bool:
        """Whether a backlog has been worked off since it was last due. Tell it the lag every few seconds."""
        was, self._behind = self._behind, lag >= BACKLOG or (self._behind and lag >= BACKLOG // 10)
        return was and not self._behind
