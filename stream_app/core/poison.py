"""The only place that says when an input partition brings so much unusable that reading on would only bury the rest.

A broken producer can fill a topic with garbage faster than anybody reads dead letters. Two limits, whichever is
reached first: so many refused records in a row, or too large a share of the last ones.
"""

from __future__ import annotations

from collections import deque

WINDOW = 200
"""Records over which the share is taken; before so many were seen only the run counts."""


class Poison:
    """One partition's records, as they were taken or refused."""

    def __init__(self, run_limit: int, share_limit: float) -> None:
        self._run_limit = run_limit
        self._share_limit = share_limit
        self._run = 0
        self._last: deque[bool] = deque(maxlen=WINDOW)
        self._refused = 0

    def observe(self, refused: bool) -> str | None:
        """Take one record in; a sentence that says which limit it broke, or None."""
        self._run = self._run + 1 if refused else 0
        if len(self._last) == WINDOW:
            self._refused -= self._last[0]
        self._last.append(refused)
        self._refused += refused
        if self._run >= self._run_limit:
            return f"{self._run} records in a row could not be used"
        if len(self._last) == WINDOW and refused and self._refused > self._share_limit * WINDOW:
            return f"{self._refused} of the last {WINDOW} records could not be used"
        return None
