"""The only place for what a check of a webhook's authenticity can come to, and in which words.

Words name headers, fields and limits. They never quote a value: a header may hold a secret, a body somebody's call.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from stream_app.core.wire import Json

Reason = Literal[
    "authentic",  # The only one that lets a webhook in.
    "missing_signature",  # No header that could prove anything.
    "malformed_signature",  # There is one, of no form that this provider writes.
    "wrong_signature",  # Well formed, and no live secret gives it for what was received.
    "unknown_key",  # Made with a key that we hold no secret for.
    "wrong_algorithm",  # Made with another algorithm than the one its key is pinned to.
    "too_old",  # Authentic once; it may be a replay.
    "too_new",  # Of a time that has not come: a clock is wrong, or somebody prepares a replay.
    "unsigned_body",  # The signature leaves the body out, so anybody may have changed it.
    "wrong_body",  # Signed for another body than the one received.
    "not_json",  # Authentic, and no JSON object: a bad request, not a bad signature.
    "no_secret",  # We hold no secret of this provider.
    "misconfigured",  # We hold one, and what it says on how to use it cannot be followed.
    "defect",  # The check failed in a way that nobody thought of; treated as not authentic.
]
REASONS: tuple[Reason, ...] = get_args(Reason)


class Rejected(Exception):
    """A check that found the webhook not authentic; `detail` never quotes a value."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Proof:
    """What a webhook was proved by."""

    digest: str
    """Names the proof without giving it away; the same for the same signature, however it was written down."""
    until_ms: int | None = None
    """The last moment at which the same proof would be accepted again; None: it holds for ever."""
    document: Json = field(default=None, repr=False)
    """The body, where the check had to parse it anyway."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a webhook is authentic, and why not."""

    reason: Reason
    detail: str
    proof: Proof | None = None

    @property
    def valid(self) -> bool:
        """Whether it may be let in."""
        return self.reason == "authentic"

    @property
    def bad_request(self) -> bool:
        """It comes from whom it says and cannot be used all the same: 400 to an HTTP client, not 401."""
        return self.reason == "not_json"
