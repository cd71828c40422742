"""The other side: signs as each provider does, written from its documents and not from our checks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

from stream_app.gateway.signatures.live_secrets import LiveSecrets, live_secrets
from stream_app.gateway.signatures.registry import scheme_named
from stream_app.gateway.signatures.request import Received
from stream_app.gateway.signatures.verdict import Reason, Verdict

NOW_MS = 1_790_000_300_000
NOW_S = NOW_MS // 1000
BODY = b'{"event":"call_ended","call":{"call_id":"demo-1","note":"gr\xc3\xbc\xc3\x9fe"}}'
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


def received(headers: Mapping[str, str], body: bytes = BODY, url: str = "https://hooks.example.com/in") -> Received:
    return Received("POST", url, tuple(headers.items()), body)


def judged(provider: str, request: Received, *secrets: Any, now_ms: int = NOW_MS) -> Verdict:
    live: LiveSecrets = live_secrets(list(secrets))
    return scheme_named(provider).verify(request, live, now_ms)


def reason(provider: str, request: Received, *secrets: Any, now_ms: int = NOW_MS) -> Reason:
    return judged(provider, request, *secrets, now_ms=now_ms).reason


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def twilio(secret: str, url: str, form: bytes = b"", hashed: str = "sha1") -> str:
    """base64 of the HMAC over the URL and the sorted form."""
    pairs = sorted(set(parse_qsl(form.decode(), keep_blank_values=True)))
    message = url + "".join(name + value for name, value in pairs)
    return b64(hmac.new(secret.encode(), message.encode(), hashed).digest())


def retell(secret: str, body: bytes = BODY, at_ms: int | str = NOW_MS) -> str:
    return f"v={at_ms},d={hmac.new(secret.encode(), body + str(at_ms).encode(), 'sha256').hexdigest()}"


def elevenlabs(secret: str, body: bytes = BODY, at_s: int | str = NOW_S) -> str:
    """The digest alone."""
    return hmac.new(secret.encode(), f"{at_s}.".encode() + body, "sha256").hexdigest()


def jwt(
    secret: str, claims: Any, header: Any = MappingProxyType({"alg": "HS256", "typ": "JWT"}), hashed: str = "sha256"
) -> str:
    head = dict(header) if isinstance(header, Mapping) else header
    message = ".".join(unpadded(json.dumps(part).encode()) for part in (head, claims))
    return f"{message}.{unpadded(hmac.new(secret.encode(), message.encode(), hashed).digest())}"


def unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(key: str = "APIdemo", body: bytes = BODY, **more: Any) -> dict[str, Any]:
    """What LiveKit's server puts into a webhook's token."""
    stated = {"iss": key, "nbf": NOW_S - 5, "exp": NOW_S + 295, "sha256": b64(hashlib.sha256(body).digest())}
    return {name: value for name, value in {**stated, **more}.items() if value is not None}


def vapi(secret: bytes, message: bytes, hashed: str = "sha256") -> bytes:
    return hmac.new(secret, message, hashed).digest()
