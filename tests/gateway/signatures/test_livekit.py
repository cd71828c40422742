"""LiveKit's token: one algorithm, a known key, not expired, and a hash of the very body that came."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any

import pytest

from tests.gateway.signatures.signing import (
    BODY,
    NOW_MS,
    NOW_S,
    b64,
    claims,
    judged,
    jwt,
    reason,
    received,
    unpadded,
)

SECRET = "own-livekit-secret"
LIVE = {"secret": SECRET, "keyId": "APIdemo"}


def of(token: str | None, body: bytes = BODY, *, now_ms: int = NOW_MS, secrets: tuple[Any, ...] = (LIVE,)) -> str:
    return reason("livekit", received({} if token is None else {"Authorization": token}, body), *secrets, now_ms=now_ms)


def signed(**more: Any) -> str:
    return jwt(SECRET, claims(**more))


def test_what_livekit_signed_is_authentic_and_already_parsed() -> None:
    verdict = judged("livekit", received({"authorization": signed()}), LIVE)
    assert verdict.reason == "authentic"
    assert verdict.proof is not None
    assert verdict.proof.document["event"] == "call_ended"
    assert verdict.proof.until_ms == (NOW_S + 295 + 60) * 1000 - 1
    assert of(signed(), now_ms=verdict.proof.until_ms) == "authentic"
    assert of(signed(), now_ms=verdict.proof.until_ms + 1) == "too_old"


@pytest.mark.parametrize("prefix", ["", "Bearer ", "bearer  ", "BEARER "])
def test_with_or_without_bearer(prefix: str) -> None:
    assert of(prefix + signed()) == "authentic"


@pytest.mark.parametrize("token", [None, "", "Bearer ", "Bearer"])
def test_a_token_that_is_not_there(token: str | None) -> None:
    assert of(token) in ("missing_signature", "malformed_signature")
    assert token == "Bearer" or of(token) == "missing_signature"


def test_the_body_is_hashed_as_it_came() -> None:
    spaced = b'\n{ "event": "room_started" }\n'
    assert of(jwt(SECRET, claims(body=spaced)), spaced) == "authentic"
    assert of(jwt(SECRET, claims(body=spaced)), spaced.strip()) == "wrong_body"


def test_a_token_without_the_hash_of_a_body_is_no_webhooks() -> None:
    assert of(signed(sha256=None, video={"roomJoin": True})) == "unsigned_body"
    assert of(signed(sha256="")) == "unsigned_body"


@pytest.mark.parametrize(
    "stated",
    [
        hashlib.sha256(BODY).hexdigest(),
        base64.urlsafe_b64encode(hashlib.sha256(b"82").digest()).decode(),
        b64(hashlib.sha256(BODY).digest()).rstrip("="),
        b64(hashlib.sha256(BODY).digest()) + "\n",
        b64(hashlib.sha512(BODY).digest()),
        [b64(hashlib.sha256(BODY).digest())],
        5,
    ],
)
def test_the_hash_is_standard_base64_and_nothing_like_it(stated: Any) -> None:
    assert of(signed(sha256=stated)) == "wrong_body"


def test_url_safe_base64_is_another_spelling_and_refused() -> None:
    body = next(
        one for one in (b'{"n":%d}' % n for n in range(99)) if b"+" in base64.b64encode(hashlib.sha256(one).digest())
    )
    stated = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode()
    assert of(jwt(SECRET, claims(body=body)), body) == "authentic"
    assert of(jwt(SECRET, claims(body=body, sha256=stated)), body) == "wrong_body"


def test_a_token_that_never_expires_or_whose_time_is_none() -> None:
    for value in (None, "1790000595", True, -1, [], 1e300):
        assert of(signed(exp=value)) == "malformed_signature"
    assert of(signed(nbf="soon")) == "malformed_signature"
    assert of(signed(nbf=None)) == "authentic"
    assert of(signed(exp=NOW_S + 0.5)) == "authentic"


def test_clocks_may_be_a_minute_apart() -> None:
    assert [of(signed(exp=NOW_S - late)) for late in (59, 60, 600)] == ["authentic", "too_old", "too_old"]
    assert [of(signed(nbf=NOW_S + early)) for early in (60, 61)] == ["authentic", "too_new"]
    assert of(signed(iat=NOW_S + 61)) == "too_new"


def test_the_issuer_chooses_the_secret() -> None:
    other = {"secret": "own-other-secret", "keyId": "APIother"}
    assert of(jwt("own-other-secret", claims("APIother")), secrets=(LIVE, other)) == "authentic"
    assert of(jwt("own-other-secret", claims("APIdemo")), secrets=(LIVE, other)) == "wrong_signature"
    for issuer in ("APIelse", None, "", ["APIdemo"], 5):
        assert of(signed(iss=issuer)) == "unknown_key"
    assert of(signed(), secrets=(SECRET,)) == "unknown_key"
    assert of(signed(iss=None), secrets=(SECRET,)) == "unknown_key"


def test_a_key_may_have_two_live_secrets() -> None:
    assert of(signed(), secrets=({"secret": "own-new", "keyId": "APIdemo"}, LIVE)) == "authentic"
    assert of(signed(), secrets=({"secret": "own-new", "keyId": "APIdemo"},)) == "wrong_signature"
    assert of(signed(), secrets=()) == "no_secret"


@pytest.mark.parametrize(
    ("header", "hashed"),
    [
        ({"alg": "none"}, "sha256"),
        ({"alg": "None"}, "sha256"),
        ({"alg": "hs256"}, "sha256"),
        ({"alg": "HS512"}, "sha512"),
        ({"alg": "RS256"}, "sha256"),
        ({"alg": ["HS256"]}, "sha256"),
        ({"typ": "JWT"}, "sha256"),
        ({"alg": "HS256", "crit": ["exp"]}, "sha256"),
    ],
)
def test_no_other_algorithm(header: Any, hashed: str) -> None:
    assert of(jwt(SECRET, claims(), header, hashed)) == "wrong_algorithm"


def test_a_token_without_a_signature() -> None:
    head, body, signature = signed().split(".")
    nothing = unpadded(b'{"alg":"none"}')
    assert of(f"{nothing}.{body}.") == "wrong_algorithm"
    assert of(f"{head}.{body}.") == "wrong_signature"
    assert of(f"{head}.{body}.{signature}=") == "malformed_signature"
    assert of(f"{head}.{unpadded(b'{}')}.{signature}") == "unknown_key"


def test_another_spelling_of_the_signature_is_refused() -> None:
    token = signed()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    respelled = token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]
    first, second = (base64.urlsafe_b64decode(one.split(".")[2] + "=") for one in (token, respelled))
    assert first == second
    assert of(respelled) == "wrong_signature"


@pytest.mark.parametrize(
    "token",
    [
        "a.b",
        "a.b.c.d",
        "..",
        "a b c",
        "!.!.!",
        "A.A.A",
        unpadded(b"[]") + "." + unpadded(b"{}") + ".x",
        unpadded(b"not json") + "." + unpadded(b"{}") + ".x",
        unpadded(b'{"alg":1,"alg":2}') + "." + unpadded(b"{}") + ".x",
        "\udcff.a.b",
    ],
)
def test_anything_else_is_malformed(token: str) -> None:
    assert of(token) == "malformed_signature"


@pytest.mark.parametrize("body", [b"invalid body", b"[]", b"", b'{"a":1,"a":1}'])
def test_an_authentic_body_that_is_no_object_is_a_bad_request(body: bytes) -> None:
    verdict = judged("livekit", received({"Authorization": jwt(SECRET, claims(body=body))}, body), LIVE)
    assert (verdict.reason, verdict.bad_request) == ("not_json", True)


def test_the_sdk_agrees() -> None:
    """Where both judge alike; where they must not, see the module. Its clock cannot be set, so this is about now."""
    sdk = pytest.importorskip("livekit.api")
    receiver = sdk.WebhookReceiver(sdk.TokenVerifier("APIdemo", SECRET))
    now_s, body = int(time.time()), b'{"event": "room_started"}'
    good = {"nbf": now_s - 5, "exp": now_s + 295}
    tokens = [
        jwt(SECRET, claims(body=body, **{**good, **change}), header, hashed)
        for change, header, hashed in [
            ({}, {"alg": "HS256"}, "sha256"),
            ({"exp": now_s - 30}, {"alg": "HS256"}, "sha256"),
            ({"exp": now_s - 90}, {"alg": "HS256"}, "sha256"),
            ({"exp": None}, {"alg": "HS256"}, "sha256"),
            ({"nbf": now_s + 90}, {"alg": "HS256"}, "sha256"),
            ({"nbf": now_s + 30}, {"alg": "HS256"}, "sha256"),
            ({"sha256": None}, {"alg": "HS256"}, "sha256"),
            ({"sha256": b64(b"x" * 32)}, {"alg": "HS256"}, "sha256"),
            ({"iss": "APIelse"}, {"alg": "HS256"}, "sha256"),
            ({}, {"alg": "HS512"}, "sha512"),
            ({}, {"alg": "none"}, "sha256"),
        ]
    ]
    token = sdk.AccessToken("APIdemo", SECRET)
    token.claims.sha256 = b64(hashlib.sha256(body).digest())
    answers = []
    for one in (*tokens, token.to_jwt(), "nonsense"):
        try:
            receiver.receive(body.decode(), one)
            stated = True
        except Exception:  # It raises what its parts raise.
            stated = False
        assert (of(one, body, now_ms=now_s * 1000) == "authentic") is stated
        answers.append(stated)
    assert [index for index, answer in enumerate(answers) if answer] == [0, 1, 5, 11]
