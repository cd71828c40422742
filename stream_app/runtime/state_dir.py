"""The only place that decides where a stage's local tables lie: the first slot that no other live process holds.

Two workers of one stage on one machine must not open the same RocksDB; a worker that restarts should find its own
rows again. So each takes the lowest free slot and holds a lock on it as long as it lives.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

MAX_SLOTS = 64


class StateDirError(Exception):
    """The directory cannot be used; the message says why and what to do."""


def take_slot(root: Path, group: str) -> tuple[Path, IO[str]]:
    """(directory, lock that must be kept open) for one process of the consumer group."""
    try:
        for slot in range(MAX_SLOTS):
            directory = root / group / f"slot-{slot}"
            directory.mkdir(parents=True, exist_ok=True)
            lock = (directory / "lock").open("w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.close()
                continue
            return directory, lock
    except OSError as error:
        raise StateDirError(f"cannot use {root} for local state ({error}); set STREAM_APP_STATE_DIR") from None
    raise StateDirError(f"all {MAX_SLOTS} slots below {root / group} are taken; are old workers still running?")
