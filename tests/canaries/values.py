"""The only place that makes canaries: personal values and secrets of known kinds, each one there is only once.

Fictional all: phones +1 500 555 xxxx are never given out, mail is at example.org, the secrets only have their form.
"""

from __future__ import annotations

import string
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from urllib.parse import quote

from stream_app.demo.labelled_turns import FIRST, LAST, STREETS, TOWNS


@dataclass(frozen=True)
class Canary:
    """One value; `key` is what a tool would call it."""

    kind: str
    key: str
    text: str

    def forms(self) -> Iterator[bytes]:
        """Every form in which its bytes may lie somewhere."""
        yield from forms(self.text)
        digits = "".join(character for character in self.text if character.isdigit())
        if len(digits) >= 9:
            yield from forms(digits)


def forms(text: str) -> Iterator[bytes]:
    """As it is, in small letters, in a URL, in hex, and in base64 wherever it begins."""
    for one in dict.fromkeys((text, text.lower(), quote(text), text.replace("/", "\\/"))):
        yield one.encode()
    raw = text.encode()
    yield raw.hex().encode()
    for shift in range(3):
        # What stands before and behind shares characters with it: those are left out.
        encoded = b64encode(b"\0" * shift + raw).rstrip(b"=")
        inner = encoded[(0, 2, 3)[shift] : len(encoded) - (1 if (len(raw) + shift) % 3 else 0)]
        yield inner


def personal(count: int, seed: int) -> list[Canary]:
    """`count` values of eight kinds, in turn."""
    random = Random(f"personal/{seed}")
    return [_PERSONAL[number % len(_PERSONAL)](number, random) for number in range(count)]


def _phone(number: int, _random: Random) -> Canary:
    return Canary("phone", "phone_number", f"+1500555{number:04d}")


def _email(number: int, random: Random) -> Canary:
    return Canary("email", "email", f"{random.choice(FIRST)}.{random.choice(LAST)}{number}@example.org".lower())


def _ssn(number: int, random: Random) -> Canary:
    return Canary("ssn", "ssn", f"9{random.randint(10, 99)}-{random.randint(10, 99)}-{number:04d}")


def _card(number: int, random: Random) -> Canary:
    digits = f"400000{random.randint(0, 99999):05d}{number:04d}"
    total = sum(sum(divmod(int(digit) * (2 if place % 2 == 0 else 1), 10)) for place, digit in enumerate(digits))
    return Canary("card", "card_number", digits + str(-total % 10))


def _name(number: int, random: Random) -> Canary:
    letters = "".join(string.ascii_lowercase[int(digit)] for digit in f"{number:04d}")
    return Canary("name", "customer_name", f"{random.choice(FIRST)} {random.choice(LAST)}{letters}")


def _address(number: int, random: Random) -> Canary:
    return Canary("address", "address", f"{number + 10000} {random.choice(STREETS)}, {random.choice(TOWNS)}")


def _born(number: int, _random: Random) -> Canary:
    return Canary(
        "born", "date_of_birth", f"{1900 + number // 336:04d}/{number // 28 % 12 + 1:02d}/{number % 28 + 1:02d}"
    )


def _account(number: int, random: Random) -> Canary:
    return Canary("account", "account_number", f"77{random.randint(10**5, 10**6 - 1)}{number:04d}")


_PERSONAL = (_phone, _email, _ssn, _card, _name, _address, _born, _account)


def secrets(seed: int) -> list[Canary]:
    """Forty secrets, each of its own form."""
    random = Random(f"secrets/{seed}")

    def some(alphabet: str, length: int) -> str:
        return "".join(random.choice(alphabet) for _ in range(length))

    letters, hexes, upper = string.ascii_letters + string.digits, "0123456789abcdef", string.ascii_uppercase + "234567"
    made = {
        "aws-key": "AKIA" + some(upper, 16), "aws-session": "ASIA" + some(upper, 16), "aws-secret": some(letters, 40),
        "github": "gh" + "p_" + some(letters, 36), "github-app": "gh" + "s_" + some(letters, 36),
        "github-fine": "github" + "_pat_" + some(letters, 60), "gitlab": "glp" + "at-" + some(letters, 20),
        "slack-bot": "xo" + "xb-" + some("0123456789", 12) + "-" + some(letters, 24),
        "slack-user": "xo" + "xp-" + some("0123456789", 12) + "-" + some(letters, 24),
        "slack-hook": f"https://hooks.slack.com/services/T{some(upper, 8)}/B{some(upper, 8)}/{some(letters, 24)}",
        "stripe-live": "sk" + "_live_" + some(letters, 24), "stripe-test": "sk" + "_test_" + some(letters, 24),
        "stripe-restricted": "rk" + "_live_" + some(letters, 24), "stripe-hook": "wh" + "sec_" + some(letters, 32),
        "openai": "sk-" + some(letters, 48), "openai-project": "sk-" + "proj-" + some(letters, 48),
        "anthropic": "sk-" + "ant-" + some(letters, 48), "google": "AI" + "za" + some(letters, 35),
        "google-oauth": "ya29." + some(letters, 40), "sendgrid": "SG." + some(letters, 22) + "." + some(letters, 43),
        "mailgun": "key-" + some(hexes, 32), "npm": "np" + "m_" + some(letters, 36),
        "pypi": "py" + "pi-" + some(letters, 60),
        "huggingface": "h" + "f_" + some(letters, 34), "digitalocean": "do" + "p_v1_" + some(hexes, 64),
        "twilio-token": some(hexes, 32), "twilio-key": "SK" + some(hexes, 32), "jwt": _jwt(some(letters, 40)),
        "bearer": "Bearer " + some(letters, 32), "basic": "Basic " + b64encode(some(letters, 24).encode()).decode(),
        "url": "postgres://user:" + some(letters, 16) + "@db.example.org/calls", "password": some(letters, 14) + "!9",
        "pem": "-----BEGIN PRIVATE KEY-----" + some(letters, 64) + "-----END PRIVATE KEY-----",
        "azure": some(letters, 86) + "==", "telegram": some("0123456789", 10) + ":AA" + some(letters, 33),
        "discord": some(letters, 24) + "." + some(letters, 6) + "." + some(letters, 27),
        "livekit": some(letters, 43),
        "vapi": "-".join((some(hexes, 8), some(hexes, 4), some(hexes, 4), some(hexes, 12))),
        "elevenlabs": "sk_" + some(hexes, 48), "retell": "key_" + some(hexes, 28),
    }  # fmt: skip
    return [Canary(f"secret/{kind}", "api_key", text) for kind, text in made.items()]


def _jwt(rest: str) -> str:
    head = b64encode(b'{"alg":"HS256"}').decode().rstrip("=")
    return f"{head}.{b64encode(rest.encode()).decode().rstrip('=')}.{rest[:30]}"
