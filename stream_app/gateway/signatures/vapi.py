"""The only place that knows how Vapi proves itself: a bearer token, `X-Vapi-Secret`, or an HMAC by a plan.

Written by hand: there is no verifier of Vapi's. The plan is Vapi's own object (`type` bearer or hmac; we add `secret`
for the older header), so that what was configured there can be copied here. Without a plan the secret may come in
either header. A secret that is merely shown proves nothing of the body, and OAuth 2 plans are not ours to check.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Mapping
from typing import Any

from stream_app.gateway.signatures.digests import Algorithm, code, name_of, octets, same
from stream_app.gateway.signatures.live_secrets import LiveSecret, LiveSecrets, usable
from stream_app.gateway.signatures.request import Received
from stream_app.gateway.signatures.verdict import Proof, Reason, Rejected
from stream_app.providers.reading import boolean, number, take

SECRET_HEADER = "X-Vapi-Secret"
WINDOW_S = 300
"""To either side; ours, and `toleranceSeconds` in a plan is another. Vapi states none."""
_ALGORITHMS: dict[str, Algorithm] = {"sha1": "sha1", "sha256": "sha256", "sha512": "sha512"}
_HMAC_WORDS = ("algorithm", "signatureHeader", "signatureEncoding", "payloadFormat", "timestampHeader")
_PLACE = re.compile(rb"\{([A-Za-z0-9_-]+)\}")
_MOMENT = re.compile(r"[0-9]{1,15}")
_FIRST_IN_MS = 100_000_000_000
"""As seconds it is in the year 5138, as milliseconds in 1973: Vapi does not say which of them it sends."""
_TELLING: tuple[Reason, ...] = (
    "misconfigured", "missing_signature", "malformed_signature", "wrong_signature", "unsigned_body", "too_new",
    "too_old",
)  # fmt: skip
"""Of several secrets that all fail, the one that came furthest says the most; in this order."""


def prove(request: Received, secrets: LiveSecrets, now_ms: int) -> Proof:
    """What this webhook is proved by; raises Rejected."""
    rejections = []
    for secret in usable(secrets):
        try:
            return _by_plan(request, secret, now_ms)
        except Rejected as rejected:
            rejections.append(rejected)
    raise max(rejections, key=lambda rejected: _TELLING.index(rejected.reason))


def _by_plan(request: Received, secret: LiveSecret, now_ms: int) -> Proof:
    plan = dict(secret.plan)
    kind = _text(plan, "type", "hmac" if any(take(plan, word) is not None for word in _HMAC_WORDS) else "").lower()
    if kind == "hmac":
        return _signed(request, secret, plan, now_ms)
    if kind == "bearer":
        header = _text(plan, "headerName", "Authorization")
        return _shown(request, secret, header, bearer=boolean(plan, "bearerPrefixEnabled") is not False)
    if kind in ("secret", "") and (kind or request.all(SECRET_HEADER)):
        return _shown(request, secret, _text(plan, "headerName", SECRET_HEADER), bearer=False)
    if not kind:
        return _shown(request, secret, "Authorization", bearer=True)
    raise Rejected("misconfigured", "the plan's type is none of bearer, hmac, secret")


def _text(plan: Mapping[str, Any], name: str, usual: str) -> str:
    """A plan's text; its dashboard writes empty where nothing was filled in."""
    value = take(dict(plan), name)
    if value is not None and not isinstance(value, str):
        raise Rejected("misconfigured", f"the plan's {name} is not text")
    return value or usual


def _shown(request: Received, secret: LiveSecret, header: str, *, bearer: bool) -> Proof:
    """The secret itself stands in a header. Nothing ties it to the body, so the body is what names the proof."""
    stated = request.header(header)
    if bearer and stated:
        scheme, _, stated = stated.strip().partition(" ")
        if scheme.lower() != "bearer":
            raise Rejected("malformed_signature", f"{header} is not Bearer and a token")
        stated = stated.strip()
    if not stated:
        raise Rejected("missing_signature", f"there is no secret in the header {header}")
    if not same(stated, secret.key):
        raise Rejected("wrong_signature", f"{header} holds another secret than ours")
    return Proof(name_of("vapi", "shown", request.body))


