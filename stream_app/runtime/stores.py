"""The only place where a local store that RocksDB cannot read is thrown away, as it is opened.

The store is a copy of the changelog, so nothing is lost with it. Left in place it would end the process at every start:
Faust opens the stores itself, long before a partition is taken over. So what opens them is wrapped: trying them out
beforehand would cost a second opening, with all that lies in their logs. A store that opens and turns out to be damaged
later ends the process (`distrust`), and is thrown away by the next one.

Private names relied on: the store's `partition_path` and `_open_for_partition`.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

UNREADABLE = ("Corruption", "Invalid argument", "No such file", "Not a directory", "File exists")
"""What RocksDB says of a store that will never open again. A full disk or too many open files is not among them."""
CORRUPT = "Corruption: "
DOUBTED = "stores-doubted"
"""A file beside the stores: the process before ended because one of them was damaged."""


def guard(table: Any) -> None:
    """Have every store that cannot be read removed when it is opened, and made anew; remove those in doubt now.

    Call it while nobody has them open: the slot's lock is ours, and Faust has not started.
    """
    store, doubted = table.data, _marker(table.app)
    if doubted.exists():
        for partition in range(table.partitions):
            if store.partition_path(partition).exists():
                _remove(table, partition, "the process before met damage in one of its stores")
        doubted.unlink()
    really_open = store._open_for_partition

    def opened(partition: int) -> Any:
        try:
            return really_open(partition)
        except Exception as error:  # RocksDB raises nothing more exact.
            if not any(sign in str(error) for sign in UNREADABLE):
                raise
            _remove(table, partition, str(error))
        return really_open(partition)

    store._open_for_partition = opened


def distrust(app: Any, error: BaseException) -> bool:
    """If the process ends because a store is damaged, leave word for the next one. Returns whether it is so."""
    seen: BaseException | None = error
    while seen is not None:
        if CORRUPT in str(seen):
            _marker(app).touch()
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _marker(app: Any) -> Path:
    return Path(app.conf.datadir) / DOUBTED


def _remove(table: Any, partition: int, reason: str) -> None:
    log.warning("%s partition %d: the local store is removed and will be replayed: %s", table.name, partition, reason)
    path: Path = table.data.partition_path(partition)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
