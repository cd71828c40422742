"""The only place where the C library is told to give memory back: what a burst took is not kept for the next one.

glibc learns from large blocks that are freed to keep them (up to 32 MB each, in an arena for every thread), and a stage
frees whole fetches of megabytes. After a backlog a third of what it had grown by was such memory, which nothing used.
"""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""`mallopt`'s names of what can be set (malloc.h)."""
SETTINGS = {_ARENA_MAX: 2, _MMAP_THRESHOLD: 256 << 10, _TRIM_THRESHOLD: 1 << 20}
"""Few arenas; blocks from 256 kB on are the system's own pages, and go back to it; so does 1 MB at a heap's end."""


def keep_little() -> bool:
    """Set it for this process, before it has threads. False where the C library knows no such thing."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    done = [mallopt(name, value) == 1 for name, value in SETTINGS.items()]
    return all(done)
