"""The only place that signs webhooks as their providers do: for the demo and the bench, which play the other side.

Written from the providers' documents and not from our checks of them.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Signer:
    """One provider's way: the headers of a webhook with this URL and body, signed now."""

    content_type: str
    sign: Callable[[str, str, bytes], Mapping[str, str]]
    """(secret, URL, body) -> headers."""

    def headers(self, secret: str, url: str, body: bytes) -> dict[str, str]:
        """All headers that it is sent with."""
        return {"Content-Type": self.content_type, **self.sign(secret, url, body)}


def _twilio(secret: str, url: str, body: bytes) -> dict[str, str]:
    pairs = sorted(set(parse_qsl(body.decode(), keep_blank_values=True)))
    message = url + "".join(name + value for name, value in pairs)
    return {"X-Twilio-Signature": b64encode(_mac(secret, message.encode(), "sha1")).decode()}


def _livekit(secret: str, _url: str, body: bytes) -> dict[str, str]:
    """`secret` is `<API key>:<secret>`."""
    key, _, own = secret.partition(":")
    now_s = int(time.time())
    claims = {
        "iss": key, "nbf": now_s - 5, "exp": now_s + 295, "sha256": b64encode(hashlib.sha256(body).digest()).decode(),
    }  # fmt: skip
    message = ".".join(_unpadded(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return {"Authorization": f"{message}.{_unpadded(_mac(own, message.encode(), 'sha256'))}"}


def _vapi(secret: str, _url: str, _body: bytes) -> dict[str, str]:
    return {"X-Vapi-Secret": secret}


def _retell(secret: str, _url: str, body: bytes) -> dict[str, str]:
    at_ms = str(time.time_ns() // 1_000_000)
    return {"X-Retell-Signature": f"v={at_ms},d={_mac(secret, body + at_ms.encode(), 'sha256').hex()}"}


def _elevenlabs(secret: str, _url: str, body: bytes) -> dict[str, str]:
    at_s = str(int(time.time()))
    return {"ElevenLabs-Signature": f"t={at_s},v0={_mac(secret, f'{at_s}.'.encode() + body, 'sha256').hex()}"}


def _mac(secret: str, message: bytes, hashed: str) -> bytes:
    return hmac.new(secret.encode(), message, hashed).digest()


def _unpadded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


SIGNERS: tuple[tuple[str, Signer], ...] = (
    ("twilio", Signer(FORM, _twilio)),
    ("livekit", Signer("application/webhook+json", _livekit)),
    ("vapi", Signer(JSON, _vapi)),
    ("retell", Signer(JSON, _retell)),
    ("elevenlabs", Signer(JSON, _elevenlabs)),
)


def signer_of(provider: str) -> Signer:
    """How this provider signs; KeyError for one that does not."""
    return dict(SIGNERS)[provider]


def body_of(provider: str, document: Mapping[str, Any]) -> bytes:
    """A payload as the provider sends it."""
    if signer_of(provider).content_type == FORM:
        return urlencode(document).encode()
    return json.dumps(document, separators=(",", ":")).encode()
