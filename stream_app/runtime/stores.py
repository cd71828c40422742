"""The only place where a local store that RocksDB cannot read is thrown away, before Faust opens it.

The store is a copy of the changelog, so nothing is lost with it. Left in place it would end the process at every start:
Faust opens the stores itself, long before a partition is taken over. A store that opens and turns out to be damaged
later ends the process too (`distrust`), and is thrown away by the next one.

Private names relied on: the store's `partition_path`, `rocksdb_options` and `read_only`.
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


def discard_unreadable(table: Any) -> list[int]:
    """Try every store of the table below this process's slot; remove those that cannot be read. Returns which.

    Call it while nobody has them open: the slot's lock is ours, and Faust has not started.
    """
    store, doubted = table.data, _marker(table.app)
    there = [partition for partition in range(table.partitions) if store.partition_path(partition).exists()]
    gone = []
    for partition in there:
        reason = (
            "the process before met damage in one of its stores" if doubted.exists() else _unreadable(store, partition)
        )
        if reason is not None:
            log.warning(
                "%s partition %d: the local store is removed and will be replayed: %s", table.name, partition, reason
            )
            _remove(store.partition_path(partition))
            gone.append(partition)
    doubted.unlink(missing_ok=True)
    return gone


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


def _unreadable(store: Any, partition: int) -> str | None:
    path = store.partition_path(partition)
    try:
        store.rocksdb_options.open(path, read_only=store.read_only).close()
    except Exception as error:  # RocksDB raises nothing more exact.
        if any(sign in str(error) for sign in UNREADABLE):
            return str(error)
        log.warning("the local store %s cannot be opened now: %s", path, error)
    return None


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