def _signed(request: Received, secret: LiveSecret, plan: Mapping[str, Any], now_ms: int) -> Proof:
    algorithm = _ALGORITHMS.get(_text(plan, "algorithm", "sha256").lower())
    encoding = _text(plan, "signatureEncoding", "hex").lower()
    if algorithm is None or encoding not in ("hex", "base64"):
        raise Rejected("misconfigured", "the plan's algorithm or signatureEncoding is none that Vapi has")
    stated = _stated(request, _text(plan, "signatureHeader", "x-signature"), _text(plan, "signaturePrefix", ""))
    message, moment = _message(request, plan)
    codes = [code(key, algorithm, message) for key in _keys(secret, plan)]
    if encoding == "hex":
        matching = [one for one in codes if same(one.hex(), stated.lower())]
    else:
        matching = [one for one in codes if same(b64encode(one), stated)]
    if not matching:
        raise Rejected("wrong_signature", "no live secret gives this signature by its plan")
    return Proof(name_of("vapi", matching[0]), _require_now(plan, moment, now_ms))


def _stated(request: Received, header: str, prefix: str) -> str:
    stated = request.header(header)
    if not stated:
        raise Rejected("missing_signature", f"there is no header {header}")
    if not stated.startswith(prefix):
        raise Rejected("malformed_signature", f"{header} does not begin with the plan's signaturePrefix")
    return stated[len(prefix) :]


def _message(request: Received, plan: Mapping[str, Any]) -> tuple[bytes, str]:
    """What is signed, and the time to be checked (empty where there is none).

    In one pass: a body that holds `{timestamp}` or a header that holds `{body}` is no template.
    """
    timed = boolean(dict(plan), "includeTimestamp") is not False
    template = octets(_text(plan, "payloadFormat", "{timestamp}.{body}" if timed else "{body}"))
    clock, message_id = _text(plan, "timestampHeader", "x-timestamp"), _text(plan, "messageIdHeader", "svix-id")
    headers = {"svix-id": message_id, message_id.lower(): message_id, "timestamp": clock}
    places = {name.decode().lower() for name in _PLACE.findall(template)}
    if "body" not in places:
        raise Rejected("unsigned_body", "the plan's payloadFormat leaves the body out")
    values = {"body": request.body, "method": octets(request.method), "url": octets(request.url)}
    for name in sorted((places & headers.keys()) - values.keys()):
        if not (stated := request.header(headers[name])):
            raise Rejected("missing_signature", f"there is no header {headers[name]}, which the plan signs")
        values[name] = octets(stated)
    message = _PLACE.sub(lambda match: values.get(match[1].decode().lower(), match[0]), template)
    if "timestamp" in places:
        return message, request.header(clock)
    # Nothing signs it, so its absence says nothing; what is there must be plausible all the same.
    unsigned = request.header(clock) if timed else ""
    return message, unsigned if _MOMENT.fullmatch(unsigned) else ""


def _keys(secret: LiveSecret, plan: Mapping[str, Any]) -> list[bytes]:
    """The bytes that a secret stands for. Svix writes `whsec_` before base64, and whether Vapi drops it is not said."""
    if not boolean(dict(plan), "secretIsBase64"):
        return [secret.key]
    texts = [secret.key] + ([secret.key[6:]] if secret.key.startswith(b"whsec_") else [])
    keys = []
    for text in texts:
        plain = text.strip().rstrip(b"=").replace(b"+", b"-").replace(b"/", b"_")
        if re.fullmatch(rb"[A-Za-z0-9_-]+", plain) and len(plain) % 4 != 1:
            keys.append(urlsafe_b64decode(plain + b"=" * (-len(plain) % 4)))
    if not keys:
        raise Rejected("misconfigured", "the plan says secretIsBase64, and the secret is not")
    return keys


def _require_now(plan: Mapping[str, Any], moment: str, now_ms: int) -> int | None:
    if not moment:
        return None
    if _MOMENT.fullmatch(moment) is None:
        raise Rejected("malformed_signature", "the signed time is not a number of seconds or milliseconds")
    stated = number(dict(plan), "toleranceSeconds")
    window_ms = int(1000 * (WINDOW_S if stated is None or not 0 <= stated <= 86_400 else stated))
    at_ms = int(moment) if int(moment) >= _FIRST_IN_MS else int(moment) * 1000
    if now_ms - at_ms > window_ms:
        raise Rejected("too_old", f"signed more than {window_ms // 1000} s ago")
    if at_ms - now_ms > window_ms:
        raise Rejected("too_new", f"signed for more than {window_ms // 1000} s from now")
    return at_ms + window_ms
