"""The only place that judges a stage from its supervisor's side: does its process beat, and what did it say last.

Silence is counted in the watcher's own ticks: a supervisor that was itself stopped for a while blames no stage for it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

End = Literal["failed", "frozen"]

TICK_S = 1.0
FROZEN_S = 15.0
"""No beat for so long: the process is stopped, or its event loop blocked; /livez says so."""
STARTING_S = 45.0
"""The same before the first beat (imports on a busy machine), and between two starts (the pause between them, and
that): the supervisor is at it, and whoever restarts the worker over it would gain nothing."""


@dataclass
class StageWatch:
    """One stage of a worker: its process, its beats, how often it was started again and why."""

    stage: str
    kill_after_s: float
    """Silence after which the supervisor kills it; before the first beat twice that."""
    pid: int | None = None
    """None while none runs."""
    report: dict[str, Any] | None = None
    """The last beat of the process that runs; None before its first."""
    silent_s: float = 0.0
    """Since the last beat, or since the process began or ended."""
    last_exit: int | None = None
    restarts: Counter[End] = field(default_factory=Counter)

    def began(self, pid: int) -> None:
        """A process for the stage was started."""
        self.pid, self.report, self.silent_s = pid, None, 0.0

    def beat(self, report: dict[str, Any]) -> None:
        """It said how it is."""
        self.report, self.silent_s = report, 0.0

    def ended(self, code: int) -> None:
        """It is gone."""
        self.pid, self.report, self.silent_s, self.last_exit = None, None, 0.0, code

    def tick(self, passed_s: float) -> None:
        """So much time passed for the watcher; a gap of its own counts as two ticks at most."""
        self.silent_s += min(passed_s, 2 * TICK_S)

    @property
    def must_be_killed(self) -> bool:
        """Whether its silence has outlasted the bound."""
        return self.pid is not None and self.silent_s > self.kill_after_s * (1 if self.report is not None else 2)

    def not_alive(self) -> list[dict[str, Any]]:
        """Why /livez is to fail over it; empty when it is not."""
        if self.silent_s <= (FROZEN_S if self.report is not None else STARTING_S):
            return []
        if self.pid is None:
            return [self._reason("down", f"no process for {self.silent_s:.0f} s, the last ended with {self.last_exit}")]
        since = "since its last heartbeat" if self.report is not None else "since its start, without any heartbeat"
        return [self._reason("frozen", f"process {self.pid} is silent: {self.silent_s:.0f} s {since}")]

    def not_ready(self) -> list[dict[str, Any]]:
        """Why /readyz is to fail over it; empty when it is not."""
        dead = self.not_alive()
        if dead:
            return dead
        if self.pid is None:
            ended = "" if self.last_exit is None else f", the last process ended with {self.last_exit}"
            return [self._reason("down", f"it is being started{ended}")]
        if self.report is None:
            return [self._reason("starting", f"process {self.pid} has not said anything yet")]
        return [{"stage": self.stage, **reason} for reason in self.report["reasons"]]

    def _reason(self, cause: str, detail: str) -> dict[str, Any]:
        return {"stage": self.stage, "cause": cause, "detail": detail}

    def to_dict(self) -> dict[str, Any]:
        """What is known of it, for the body of both answers."""
        report = self.report or {}
        return {
            "stage": self.stage,
            "pid": self.pid,
            "alive": not self.not_alive(),
            "ready": not self.not_ready(),
            "silentForS": round(self.silent_s, 1),
            "assigned": report.get("assigned"),
            "recovered": report.get("recovered"),
            "lag": report.get("lag"),
            "restarts": {"failed": self.restarts["failed"], "frozen": self.restarts["frozen"]},
        }
