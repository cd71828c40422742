"""The only place that knows which providers' webhooks can be verified, and the one door to their checks.

Whatever a check did not foresee is a verdict too, and never lets a webhook in: a stranger's header must not make an
answer of 500.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass

from stream_app.gateway.signatures import elevenlabs, livekit, retell, twilio, vapi
from stream_app.gateway.signatures.live_secrets import LiveSecrets
from stream_app.gateway.signatures.request import Received
from stream_app.gateway.signatures.verdict import Proof, Rejected, Verdict


@dataclass(frozen=True, slots=True)
class Scheme:
    """How one provider's webhooks are verified; the name is that of its adapter."""

    name: str
    prove: Callable[[Received, LiveSecrets, int], Proof]

    def verify(self, request: Received, secrets: LiveSecrets, now_ms: int) -> Verdict:
        """Whether the webhook is authentic. Never raises."""
        try:
            return Verdict("authentic", "proved by a live secret", self.prove(request, secrets, now_ms))
        except Rejected as rejected:
            return Verdict(rejected.reason, rejected.detail)
        except Exception as error:
            # The place only: an error's text may quote what it failed on.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{type(error).__name__} at {frame.filename.rpartition('/')[2]}:{frame.lineno}"
            return Verdict("defect", f"the check of {self.name} failed ({place}): please report it")


SCHEMES: tuple[Scheme, ...] = (
    Scheme("twilio", twilio.prove),
    Scheme("livekit", livekit.prove),
    Scheme("vapi", vapi.prove),
    Scheme("retell", retell.prove),
    Scheme("elevenlabs", elevenlabs.prove),
)


def scheme_named(name: str) -> Scheme:
    """The scheme of this provider; KeyError for one whose webhooks are not signed, or an unknown one."""
    return {scheme.name: scheme for scheme in SCHEMES}[name]
