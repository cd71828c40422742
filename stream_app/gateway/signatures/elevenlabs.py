"""The only place that knows how ElevenLabs signs: `ElevenLabs-Signature: t=<s>,v0=<hex>` over `<t>.<raw body>`.

Written by hand, since the SDK's verifier is not enough: it bounds the past only, keeps the last of several `v0`, does
not compare in constant time, and fails with a ValueError on a time that is no number. Like it we give back the event.
"""

from __future__ import annotations

import re

from stream_app.gateway.signatures.digests import code, name_of, octets, same
from stream_app.gateway.signatures.live_secrets import LiveSecrets, usable
from stream_app.gateway.signatures.request import Received
from stream_app.gateway.signatures.verdict import Proof, Rejected

HEADER = "ElevenLabs-Signature"
PAST_MS = 1_800_000
"""As the SDK has it: a webhook is sent again for so long under the signature it had."""
FUTURE_MS = 300_000
"""Ours. Only a clock can be ahead, and none that keeps time is by more."""
_MOMENT = re.compile(r"[0-9]{1,12}")


def prove(request: Received, secrets: LiveSecrets, now_ms: int) -> Proof:
    """What this webhook is proved by; raises Rejected."""
    live = usable(secrets)
    stated = request.header(HEADER)
    if not stated:
        raise Rejected("missing_signature", f"there is no header {HEADER}")
    moment, digests = _parts(stated)
    message = octets(moment) + b"." + request.body
    expected = [code(secret.key, "sha256", message).hex() for secret in live]
    matching = [right for right in expected if any(same(right, digest) for digest in digests)]
    if not matching:
        raise Rejected("wrong_signature", "no live secret gives any v0 of the signature for this body and time")
    at_ms = int(moment) * 1000
    if now_ms - at_ms > PAST_MS:
        raise Rejected("too_old", f"signed more than {PAST_MS // 1000} s ago")
    if at_ms - now_ms > FUTURE_MS:
        raise Rejected("too_new", f"signed for more than {FUTURE_MS // 1000} s from now")
    return Proof(name_of("elevenlabs", matching[0]), at_ms + PAST_MS, request.json_object())


def _parts(stated: str) -> tuple[str, list[str]]:
    """The time and every `v0`; parts of later schemes are passed over."""
    parts = [part.partition("=") for part in stated.split(",")]
    moments = {value for name, _, value in parts if name == "t"}
    digests = [value for name, _, value in parts if name == "v0" and value]
    if len(moments) != 1 or not digests:
        raise Rejected("malformed_signature", f"{HEADER} is not t=<seconds> with at least one v0=<hex>")
    moment = moments.pop()
    if _MOMENT.fullmatch(moment) is None:
        raise Rejected("malformed_signature", f"t of {HEADER} is not a time in seconds")
    return moment, digests
