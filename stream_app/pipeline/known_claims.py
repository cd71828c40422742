"""The only place that remembers which claims on aliases were sent to be checked lately, so that each is checked once.

Most events of a call that state its canonical ID make the same claims again. What identity would say to them it has
said: a claim that contradicts another is told to both calls, whoever makes it how often. So such an event goes straight
to `evidence`. A process remembers MOST claims, each for FOR_MS of broker time: identity forgets aliases that nobody
uses, and must hear of those that are used.
"""

from __future__ import annotations

from collections.abc import Iterable

MOST = 50_000
FOR_MS = 600_000


class KnownClaims:
    """(alias, call) -> until when its check counts, ms of broker time. Only digests are kept."""

    def __init__(self) -> None:
        self._until: dict[int, int] = {}

    def unknown(self, aliases: Iterable[str], call: str, now_ms: int) -> list[str]:
        """Those of the aliases whose claim for this call must be sent; from here on they count as sent."""
        until = self._until
        found = []
        for alias in aliases:
            claim = hash((alias, call))
            if until.get(claim, -1) < now_ms:
                found.append(alias)
                until.pop(claim, None)
                until[claim] = now_ms + FOR_MS
        while len(until) > MOST:
            del until[next(iter(until))]
        return found
