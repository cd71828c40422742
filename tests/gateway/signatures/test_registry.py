"""The one door: a verdict for anything that can be sent, and never a secret in it."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.gateway.signatures import registry
from stream_app.gateway.signatures.live_secrets import live_secrets
from stream_app.gateway.signatures.registry import SCHEMES, Scheme, scheme_named
from stream_app.gateway.signatures.request import Received
from stream_app.gateway.signatures.verdict import REASONS, Proof
from stream_app.providers.registry import PROVIDERS
from tests.gateway.signatures import signing
from tests.gateway.signatures.signing import BODY, NOW_MS, NOW_S

URL = "https://hooks.example.com/in"
HIDDEN = "own-hidden-secret"
SECRETS: dict[str, Any] = {
    "twilio": [HIDDEN, {"secret": HIDDEN, "keyId": "k", "algorithm": "HMAC_SHA256"}],
    "livekit": [{"secret": HIDDEN, "keyId": "APIdemo"}],
    "vapi": [
        {"secret": HIDDEN, "plan": {"type": "hmac", "payloadFormat": "{svix-id}{url}{timestamp}.{body}"}},
        {"secret": HIDDEN, "plan": {"type": "bearer"}},
        HIDDEN,
    ],
    "retell": [HIDDEN],
    "elevenlabs": [HIDDEN],
}
GOOD: dict[str, dict[str, str]] = {
    "twilio": {**signing.FORM, "X-Twilio-Signature": signing.twilio(HIDDEN, URL, b"a=1")},
    "livekit": {"Authorization": signing.jwt(HIDDEN, signing.claims())},
    "vapi": {"X-Vapi-Secret": HIDDEN},
    "retell": {"X-Retell-Signature": signing.retell(HIDDEN)},
    "elevenlabs": {"ElevenLabs-Signature": f"t={NOW_S},v0={signing.elevenlabs(HIDDEN)}"},
}
HEADERS = (
    "X-Twilio-Signature", "X-Twilio-Webhooks-Signature-Settings", "Authorization", "X-Vapi-Secret", "x-signature",
    "x-timestamp", "svix-id", "X-Retell-Signature", "ElevenLabs-Signature", "Content-Type",
)  # fmt: skip
SHAPES = st.sampled_from(
    ["t=1790000300,v0=", "v=1790000300000,d=" + "0" * 64, "Bearer ", "key=k,algorithm=HMAC_SHA256", "key=", "a.b.c",
     "eyJhbGciOiJIUzI1NiJ9.e30.x", "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJBUElkZW1vIn0.", "9" * 5000, "application/json",
     "application/x-www-form-urlencoded", "\udcff", "é", "\x00", ",", "=", "."]
)  # fmt: skip
ANY_TEXT = st.text(st.characters(codec=None), max_size=40)
VALUES = st.lists(st.one_of(SHAPES, ANY_TEXT), max_size=4).map("".join)


def body_of(provider: str) -> bytes:
    return b"a=1" if provider == "twilio" else BODY


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_every_scheme_lets_in_what_is_authentic_and_only_that(scheme: Scheme) -> None:
    live, body = live_secrets(SECRETS[scheme.name]), body_of(scheme.name)
    good = Received("POST", URL, tuple(GOOD[scheme.name].items()), body)
    verdict = scheme.verify(good, live, NOW_MS)
    assert verdict.valid
    assert verdict.proof == scheme.verify(good, live, NOW_MS).proof
    assert not scheme.verify(Received("POST", URL, (), body), live, NOW_MS).valid
    assert scheme.verify(good, (), NOW_MS).reason == "no_secret"


def test_the_schemes_are_providers() -> None:
    assert {scheme.name for scheme in SCHEMES} == {"twilio", "livekit", "vapi", "retell", "elevenlabs"}
    # LiveKit's adapter and the others are registered there.
    assert {scheme.name for scheme in SCHEMES} >= {one.name for one in PROVIDERS} & {"twilio", "vapi", "retell"}
    with pytest.raises(KeyError):
        scheme_named("connect")


@settings(max_examples=300, deadline=None)
@given(
    headers=st.lists(st.tuples(st.one_of(st.sampled_from(HEADERS), ANY_TEXT), VALUES), max_size=6),
    url=st.one_of(ANY_TEXT, st.sampled_from([URL, "https://[", "https://a:b:c@d:e/?bodySHA256=x", "://", ""])),
    method=ANY_TEXT,
    body=st.binary(max_size=60),
    now_ms=st.integers(0, 2**53),
)
def test_whatever_comes_there_is_a_verdict(
    headers: list[tuple[str, str]], url: str, method: str, body: bytes, now_ms: int
) -> None:
    request = Received(method, url, tuple(headers), body)
    for scheme in SCHEMES:
        verdict = scheme.verify(request, live_secrets(SECRETS[scheme.name]), now_ms)
        assert verdict.reason in REASONS
        assert verdict.reason not in ("authentic", "defect"), verdict


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_no_change_of_a_good_webhook_passes_or_fails_oddly(scheme: Scheme) -> None:
    rng = random.Random(7)
    live, reasons = live_secrets(SECRETS[scheme.name]), set()
    good = Received("POST", URL, tuple(GOOD[scheme.name].items()), body_of(scheme.name))
    for _ in range(600):
        name, value = rng.choice([header for header in good.headers if header[0] != "Content-Type"])
        place, letter = rng.randrange(len(value) + 1), rng.choice("0aA=,. -_+/\n\x00é\udcff9")
        changed = value[:place] + letter + value[place + rng.randrange(3) :]
        if changed.strip() == value:
            continue
        others = tuple(header for header in good.headers if header[0] != name)
        verdict = scheme.verify(Received("POST", URL, (*others, (name, changed)), good.body), live, NOW_MS)
        if verdict.valid:
            # Vapi's and LiveKit's word Bearer aside, nothing of a signature may be written differently.
            assert changed == value, changed
        reasons.add(verdict.reason)
        assert HIDDEN not in json.dumps([verdict.reason, verdict.detail])
    assert "defect" not in reasons
    assert len(reasons) > 1 or scheme.name in ("twilio", "vapi")


@pytest.mark.parametrize("document", [None, True, 0, 1.5, "", "x", [], {}, {"iss": {}}, {"iss": "APIdemo", "exp": "x"}])
@pytest.mark.parametrize("field", ["header", "claims", "exp", "nbf", "iat", "iss", "sha256", "alg"])
def test_claims_of_any_type_are_judged(field: str, document: Any) -> None:
    head: Any = {"alg": "HS256"} if field != "header" else document
    claims: Any = signing.claims() if field != "claims" else document
    if field == "alg":
        head = {"alg": document}
    elif field not in ("header", "claims"):
        claims = {**claims, field: document}
    request = Received("POST", URL, (("Authorization", signing.jwt(HIDDEN, claims, head)),), BODY)
    verdict = scheme_named("livekit").verify(request, live_secrets(SECRETS["livekit"]), NOW_MS)
    assert verdict.reason != "defect"
    assert not verdict.valid or (field in ("nbf", "iat") and document in (None, 0, 1.5))


def test_a_check_that_fails_lets_nothing_in_and_quotes_nothing() -> None:
    def fail(*_: object) -> Proof:
        raise ValueError(HIDDEN)

    verdict = Scheme("broken", fail).verify(Received("POST", URL, (), b""), live_secrets(HIDDEN), NOW_MS)
    assert (verdict.reason, verdict.valid) == ("defect", False)
    assert HIDDEN not in verdict.detail
    assert "test_registry.py" in verdict.detail
    assert registry.SCHEMES
