"""The only place for what a webhook can be answered: status, outcome and typed reason, and never a detail.

Whoever sends an unauthentic webhook learns which check it failed, and nothing of what would have passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

Outcome = Literal[
    "accepted",  # 200: every event is confirmed by the broker, every blob is stored.
    "nothing_to_report",  # 200: understood, and no evidence of anything.
    "duplicate",  # 200: this very delivery was confirmed before.
    "unknown",  # 404: no provider of this name, or none that sends webhooks.
    "not_authentic",  # 401
    "refused",  # 400: authentic, and not to be used. Sending it again does not help.
    "too_large",  # 413
    "too_slow",  # 408: the body did not come.
    "busy",  # 429: too many at a time.
    "unavailable",  # 503: broker or store away or slow; nothing is acknowledged.
    "stopping",  # 503
    "defect",  # 500: a bug of ours.
]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

STATUS: dict[Outcome, int] = {
    "accepted": 200, "nothing_to_report": 200, "duplicate": 200, "unknown": 404, "not_authentic": 401, "refused": 400,
    "too_large": 413, "too_slow": 408, "busy": 429, "unavailable": 503, "stopping": 503, "defect": 500,
}  # fmt: skip
RETRY_AFTER_S: dict[Outcome, int] = {"busy": 1, "unavailable": 5, "stopping": 1}
"""How soon it may be worth while to come again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a webhook came to. `reason` is one of a closed set of whoever found it; empty where all is well."""

    outcome: Outcome
    reason: str = ""
    event_ids: tuple[str, ...] = ()

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS[self.outcome]

    @property
    def headers(self) -> dict[str, str]:
        """Headers beside those of every answer."""
        seconds = RETRY_AFTER_S.get(self.outcome)
        return {} if seconds is None else {"Retry-After": str(seconds)}

    def to_dict(self) -> dict[str, Any]:
        """The JSON body."""
        if self.status != 200:
            return {"refused": self.reason or self.outcome}
        accepted: dict[str, Any] = {"accepted": len(self.event_ids), "eventIds": list(self.event_ids)}
        if self.outcome == "duplicate":
            accepted["duplicate"] = True
        return accepted | ({"reason": self.reason} if self.reason else {})
