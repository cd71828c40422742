"""The only place for how much a run asks: calls, rate, workers, and how often each fault strikes."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.chaos.story import Timing


@dataclass(frozen=True)
class Profile:
    """One size of run. `calls_per_s` of about 7 events each; `minima`: what must really have happened."""

    name: str
    calls: int
    calls_per_s: float
    faults: dict[str, int]
    workers: int = 2
    drain_workers: int = 3
    """Another number than before: partitions move once more."""
    at_once: int = 2
    drain_s: float = 75.0
    """The drain is given up when nothing has moved for so long; longer than deadline and seal budget."""
    minima: dict[str, int] = field(default_factory=dict)
    timing: Timing = field(default_factory=Timing)

    @property
    def load_s(self) -> float:
        """How long calls end, seconds."""
        return self.calls / self.calls_per_s


QUIET = Profile("quiet", 120, 8.0, {})
"""No fault at all: shows that the ground truth is right."""
SLICE = Profile(
    "slice", 60, 6.0, {"kill": 1, "kill-at-step": 2, "freeze-at-step": 1, "store": 1}, at_once=5, drain_workers=1,
    timing=Timing(deadline=12_000, window=3_000, late_from=14_000, late_until=16_000, seal_budget=12_000),
)  # fmt: skip
"""For the usual test run: under 90 seconds."""
STANDARD = Profile(
    "standard", 1200, 8.0,
    {
        "kill": 4, "kill-at-step": 9, "freeze": 2, "freeze-at-step": 6, "rebalance": 4, "broker": 1, "store": 4,
        "clock": 3, "disk-lost": 2, "disk-full": 2,
    },
    at_once=3,
    minima={"kill": 10, "freeze": 6, "rebalance": 3},
)  # fmt: skip
"""`make chaos`: about five minutes."""
CONTROL = Profile(
    "control", 500, 10.0,
    {"kill": 5, "kill-at-step": 5, "freeze": 2, "freeze-at-step": 2, "rebalance": 3, "broker": 1},
    at_once=3,
)  # fmt: skip
"""For the negative control: faults as dense as those of the others, on fewer calls."""
LONG = Profile(
    "long", 10_200, 9.0,
    {
        "kill": 25, "kill-at-step": 55, "freeze": 20, "freeze-at-step": 45, "rebalance": 22, "broker": 4, "store": 16,
        "clock": 12, "disk-lost": 8, "disk-full": 6,
    },
    at_once=4,
    minima={"kill": 60, "freeze": 60, "rebalance": 20},
)  # fmt: skip
"""`make chaos-long`."""

PROFILES: tuple[Profile, ...] = (QUIET, SLICE, STANDARD, CONTROL, LONG)


def profile_named(name: str) -> Profile:
    """The profile; KeyError for an unknown one."""
    return {one.name: one for one in PROFILES}[name]
