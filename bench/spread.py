"""The only place for the arithmetic of measurements: minimum, median, maximum, percentiles, ratios. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Spread:
    """What several runs of the same thing gave."""

    minimum: float
    median: float
    maximum: float
    runs: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Raises ValueError where there is no value, or one that is no number."""
        if not values:
            raise ValueError("nothing was measured")
        if not all(math.isfinite(value) for value in values):
            raise ValueError(f"not all of these are numbers: {list(values)}")
        return cls(min(values), float(median(values)), max(values), len(values))

    def to_dict(self) -> dict[str, float]:
        """For the results file."""
        return {"min": self.minimum, "median": self.median, "max": self.maximum, "runs": self.runs}


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: the smallest value that at least `share` (above 0, at most 1) of all do not exceed.

    Raises ValueError for no values or a share outside its range.
    """
    if not values:
        raise ValueError("nothing was measured")
    if not 0 < share <= 1:
        raise ValueError(f"a share is above 0 and at most 1, not {share}")
    return sorted(values)[math.ceil(share * len(values)) - 1]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Ours over theirs, run by run where both ran equally often; else of the medians.

    Runs are interleaved, so the n-th of ours and of theirs met the same machine.
    """
    if len(ours) == len(theirs) and ours:
        return Spread.of([one / other for one, other in zip(ours, theirs, strict=True)])
    return Spread.of([Spread.of(ours).median / Spread.of(theirs).median])
