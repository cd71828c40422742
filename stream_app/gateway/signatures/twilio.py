"""The only place that knows how Twilio signs: base64 HMAC over the URL and the form, `X-Twilio-Signature`.

Written by hand. `twilio.request_validator` takes a JSON body without `bodySHA256` for authentic, loses the password
of a URL when it takes the port away, lets the request choose the algorithm, fails on a port that is no number, and its
comparison tells lengths. What is kept of it: which spellings of a URL are tried, and that a repeated value counts once.

There is no time in it: the same request may be sent again for ever, and the replay cache is all there is against it.
"""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from urllib.parse import unquote_to_bytes

from stream_app.gateway.signatures.digests import Algorithm, code, name_of, octets, same
from stream_app.gateway.signatures.live_secrets import LiveSecret, LiveSecrets, usable
from stream_app.gateway.signatures.request import Received
from stream_app.gateway.signatures.verdict import Proof, Rejected

HEADER = "X-Twilio-Signature"
SETTINGS_HEADER = "X-Twilio-Webhooks-Signature-Settings"
"""Only where a SharedKey signs: `key=<id>,algorithm=<name>`."""
BODY_HASH = b"bodySHA256"
_ALGORITHMS: dict[str, Algorithm] = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}
_TOKEN_ALGORITHM = "HMAC_SHA1"
_KEY_ALGORITHM = "HMAC_SHA256"
"""What a SharedKey is pinned to where we are not told: the weaker one must be asked for."""
_AUTHORITY = re.compile(rb"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<user>[^/?#]*@)?(?P<host>\[[^]/?#]*\]|[^/?#:]*)"
                        rb"(?P<port>:[0-9]*)?(?P<rest>[/?#].*)?", re.DOTALL)  # fmt: skip


def prove(request: Received, secrets: LiveSecrets, _now_ms: int) -> Proof:
    """What this webhook is proved by; raises Rejected."""
    live = usable(secrets)
    stated = request.header(HEADER)
    if not stated:
        raise Rejected("missing_signature", f"there is no header {HEADER}")
    keys, algorithm = _signers(request, live)
    fields = _fields(request.body) if request.is_form else b""
    url = octets(request.url)
    expected = [_signature(key, algorithm, address + fields) for address in spellings(url) for key in keys]
    if not any(same(one, stated) for one in expected):
        raise Rejected("wrong_signature", "no live secret gives this signature for this URL and form")
    _require_signed_body(request, url, covered=bool(fields))
    return Proof(name_of("twilio", stated))


def _signers(request: Received, live: LiveSecrets) -> tuple[list[bytes], str]:
    """The keys that may have signed it, and the algorithm that they are pinned to."""
    settings = request.header(SETTINGS_HEADER).strip()
    if not settings:
        tokens = [
            one.key for one in live if one.key_id is None and _algorithm(one, _TOKEN_ALGORITHM) == _TOKEN_ALGORITHM
        ]
        if not tokens:
            raise Rejected("unknown_key", "signed with an auth token, and we hold SharedKeys only")
        return tokens, _TOKEN_ALGORITHM
    parts = {name.strip(): value.strip() for name, _, value in (part.partition("=") for part in settings.split(","))}
    key_id, algorithm = parts.get("key"), (parts.get("algorithm") or _TOKEN_ALGORITHM).upper()
    if not key_id:
        raise Rejected("malformed_signature", f"{SETTINGS_HEADER} names no key")
    named = [one for one in live if one.key_id == key_id]
    if not named:
        raise Rejected("unknown_key", f"{SETTINGS_HEADER} names a SharedKey that we hold no secret for")
    pinned = [one.key for one in named if _algorithm(one, _KEY_ALGORITHM) == algorithm]
    if not pinned or algorithm not in _ALGORITHMS:
        raise Rejected("wrong_algorithm", f"{SETTINGS_HEADER} names an algorithm that this key is not pinned to")
    return pinned, algorithm


def _algorithm(secret: LiveSecret, usual: str) -> str:
    return (secret.algorithm or usual).upper()


def _signature(key: bytes, algorithm: str, message: bytes) -> bytes:
    return b64encode(code(key, _ALGORITHMS[algorithm], message))


def spellings(url: bytes) -> tuple[bytes, ...]:
    """The URL as given, and with its port taken away or, where it has none, with the usual one of its scheme.

    Twilio signs either, and a proxy shows either. User and password stay: they are part of what is signed.
    """
    match = _AUTHORITY.fullmatch(url)
    if match is None:
        return (url,)
    scheme, user, host, port, rest = (match[name] or b"" for name in ("scheme", "user", "host", "port", "rest"))
    other = b"" if port else b":443" if scheme.lower() == b"https" else b":80"
    return url, b"".join((scheme, b"://", user, host, other, rest))


def _fields(body: bytes) -> bytes:
    """Names and values of a form, one after the other; names sorted, values of one name sorted, each value once."""
    values: dict[bytes, set[bytes]] = {}
    for part in body.split(b"&"):
        if part:
            name, _, value = part.partition(b"=")
            values.setdefault(_plain(name), set()).add(_plain(value))
    return b"".join(name + value for name in sorted(values) for value in sorted(values[name]))


def _plain(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))


def _require_signed_body(request: Received, url: bytes, *, covered: bool) -> None:
    """What is no form is not in the signature: only its hash is, in the URL.

    `covered`: the form itself was signed. An empty form is not, and could be put in the place of a JSON body.
    """
    query = url.partition(b"#")[0].partition(b"?")[2]
    stated = [value for name, _, value in (part.partition(b"=") for part in query.split(b"&")) if name == BODY_HASH]
    if covered:
        return
    if not stated and request.body:
        raise Rejected("unsigned_body", "the body is no form, and the URL has no bodySHA256 for it")
    actual = sha256(request.body).hexdigest()
    if not all(same(one, actual) for one in stated):
        raise Rejected("wrong_body", "bodySHA256 in the URL is not the hash of the body")
