"""The only place that knows how LiveKit signs: a JWT in `Authorization` that states the SHA-256 of the raw body.

Written by hand. `livekit-api` knows one API key at a time, reads the stated hash so loosely that several spellings
pass, compares it with `==`, takes the body as text, and would bring protobuf's parser to whoever can reach the gateway.
A JWT is three pieces of base64url with an HMAC: one algorithm is supported, and so none can be chosen.
"""

from __future__ import annotations

import math
import re
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any

from stream_app.core.wire import WireError, read_json
from stream_app.gateway.signatures.digests import code, name_of, octets, same
from stream_app.gateway.signatures.live_secrets import LiveSecrets, usable
from stream_app.gateway.signatures.request import Received
from stream_app.gateway.signatures.verdict import Proof, Rejected

HEADER = "Authorization"
LEEWAY_MS = 60_000
"""How far clocks may be apart; as in LiveKit's own libraries."""
_TOKEN = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)")
_LATEST_S = 2**53


def prove(request: Received, secrets: LiveSecrets, now_ms: int) -> Proof:
    """What this webhook is proved by; raises Rejected."""
    live = usable(secrets)
    stated = request.header(HEADER).strip()
    scheme, _, credentials = stated.partition(" ")
    token = credentials.strip() if scheme.lower() == "bearer" else stated
    if not token:
        raise Rejected("missing_signature", f"there is no token in the header {HEADER}")
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise Rejected("malformed_signature", f"{HEADER} holds no JWT")
    head, body, signature = match.groups()
    header, claims = _read(head, "header"), _read(body, "claims")
    if header.get("alg") != "HS256" or "crit" in header:
        raise Rejected("wrong_algorithm", "the JWT is not signed with HS256 alone")
    keys = [one.key for one in live if one.key_id is not None and one.key_id == claims.get("iss")]
    if not keys:
        raise Rejected("unknown_key", "the JWT's issuer is an API key that we hold no secret for")
    message = octets(f"{head}.{body}")
    if not any(same(urlsafe_b64encode(code(key, "sha256", message)).rstrip(b"="), signature) for key in keys):
        raise Rejected("wrong_signature", "no live secret of the JWT's issuer gives its signature")
    until_ms = _require_now(claims, now_ms)
    _require_body(claims, request.body)
    return Proof(name_of("livekit", signature), until_ms, request.json_object())


def _read(part: str, what: str) -> dict[str, Any]:
    try:
        document = read_json(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (WireError, ValueError):
        document = None
    if not isinstance(document, dict):
        raise Rejected("malformed_signature", f"the JWT's {what} cannot be read")
    return document


def _require_now(claims: dict[str, Any], now_ms: int) -> int:
    """The last moment at which the token is good; raises Rejected where it is not good now."""
    expires = _moment(claims, "exp")
    if expires is None:
        raise Rejected("malformed_signature", "the JWT never expires (exp); a webhook's token does")
    for name in ("nbf", "iat"):
        begins = _moment(claims, name)
        if begins is not None and begins - now_ms > LEEWAY_MS:
            raise Rejected("too_new", f"the JWT is of a time that has not come ({name})")
    if now_ms - expires >= LEEWAY_MS:
        raise Rejected("too_old", "the JWT has expired (exp)")
    return expires + LEEWAY_MS - 1


def _moment(claims: dict[str, Any], name: str) -> int | None:
    """A claim in seconds, as milliseconds."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LATEST_S:
        raise Rejected("malformed_signature", f"{name} of the JWT is not a time in seconds")
    return math.floor(value * 1000)


def _require_body(claims: dict[str, Any], body: bytes) -> None:
    stated = claims.get("sha256")
    if not stated:
        raise Rejected("unsigned_body", "the JWT states no sha256: it is a token of a room, not of a webhook")
    if not isinstance(stated, str) or not same(stated, b64encode(sha256(body).digest())):
        raise Rejected("wrong_body", "sha256 of the JWT is not the base64 hash of the body")
