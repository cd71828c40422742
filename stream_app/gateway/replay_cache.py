"""The only place that remembers which webhooks were let in, so that a recorded one is not let in again.

It holds names of proofs, not signatures, and only what was authentic: a stranger can neither fill it nor learn from it.
A webhook is remembered after its events are confirmed, not before: the provider's retry of one that failed must pass.
What it forgets does no harm either (the same webhook makes the same events), so it is bounded, per process, and lost
with it.
"""

from __future__ import annotations

import heapq

from stream_app.gateway.signatures.verdict import Proof


class ReplayCache:
    """Proofs seen within the window in which they would be accepted again."""

    def __init__(self, *, capacity: int = 200_000, window_ms: int = 1_800_000) -> None:
        """`window_ms`: how long a proof is remembered that holds for ever, as Twilio's do."""
        if capacity < 1 or window_ms < 1:
            raise ValueError("a cache needs room for one, and some time")
        self.evicted = 0
        """How many were forgotten early for lack of room: if it grows, the capacity is too small."""
        self._capacity = capacity
        self._window_ms = window_ms
        self._until: dict[tuple[str, bytes], int] = {}
        self._ends: list[tuple[int, str, bytes]] = []

    def __len__(self) -> int:
        return len(self._until)

    def seen(self, provider: str, proof: Proof, now_ms: int) -> bool:
        """Whether a webhook with this proof was let in before."""
        until_ms = self._until.get(_key(provider, proof))
        return until_ms is not None and until_ms >= now_ms

    def remember(self, provider: str, proof: Proof, now_ms: int) -> None:
        """Keep in mind that a webhook with this proof was let in; what is over, or over soonest, makes room."""
        key = _key(provider, proof)
        until_ms = now_ms + self._window_ms if proof.until_ms is None else proof.until_ms
        self._forget_past(now_ms)
        if until_ms < now_ms or self._until.get(key, -1) >= until_ms:
            return
        if key not in self._until and len(self._until) >= self._capacity:
            self._forget_soonest()
        self._until[key] = until_ms
        heapq.heappush(self._ends, (until_ms, *key))
        if len(self._ends) > 2 * self._capacity:  # Prolonged ones leave their former ends behind.
            self._ends = [(until, *name) for name, until in self._until.items()]
            heapq.heapify(self._ends)

    def _forget_past(self, now_ms: int) -> None:
        while self._ends and self._ends[0][0] < now_ms:
            self._pop()

    def _forget_soonest(self) -> None:
        before = len(self._until)
        while self._ends and len(self._until) == before:
            self._pop()
        self.evicted += before - len(self._until)

    def _pop(self) -> None:
        until_ms, provider, digest = heapq.heappop(self._ends)
        if self._until.get((provider, digest)) == until_ms:
            del self._until[provider, digest]


def _key(provider: str, proof: Proof) -> tuple[str, bytes]:
    return provider, bytes.fromhex(proof.digest)
