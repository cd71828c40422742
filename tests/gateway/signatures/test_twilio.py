"""Twilio's signature: URL and form for most, the hash of the body in the URL for JSON, and SharedKeys."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlencode

import pytest

from stream_app.gateway.signatures import twilio as ours
from tests.gateway.signatures import signing
from tests.gateway.signatures.signing import FORM, JSON, judged, reason, received

SECRET = "own-auth-token"
URL = "https://hooks.example.com/twilio?tenant=a%20b&call=1"
FIELDS = b"CallSid=CA00000000000000000000000000000001&CallStatus=completed&From=%2B15005550006&Note=&Said=a+b%26c%3D"
KEY = {"secret": "own-shared-key", "keyId": "webhooks_sharedkey_1", "algorithm": "HMAC_SHA256"}
SETTINGS = "X-Twilio-Webhooks-Signature-Settings"


def of(
    url: str = URL, body: bytes = FIELDS, *, signature: str | None = None, secrets: Any = (SECRET,), **headers: str
) -> str:
    if signature is None:
        signature = signing.twilio(SECRET, URL, FIELDS)
    return reason("twilio", received({**FORM, **headers, "X-Twilio-Signature": signature}, body, url), *secrets)


def of_json(url: str, body: bytes, kind: dict[str, str] = JSON) -> str:
    return reason("twilio", received({**kind, "X-Twilio-Signature": signing.twilio(SECRET, url)}, body, url), SECRET)


def hashed(body: bytes, url: str = URL) -> str:
    return f"{url}&bodySHA256={hashlib.sha256(body).hexdigest()}"


def test_what_twilio_signed_is_authentic() -> None:
    verdict = judged(
        "twilio",
        received({**FORM, "x-twilio-signature": signing.twilio(SECRET, URL, FIELDS)}, FIELDS, URL),
        SECRET,
    )
    assert verdict.reason == "authentic"
    assert verdict.proof is not None
    assert verdict.proof.until_ms is None


@pytest.mark.parametrize("name", ["CallSid", "CallStatus", "From", "Note", "Said"])
def test_every_field_is_signed(name: str) -> None:
    changed = FIELDS.replace(name.encode() + b"=", name.encode() + b"=x")
    assert changed != FIELDS
    assert of(body=changed) == "wrong_signature"


def test_fields_come_in_any_order_and_a_repeated_value_counts_once() -> None:
    form = b"Digits=5678&Sid=x&Digits=1234&SidAccount=y&Digits=1234&a=1&B=2&%C3%A9=%C3%BC&&="
    signature = signing.twilio(SECRET, URL, form)
    shuffled = b"&".join(reversed(form.split(b"&")))
    assert of(body=form, signature=signature) == of(body=shuffled, signature=signature) == "authentic"
    assert of(body=form.replace(b"Digits=5678&", b""), signature=signature) == "wrong_signature"


def test_bytes_that_are_no_text_are_taken_as_they_are() -> None:
    message = URL.encode() + b"a\xff" + b"b\xfe"
    signature = ours._signature(SECRET.encode(), "HMAC_SHA1", message).decode()
    assert of(body=b"a=%FF&b=\xfe", signature=signature) == "authentic"


@pytest.mark.parametrize(
    ("signed", "seen", "expected"),
    [
        ("https://a.example/x?y", "https://a.example:1234/x?y", "authentic"),
        ("https://a.example:443/x?y", "https://a.example/x?y", "authentic"),
        ("https://a.example:8443/x?y", "https://a.example:8443/x?y", "authentic"),
        ("https://a.example:8443/x?y", "https://a.example/x?y", "wrong_signature"),
        ("http://a.example:80/x", "http://a.example/x", "authentic"),
        ("http://a.example/x", "http://a.example:8080/x", "authentic"),
        ("http://a.example/x", "https://a.example/x", "wrong_signature"),
        ("https://me:pass@a.example/x", "https://me:pass@a.example:443/x", "authentic"),
        ("https://me:pass@a.example:443/x", "https://me:pass@a.example/x", "authentic"),
        ("https://me:pass@a.example/x", "https://a.example/x", "wrong_signature"),
        ("https://[2001:db8::1]/x", "https://[2001:db8::1]:443/x", "authentic"),
        ("https://[2001:db8::1]:443/x", "https://[2001:db8::1]/x", "authentic"),
        ("https://a.example", "https://a.example:443", "authentic"),
        ("https://a.example?q=:80", "https://a.example:443?q=:80", "authentic"),
        ("https://a.example/x/", "https://a.example/x", "wrong_signature"),
        ("https://a.example/x?b=1&a=2", "https://a.example/x?a=2&b=1", "wrong_signature"),
        ("nonsense", "nonsense", "authentic"),
        ("https://a.example:port/x", "https://a.example:port/x", "authentic"),
    ],
)
def test_the_url_is_tried_with_and_without_its_port(signed: str, seen: str, expected: str) -> None:
    assert of(seen, signature=signing.twilio(SECRET, signed, FIELDS)) == expected


def test_a_json_body_is_signed_through_its_hash() -> None:
    body = b'{"event_type": "voice_intelligence_transcript_available"}\n'
    assert of_json(hashed(body), body) == "authentic"
    assert of_json(hashed(body), body.strip()) == "wrong_body"
    assert of_json(hashed(body).upper().replace("BODYSHA256", "bodySHA256"), body) == "wrong_body"
    assert of_json(hashed(body) + "&bodySHA256=", body) == "wrong_body"
    assert of_json(f"{URL}&bodySHA256=", body) == "wrong_body"


def test_a_json_body_without_its_hash_is_not_authentic() -> None:
    assert of_json(URL, b'{"a": 1}') == "unsigned_body"
    assert of_json(URL.replace("tenant", "bodysha256"), b'{"a": 1}') == "unsigned_body"
    assert of_json(f"{URL}#bodySHA256={hashlib.sha256(b'{}').hexdigest()}", b"{}") == "unsigned_body"
    assert of_json(URL, b"") == "authentic"


def test_no_type_makes_a_body_pass_that_is_not_signed() -> None:
    for kind in ({}, FORM, {"Content-Type": "text/plain"}, {"Content-Type": "multipart/form-data"}):
        assert of_json(URL, b'{"a": 1}', kind) in ("unsigned_body", "wrong_signature")
    assert of_json(hashed(b'{"a": 1}'), b'{"a": 1}', {}) == "authentic"
    # An empty form adds nothing to what is signed: it must not stand in for the JSON body of the same URL.
    assert of_json(hashed(b'{"a": 1}'), b"", FORM) == "wrong_body"
    assert of_json(hashed(b'{"a": 1}'), b"&&", FORM) == "wrong_body"
    assert of_json(URL, b"&&", FORM) == "unsigned_body"


def test_a_form_may_have_a_hash_in_its_url_too() -> None:
    url = f"{URL}&bodySHA256=0"
    assert of(url, signature=signing.twilio(SECRET, url, FIELDS)) == "authentic"


def test_a_get_has_everything_in_its_url() -> None:
    request = received({"X-Twilio-Signature": signing.twilio(SECRET, URL)}, b"", URL)
    assert reason("twilio", request, SECRET) == "authentic"


def test_a_signature_that_is_not_there_or_wrong() -> None:
    good = signing.twilio(SECRET, URL, FIELDS)
    assert of(signature="") == "missing_signature"
    for wrong in (good.lower(), good[:-1], good + " ", " " + good, "x", "\udcff", good * 100):
        assert of(signature=wrong) == "wrong_signature"


def test_another_spelling_of_the_signature_is_refused() -> None:
    good = signing.twilio(SECRET, URL, FIELDS)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    respelled = good[:-2] + alphabet[alphabet.index(good[-2]) ^ 1] + "="
    assert of(signature=respelled) == "wrong_signature"


def test_either_of_two_live_tokens_will_do() -> None:
    assert of(secrets=("own-new-token", SECRET)) == "authentic"
    assert of(secrets=("own-new-token",)) == "wrong_signature"
    assert of(secrets=()) == "no_secret"


def shared(settings: str, algorithm: str, *secrets: Any) -> str:
    signature = signing.twilio("own-shared-key", URL, FIELDS, algorithm)
    return of(signature=signature, secrets=secrets, **{SETTINGS: settings})


def test_a_shared_key_signs_with_what_it_is_pinned_to() -> None:
    named = "key=webhooks_sharedkey_1,algorithm="
    assert shared(f"{named}HMAC_SHA256", "sha256", KEY) == "authentic"
    assert shared(" key=webhooks_sharedkey_1 , algorithm=hmac_sha256", "sha256", KEY, SECRET) == "authentic"
    assert shared(f"{named}HMAC_SHA256", "sha256", {**KEY, "secret": "own-new"}, KEY) == "authentic"
    assert shared(f"{named}HMAC_SHA1", "sha1", {**KEY, "algorithm": "HMAC_SHA1"}) == "authentic"
    assert shared("key=webhooks_sharedkey_1", "sha1", {**KEY, "algorithm": "HMAC_SHA1"}) == "authentic"
    assert shared(f"{named}HMAC_SHA256", "sha256", {**KEY, "algorithm": None}) == "authentic"


def test_the_request_cannot_choose_a_weaker_algorithm() -> None:
    named = "key=webhooks_sharedkey_1,algorithm="
    assert shared(f"{named}HMAC_SHA1", "sha1", KEY) == "wrong_algorithm"
    assert shared("key=webhooks_sharedkey_1", "sha1", KEY) == "wrong_algorithm"
    assert shared(f"{named}HMAC_SHA1", "sha1", {**KEY, "algorithm": None}) == "wrong_algorithm"
    assert shared(f"{named}HMAC_MD5", "md5", {**KEY, "algorithm": "HMAC_MD5"}) == "wrong_algorithm"
    assert shared(f"{named}HMAC_SHA256", "sha1", KEY) == "wrong_signature"
    # Without the header an auth token is meant, and a SharedKey is none.
    assert shared("", "sha1", KEY) == "unknown_key"
    assert shared("", "sha1", KEY, SECRET) == "wrong_signature"
    assert shared("", "sha1", {"secret": "own-shared-key", "algorithm": "HMAC_SHA256"}) == "unknown_key"


def test_a_shared_key_that_we_do_not_hold() -> None:
    assert shared("key=other,algorithm=HMAC_SHA256", "sha256", KEY) == "unknown_key"
    assert shared("key=other,algorithm=HMAC_SHA256", "sha256", "own-shared-key") == "unknown_key"
    for settings in ("algorithm=HMAC_SHA256", "key=,algorithm=HMAC_SHA256", ",,,", "nonsense", "\udcff"):
        assert shared(settings, "sha256", KEY) == "malformed_signature"


def test_the_sdk_agrees() -> None:
    """Where both judge alike; where they must not, see the module."""
    sdk = pytest.importorskip("twilio.request_validator")
    validator = sdk.RequestValidator(SECRET)
    form = {"CallSid": "CA1", "Said": "a b&c=ü", "Note": "", "a": "1", "B": "2"}
    body = urlencode(form).encode()
    for url in (URL, "https://a.example:1234/x", "http://a.example/x", "https://a.example/", "http://a.example:80/?q="):
        for algorithm in ("HMAC_SHA1", "HMAC_SHA256"):
            signature = validator.compute_signature(url, form, algorithm)
            key = {"secret": SECRET, "keyId": "k", "algorithm": algorithm}
            headers = {SETTINGS: f"key=k,algorithm={algorithm}"}
            assert of(url, body, signature=signature, secrets=(key,), **headers) == "authentic"
        for other in (url.replace("https", "http"), url + "x"):
            signature = validator.compute_signature(other, form)
            valid = of(url, body, signature=signature) == "authentic"
            assert valid is validator.validate(url, form, signature)
    document = '{"a": "ü"}'
    for url in (hashed(document.encode()), hashed(b"other")):
        signature = validator.compute_signature(url, {})
        valid = of_json(url, document.encode()) == "authentic"
        assert valid is validator.validate(url, document, signature)
