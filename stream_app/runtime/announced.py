"""The only place where workers of one machine find each other: a file for each in the state directory, while it runs.

The worker holds a lock on it: a file that nobody holds one on was left by a worker that is gone. It says where the
worker answers, and holds a token that only the same user can read: by it workers answer each other.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from stream_app.settings import Settings


@dataclass(frozen=True, slots=True)
class Announced:
    """A worker that runs here: its base URL, and the token by which it answers other workers."""

    url: str
    token: str


def directory(settings: Settings) -> Path:
    """Where the files of this deployment lie."""
    return settings.state_dir / settings.group("workers")


@contextmanager
def announce(settings: Settings, worker: Announced) -> Iterator[None]:
    """Say so while the block runs. A directory that cannot be written to is no reason not to run."""
    path = directory(settings) / f"{os.getpid()}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    except OSError:
        yield
        return
    with os.fdopen(descriptor, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        json.dump({"url": worker.url, "token": worker.token}, file)
        file.flush()
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()


def reached_at(url: str) -> str:
    """A worker's URL as this machine reaches it: one that listens everywhere listens on loopback too."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def running(settings: Settings, besides: int | None = None) -> list[Announced]:
    """Workers that run on this machine with this state directory, `besides` the process of this number.

    Files of those that are gone are removed.
    """
    found = []
    for path in sorted(directory(settings).glob("*.json")):
        if path.stem == str(besides):
            continue
        try:
            with path.open() as file:
                if _is_left(file.fileno()):
                    path.unlink()
                    continue
                said = json.load(file)
            found.append(Announced(said["url"], said["token"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # Another user's, or just being written.
    return found


def _is_left(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
