"""The only place that knows how Retell signs: `X-Retell-Signature: v=<ms>,d=<hex>` over the raw body and the time.

Written by hand. `retell-sdk` verifies the same, on text: it cannot take a body that is not UTF-8, knows one key at a
time, and raises on a time of thousands of digits.
"""

from __future__ import annotations

import re

from stream_app.gateway.signatures.digests import code, name_of, octets, same
from stream_app.gateway.signatures.live_secrets import LiveSecrets, usable
from stream_app.gateway.signatures.request import Received
from stream_app.gateway.signatures.verdict import Proof, Rejected

HEADER = "X-Retell-Signature"
WINDOW_MS = 300_000
"""To either side, the last millisecond included."""
_SIGNATURE = re.compile(r"v=([0-9]{1,16}),d=([0-9a-f]{64})")


def prove(request: Received, secrets: LiveSecrets, now_ms: int) -> Proof:
    """What this webhook is proved by; raises Rejected."""
    live = usable(secrets)
    stated = request.header(HEADER)
    if not stated:
        raise Rejected("missing_signature", f"there is no header {HEADER}")
    match = _SIGNATURE.fullmatch(stated)
    if match is None:
        raise Rejected("malformed_signature", f"{HEADER} is not v=<milliseconds>,d=<64 lower-case hex digits>")
    moment, digest = match.groups()
    message = request.body + octets(moment)
    if not any(same(code(secret.key, "sha256", message).hex(), digest) for secret in live):
        raise Rejected("wrong_signature", "no live secret gives this signature for this body and time")
    at_ms = int(moment)
    if now_ms - at_ms > WINDOW_MS:
        raise Rejected("too_old", f"signed more than {WINDOW_MS // 1000} s ago")
    if at_ms - now_ms > WINDOW_MS:
        raise Rejected("too_new", f"signed for more than {WINDOW_MS // 1000} s from now")
    return Proof(name_of("retell", digest), at_ms + WINDOW_MS)
