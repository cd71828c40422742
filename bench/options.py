"""The only place for what a run of the bench is told: sizes, repeats, sides, where the stack is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stream_app.dev.state import Endpoints


@dataclass(frozen=True)
class Options:
    """One run of the bench."""

    stack: Endpoints
    scratch: Path
    """State and logs of the processes under test; removed at the end."""
    environments: Path
    """Where the peers' environments are kept."""
    say: Callable[[str], None]
    runs: int = 3
    calls: int = 40_000
    """Calls of the join's backlog; other figures take their own share of it."""
    open_calls: int = 100_000
    """Open calls of the restart and memory figures."""
    many_calls: int = 1_000_000
    """What `as work grows` and `dormant` go up to."""
    seconds: float = 20.0
    """How long latency is watched."""
    lone_calls: int = 200
    sides: tuple[str, ...] = ()
    """Sides of the join; () means all."""
    seed: int = 7
    profile: Path | None = None
    """Where to put a profile of our join; its figures are then no results."""
