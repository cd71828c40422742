"""The only place that judges whether one stage gets on: what its host tells it, and what is asked from outside of it.

The host says what it owns and how far it is done; `health_probe` says what the broker and the store answer, and how
much lies ahead. A stage cannot be trusted to notice that it stands still, so what lies ahead is never its own word.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Cause = Literal["unassigned", "recovering", "broker_unreachable", "store_unreachable", "stalled"]

RECENT_S = 20.0
"""An answer this old no longer shows that the broker (or the store) is there; they are asked every few seconds."""
STALL_S = 40.0
"""Records lie ahead of a partition and none was done for this long. Sealing a large call may take a good part of it."""
MAX_NAMED = 8
"""Partitions named in one report; it must fit into one atomic write to a pipe."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a stage is not ready. `partition` is `topic/number`, where it is about one."""

    cause: Cause
    detail: str
    partition: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        named = {} if self.partition is None else {"partition": self.partition}
        return {"cause": self.cause, **named, "detail": self.detail}


@dataclass(slots=True)
class _Partition:
    moved_at: float
    done_upto: int | None = None
    lag: int = 0
    behind_since: float | None = None


@dataclass
class StageHealth:
    """What is known of one stage; the host calls the first five methods, the probe the rest. `clock`: seconds."""

    stage: str
    needs_store: bool = False
    clock: Callable[[], float] = time.monotonic
    _partitions: dict[str, _Partition] | None = None
    """None until the group has given partitions (perhaps none: a spare), and again while it deals them anew."""
    _recovered: set[str] = field(default_factory=set)
    _asked: dict[str, tuple[float | None, str]] = field(default_factory=dict)
    """`broker`, `store` -> (time of the last answer, what was wrong since)."""

    def assigned(self, partitions: Iterable[str]) -> None:
        """The group gave these (`topic/number`, without prefix); none makes the stage a spare, which is well."""
        now = self.clock()
        self._partitions = {name: _Partition(now) for name in partitions}
        self._recovered = set()

    def recovered(self, partitions: Iterable[str]) -> None:
        """These have their rows, or need none: their lanes can take records."""
        self._recovered |= set(partitions)

    def revoked(self) -> None:
        """The group deals its partitions anew, or took them away."""
        self._partitions = None
        self._recovered = set()

    def progress(self, partition: str, done_upto: int | None) -> None:
        """Every record below `done_upto` is durable; None: not known yet. Unknown partitions are left alone."""
        known = (self._partitions or {}).get(partition)
        if known is not None and done_upto is not None and done_upto != known.done_upto:
            known.done_upto, known.moved_at = done_upto, self.clock()

    def moved(self, partition: str) -> None:
        """Something was done there, though `done_upto` may stand: a call sealed behind a slow one."""
        known = (self._partitions or {}).get(partition)
        if known is not None:
            known.moved_at = self.clock()

    def owned(self) -> dict[str, int | None]:
        """Partition -> `done_upto`, of those that have recovered."""
        return {name: one.done_upto for name, one in (self._partitions or {}).items() if name in self._recovered}

    def lag(self, partition: str, records: int) -> None:
        """How many offsets lie between what is done and the end, 0 where no record is among them."""
        known = (self._partitions or {}).get(partition)
        if known is None:
            return
        known.lag = records
        if records <= 0:
            known.behind_since = None
        elif known.behind_since is None:
            known.behind_since = self.clock()

    def answered(self, whom: Literal["broker", "store"]) -> None:
        """The broker, or the store, has just answered."""
        self._asked[whom] = (self.clock(), "")

    def failed(self, whom: Literal["broker", "store"], why: str) -> None:
        """It did not, or said something that is no answer."""
        self._asked[whom] = (self._asked.get(whom, (None, ""))[0], why)

    def reasons(self) -> list[Reason]:
        """Why the stage is not ready; empty when it is."""
        found = []
        if self._partitions is None:
            found.append(Reason("unassigned", "the consumer group has not given it partitions yet"))
        else:
            waiting = sorted(set(self._partitions) - self._recovered)
            found += [Reason("recovering", "its rows are not back yet", name) for name in waiting]
        for whom, cause in (("broker", "broker_unreachable"), ("store", "store_unreachable")):
            if whom == "broker" or self.needs_store:
                found += self._unreachable(whom, cause)  # type: ignore[arg-type]
        now = self.clock()
        for name, one in (self._partitions or {}).items():
            if one.behind_since is None or name not in self._recovered:
                continue
            stood_s = now - max(one.moved_at, one.behind_since)
            if stood_s >= STALL_S:
                detail = f"{one.lag} offsets ahead of it, and none was done for {stood_s:.0f} s"
                found.append(Reason("stalled", detail, name))
        return found

    def _unreachable(self, whom: str, cause: Cause) -> list[Reason]:
        at, why = self._asked.get(whom, (None, ""))
        if at is None:
            return [Reason(cause, f"the {whom} has not answered yet{f': {why}' if why else ''}")]
        silent_s = self.clock() - at
        if silent_s <= RECENT_S:
            return []
        return [Reason(cause, f"the {whom} has not answered for {silent_s:.0f} s{f': {why}' if why else ''}")]

    def report(self) -> dict[str, Any]:
        """What the heartbeat carries: counts, and the first MAX_NAMED reasons."""
        reasons = self.reasons()
        partitions = self._partitions or {}
        return {
            "stage": self.stage,
            "assigned": None if self._partitions is None else len(partitions),
            "recovered": len(self._recovered),
            "lag": sum(one.lag for one in partitions.values()),
            "reasons": [reason.to_dict() for reason in reasons[:MAX_NAMED]],
            "unnamed": max(0, len(reasons) - MAX_NAMED),
        }
