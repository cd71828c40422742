"""The only place that knows what a secret looks like: by the name it stands under, or by its own shape.

Tools are called with keys and passwords, errors quote links that give access, and whoever reads a packet must get none
of it. Names of fields that only count or limit (`maxTokens`) are no secrets.
"""

from __future__ import annotations

import re
from typing import Any

from stream_app.providers.reading import fold

SECRET = "[secret]"
_KEY = re.compile(
    r"passw(?:or)?d|passphrase|passcode|pwd|secret(?!ar)|authorization|authtoken|credential|cookie(?!consent|polic|banner)"
    r"|(?:api|access|private|signing|encryption|master|shared|session|auth|account|webhook|service|license)key"
    r"|signature|bearer|connectionstring|(?:access|refresh|auth|session|api|csrf|push|device|id)tokens"
    r"|token(?!s|count|used|usage|limit|budget|iz|type|expir|cost|price|per|ttl)"
    r"|(?:verification|security|onetime|otp|auth|backup|recovery)code"
)
_EXACT = frozenset({"pin", "otp", "cvv", "cvv2", "cvc", "cvc2", "auth", "jwt", "ssn", "pass"})
_SPOKEN_SECRET = re.compile(r"pass|pwd|secret|pin\Z|otp|cvv|cvc|key\Z")
"""What follows such a word is a secret even where it is a plain word."""
_SHAPES = (
    re.compile(r"\b[Bb]earer\s+(?=\S*[\d._~+/=-])[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"\b[Bb]asic\s+(?=[A-Za-z0-9+/]*[\d+/=])[A-Za-z0-9+/]{10,}={0,2}"),
    re.compile(r"\beyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)*"),
    re.compile(r"(?<![A-Za-z0-9])(?:sk|rk|pk|xi|api|key|whsec|pat)[-_](?=[\w-]*\d)[A-Za-z0-9_-]{16,}"),
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{30,}|\bgh[opsur]_\w{20,}|\bxox[abeprs]-[\w-]{10,}"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^-]|-(?!----END))*(?:-----END [A-Z ]*PRIVATE KEY-----)?"),
)
_USER = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]{1,20}://)[^/\s:@]{0,128}:[^/\s@]{1,256}@")
_PARAMETER = re.compile(
    r"([?&;](?:[\w.%-]{0,40}?(?:token|secret|passw|signature|api_?key|access_?key|credential|auth)[\w.%-]{0,40}|sig|key"
    r"|X-(?:Amz|Goog)-[\w-]{1,40})=)[^&#\s\"'<>]+",
    re.IGNORECASE,
)
_QUOTED = re.compile(
    r"(?<![A-Za-z0-9_])([A-Za-z][A-Za-z0-9_.-]{0,39})(\\?[\"']?\s{0,4}[:=]\s{0,4})(\\?[\"'])((?:(?!\3).){1,4096})\3"
)
_KEYED = re.compile(
    r"(?<![A-Za-z0-9_])([A-Za-z][A-Za-z0-9_.-]{0,39})([\\\"'\s]{0,4}[:=][\\\"'\s]{0,4})"
    r"((?:Bearer|Basic|Token)\s+[^\s\"'\\,;&}\])]+|[^\s\"'\\,;&}\])\[{(]{3,})",
    re.IGNORECASE,
)


def is_secret_at(key: str, value: Any) -> bool:
    """Whether this value must not be shown, given the name it stands under."""
    if value is None or isinstance(value, bool) or value in ("", [], {}):
        return False
    name = fold(key).replace(".", "").replace(" ", "")
    if name not in _EXACT and _KEY.search(name) is None:
        return False
    return not isinstance(value, int | float) or "token" not in name


def blotted(text: str) -> str:
    """The text without its secrets."""
    for shape in _SHAPES:
        text = shape.sub(SECRET, text)
    text = _PARAMETER.sub(rf"\1{SECRET}", _USER.sub(rf"\1{SECRET}@", text))
    return _KEYED.sub(_without_value, _QUOTED.sub(_without_quoted, text))


def _without_quoted(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2]}{match[3]}{SECRET}{match[3]}" if is_secret_at(match[1], match[4]) else match[0]


def _without_value(match: re.Match[str]) -> str:
    name, between, value = match[1], match[2], match[3]
    sentence = re.fullmatch(r"[A-Za-z]+\.?", value) is not None and "=" not in between
    if not is_secret_at(name, value) or (sentence and _SPOKEN_SECRET.search(fold(name)) is None):
        return match[0]  # "token: expired" says nothing that is secret.
    return f"{name}{between}{SECRET}"
