"""Tool payloads with one made-up secret each, and clean ones; made when tests run, so that no scanner finds them."""

from __future__ import annotations

import base64
import json
import string
import uuid
from random import Random
from typing import Any

HEX = "0123456789abcdef"
ALNUM = string.ascii_letters + string.digits


def secrets(random: Random) -> dict[str, tuple[str, str]]:
    """Kind -> (key under which it stands, secret); sixteen kinds."""

    def some(count: int, alphabet: str = ALNUM) -> str:
        return "".join(random.choice(alphabet) for _ in range(count))

    jwt = ".".join(
        base64.urlsafe_b64encode(part.encode()).decode().rstrip("=")
        for part in ('{"alg":"HS256","typ":"JWT"}', json.dumps({"sub": some(8)}), some(24))
    )
    basic = base64.b64encode(f"svc:{some(12)}".encode()).decode()
    return {
        "aws key": ("note", "AKI" + "A" + some(16, string.ascii_uppercase + string.digits)),
        "aws secret": ("aws_secret_access_key", some(40)),
        "stripe": ("detail", "sk_" + "live_" + some(24)),
        "github": ("log", "gh" + "p_" + some(36)),
        "slack": ("message", "xox" + f"b-{some(11, string.digits)}-{some(24)}"),
        "openai": ("text", "sk-" + "proj-" + some(40)),
        "google": ("result", "AI" + "za" + some(35)),
        "jwt": ("value", jwt),
        "bearer": ("header", f"Authorization: Bearer {some(32)}"),
        "basic": ("header", f"Authorization: Basic {basic}"),
        "twilio": ("auth_token", some(32, HEX)),
        "sendgrid": ("output", "SG" + f".{some(22)}.{some(43)}"),
        "password": ("password", some(10)),
        "pem": ("body", f"-----BEGIN {'PRIVATE'} KEY-----\n{some(64)}\n-----END {'PRIVATE'} KEY-----"),
        "database": ("url", f"postgres://app:{some(12)}@db.example.org/prod"),
        "api key": ("apiKey", str(uuid.UUID(int=random.getrandbits(128)))),
    }


def payloads(seed: int, each: int = 10) -> list[tuple[str, str, dict[str, Any]]]:
    """(kind, secret, payload): `each` of every kind, the secret nested or in a sentence as it may be."""
    found = []
    for number in range(each):
        random = Random(f"{seed}/{number}")
        for kind, (key, secret) in secrets(random).items():
            bare = secret.split(" ")[-1] if kind in ("bearer", "basic") else secret
            sentence = key in ("note", "detail", "log", "message", "text", "result") and random.random() < 0.5
            value: Any = f"call failed with {secret} (retry)" if sentence else secret
            payload: dict[str, Any] = {"status": "ok", "orderId": f"A-{number}", key: value}
            found.append((kind, bare, {"request": [payload]} if random.random() < 0.4 else payload))
    return found


def clean_payloads(seed: int, count: int = 80) -> list[dict[str, Any]]:
    """Payloads without a secret: trace IDs, UUIDs, hashes, SIDs, amounts, dates."""
    found = []
    for number in range(count):
        random = Random(f"clean/{seed}/{number}")

        def some(length: int, random: Random = random) -> str:
            return "".join(random.choice(HEX) for _ in range(length))

        found.append(
            {
                "traceId": some(32), "spanId": some(16), "sha256": some(64), "callSid": "CA" + some(32),
                "account": "AC" + some(32), "request_id": str(uuid.UUID(some(32))), "amount": random.randint(1, 900),
                "parent": f"00-{some(32)}-{some(16)}-01", "at": "2026-03-01T10:15:00Z", "status": "shipped",
                "recordingSid": "RE" + some(32), "list": [some(40), some(32)], "price": 18.5, "currency": "EUR",
            }
        )  # fmt: skip
    return found
