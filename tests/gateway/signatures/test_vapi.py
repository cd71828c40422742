"""Vapi's ways: a secret that is shown, or an HMAC whose every part a plan may change."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from stream_app.gateway.signatures import vapi as ours
from stream_app.gateway.signatures.request import Received
from tests.gateway.signatures import signing
from tests.gateway.signatures.signing import BODY, NOW_MS, NOW_S, judged, reason, received

SECRET = "own-vapi-secret"
URL = "https://hooks.example.com/in"
WINDOW_MS = 300_000


def shown(headers: dict[str, str], plan: dict[str, Any] | None = None, secret: str = SECRET) -> str:
    return reason("vapi", received(headers), {"secret": secret, "plan": plan or {}})


def signed(
    plan: dict[str, Any],
    message: bytes,
    *,
    headers: dict[str, str] | None = None,
    key: bytes = SECRET.encode(),
    secret: str = SECRET,
    body: bytes = BODY,
    now_ms: int = NOW_MS,
) -> str:
    """The verdict on a webhook whose signature is made over `message` as the plan says."""
    digest = signing.vapi(key, message, plan.get("algorithm", "sha256"))
    text = signing.b64(digest) if plan.get("signatureEncoding") == "base64" else digest.hex()
    header = plan.get("signatureHeader") or "x-signature"
    stated = {header: plan.get("signaturePrefix", "") + text, **(headers or {})}
    return reason("vapi", received(stated, body), {"secret": secret, "plan": {"type": "hmac", **plan}}, now_ms=now_ms)


AT_S = {"x-timestamp": str(NOW_S)}
DEFAULT = f"{NOW_S}.".encode() + BODY


def test_a_secret_in_the_older_header() -> None:
    for plan in (None, {"type": "secret"}):
        assert shown({"x-vapi-secret": SECRET}, plan) == "authentic"
        assert shown({"X-Vapi-Secret": SECRET.upper()}, plan) == "wrong_signature"
        assert shown({"X-Vapi-Secret": SECRET + " "}, plan) == "wrong_signature"
        assert shown({"X-Vapi-Secret": ""}, plan) != "authentic"
        assert shown({}, plan) == "missing_signature"
    assert shown({"Authorization": f"Bearer {SECRET}"}, {"type": "secret"}) == "missing_signature"


def test_a_bearer_token() -> None:
    for plan in (None, {"type": "bearer"}):
        assert shown({"Authorization": f"Bearer {SECRET}"}, plan) == "authentic"
        assert shown({"authorization": f"bearer  {SECRET}"}, plan) == "authentic"
        assert shown({"Authorization": f"Bearer {SECRET}x"}, plan) == "wrong_signature"
        assert shown({"Authorization": SECRET}, plan) == "malformed_signature"
        assert shown({"Authorization": f"Basic {SECRET}"}, plan) == "malformed_signature"
        assert shown({"Authorization": "Bearer "}, plan) == "missing_signature"
    assert shown({"X-Vapi-Secret": SECRET}, {"type": "bearer"}) == "missing_signature"


def test_a_bearer_token_in_another_header_or_without_the_word() -> None:
    plan = {"type": "bearer", "headerName": "X-Vapi-Secret", "bearerPrefixEnabled": False}
    assert shown({"X-Vapi-Secret": SECRET}, plan) == "authentic"
    assert shown({"X-Vapi-Secret": f"Bearer {SECRET}"}, plan) == "wrong_signature"
    assert shown({"Authorization": SECRET}, {"type": "bearer", "bearerPrefixEnabled": False}) == "authentic"


def test_a_secret_that_is_shown_proves_nothing_of_the_body() -> None:
    first = judged("vapi", received({"X-Vapi-Secret": SECRET}, b"{}"), SECRET).proof
    second = judged("vapi", received({"X-Vapi-Secret": SECRET}, b"[]"), SECRET).proof
    assert first is not None
    assert second is not None
    assert first.digest != second.digest
    assert first.until_ms is None


def test_the_plan_of_its_documents() -> None:
    assert signed({}, DEFAULT, headers=AT_S) == "authentic"
    assert signed({}, DEFAULT, headers=AT_S, body=BODY + b"\n") == "wrong_signature"
    assert signed({}, DEFAULT, headers=AT_S, secret="another") == "wrong_signature"
    assert signed({}, DEFAULT, headers={"x-timestamp": str(NOW_S + 1)}) == "wrong_signature"
    assert signed({}, DEFAULT) == "missing_signature"
    assert signed({"algorithm": "sha256"}, DEFAULT, headers={**AT_S, "x-signature": ""}) == "missing_signature"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
@pytest.mark.parametrize("prefix", ["", "sha256=", "v1,"])
def test_algorithm_encoding_and_prefix(algorithm: str, encoding: str, prefix: str) -> None:
    plan = {"algorithm": algorithm, "signatureEncoding": encoding, "signaturePrefix": prefix}
    assert signed(plan, DEFAULT, headers=AT_S) == "authentic"
    assert signed(plan, DEFAULT + b" ", headers=AT_S) == "wrong_signature"
    if prefix:
        bare = signing.vapi(SECRET.encode(), DEFAULT, algorithm).hex()
        assert signed(plan, DEFAULT, headers={**AT_S, "x-signature": bare}) == "malformed_signature"


def test_hex_is_a_number_and_base64_a_spelling() -> None:
    digest = signing.vapi(SECRET.encode(), DEFAULT)
    assert signed({}, DEFAULT, headers={**AT_S, "x-signature": digest.hex().upper()}) == "authentic"
    assert (
        signed({"signatureEncoding": "base64"}, DEFAULT, headers={**AT_S, "x-signature": digest.hex()})
        == "wrong_signature"
    )
    unpadded = base64.b64encode(digest).rstrip(b"=").decode()
    assert (
        signed({"signatureEncoding": "base64"}, DEFAULT, headers={**AT_S, "x-signature": unpadded}) == "wrong_signature"
    )


def test_headers_of_other_names() -> None:
    plan = {"signatureHeader": "x-vapi-signature", "timestampHeader": "x-vapi-time"}
    assert signed(plan, DEFAULT, headers={"X-Vapi-Time": str(NOW_S)}) == "authentic"
    assert signed(plan, DEFAULT, headers=AT_S) == "missing_signature"
    assert signed({"signatureHeader": "", "timestampHeader": ""}, DEFAULT, headers=AT_S) == "authentic"


def test_the_body_alone() -> None:
    assert signed({"payloadFormat": "{body}", "includeTimestamp": False}, BODY) == "authentic"
    assert signed({"payloadFormat": "{body}"}, BODY) == "authentic"
    assert signed({"includeTimestamp": False}, BODY) == "authentic"
    stale = {"x-timestamp": str(NOW_S - 301)}
    assert signed({"payloadFormat": "{body}"}, BODY, headers=stale) == "too_old"
    assert signed({"payloadFormat": "{body}", "includeTimestamp": False}, BODY, headers=stale) == "authentic"


def test_svix_style() -> None:
    key = bytes(range(32))
    plan = {
        "payloadFormat": "{svix-id}.{timestamp}.{body}", "messageIdHeader": "webhook-id", "signaturePrefix": "v1,",
        "timestampHeader": "webhook-timestamp", "signatureHeader": "webhook-signature", "signatureEncoding": "base64",
        "secretIsBase64": True,
    }  # fmt: skip
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(NOW_S)}
    message = b"msg_1." + DEFAULT
    for secret in (signing.b64(key), signing.b64(key).rstrip("="), f"whsec_{signing.b64(key)}"):
        assert signed(plan, message, headers=headers, key=key, secret=secret) == "authentic"
    assert (
        signed(plan, message, headers={**headers, "webhook-id": "msg_2"}, key=key, secret=signing.b64(key))
        == "wrong_signature"
    )
    del headers["webhook-id"]
    assert signed(plan, message, headers=headers, key=key, secret=signing.b64(key)) == "missing_signature"
    own_name = {**plan, "payloadFormat": "{webhook-id}.{timestamp}.{body}"}
    headers["webhook-id"] = "msg_1"
    assert signed(own_name, message, headers=headers, key=key, secret=signing.b64(key)) == "authentic"
    usual = {name: value for name, value in plan.items() if name != "messageIdHeader"}
    assert (
        signed(usual, message, headers={**headers, "svix-id": "msg_1"}, key=key, secret=signing.b64(key)) == "authentic"
    )


def test_method_and_url() -> None:
    plan = {"payloadFormat": "{method}\n{url}\n{timestamp}\n{body}"}
    assert signed(plan, f"POST\n{URL}\n{NOW_S}\n".encode() + BODY, headers=AT_S) == "authentic"
    assert signed(plan, f"PUT\n{URL}\n{NOW_S}\n".encode() + BODY, headers=AT_S) == "wrong_signature"


def test_a_template_is_filled_in_one_pass() -> None:
    body = b'{"say": "{timestamp}{body}{url}{svix-id}"}'
    assert signed({}, f"{NOW_S}.".encode() + body, headers=AT_S, body=body) == "authentic"
    twice = f"{NOW_S}.".encode() + body.replace(b"{timestamp}", str(NOW_S).encode())
    assert signed({}, twice, headers=AT_S, body=body) == "wrong_signature"
    ids = {"payloadFormat": "{svix-id}.{body}", "includeTimestamp": False}
    assert signed(ids, b"{body}." + BODY, headers={"svix-id": "{body}"}) == "authentic"
    unknown = {"payloadFormat": "{nothing}{body}{}", "includeTimestamp": False}
    assert signed(unknown, b"{nothing}" + BODY + b"{}") == "authentic"


def test_a_body_of_any_bytes() -> None:
    body = b"\xff\x00\\1\\g<0>"
    assert signed({}, f"{NOW_S}.".encode() + body, headers=AT_S, body=body) == "authentic"


def test_a_plan_that_leaves_the_body_out_proves_nothing() -> None:
    assert signed({"payloadFormat": "{timestamp}"}, str(NOW_S).encode(), headers=AT_S) == "unsigned_body"


@pytest.mark.parametrize("unit", [1, 1000])
def test_both_sides_are_bounded_whatever_the_unit(unit: int) -> None:
    moment = NOW_S * unit
    message = f"{moment}.".encode() + BODY
    shifts = (-WINDOW_MS - 1, -WINDOW_MS, WINDOW_MS, WINDOW_MS + 1)
    answers = [signed({}, message, headers={"x-timestamp": str(moment)}, now_ms=NOW_MS + shift) for shift in shifts]
    assert answers == ["too_new", "authentic", "authentic", "too_old"]


def test_a_tolerance_of_ones_own() -> None:
    late = NOW_MS + 11_000
    assert signed({"toleranceSeconds": 10}, DEFAULT, headers=AT_S, now_ms=late) == "too_old"
    assert signed({"toleranceSeconds": "soon"}, DEFAULT, headers=AT_S, now_ms=late) == "authentic"


@pytest.mark.parametrize("moment", ["soon", "-1", "1e9", "2026-06-03T18:00:00Z", "9" * 16, "9" * 5000, "١٧٩٠٠٠٠٣٠٠"])
def test_a_time_that_is_none(moment: str) -> None:
    message = f"{moment}.".encode() + BODY
    assert signed({}, message, headers={"x-timestamp": moment}) == "malformed_signature"


@pytest.mark.parametrize(
    "plan",
    [
        {"type": "oauth2"},
        {"type": "none"},
        {"type": 5},
        {"algorithm": "md5"},
        {"signatureEncoding": "base32"},
        {"payloadFormat": ["{body}"]},
        {"signaturePrefix": 5},
        {"secretIsBase64": True},
    ],
)
def test_a_plan_that_cannot_be_followed(plan: dict[str, Any]) -> None:
    live = {"secret": "not base64!", "plan": {"type": "hmac", **plan}}
    headers = {**AT_S, "x-signature": "0", "X-Vapi-Secret": "not base64!", "Authorization": "Bearer not base64!"}
    assert reason("vapi", received(headers), live) == "misconfigured"


def test_a_plan_may_be_written_as_vapi_shows_it() -> None:
    plan = {"type": "hmac", "secretKey": SECRET, "algorithm": "sha256"}
    request = received({**AT_S, "x-signature": signing.vapi(SECRET.encode(), DEFAULT).hex()})
    assert reason("vapi", request, plan) == "authentic"
    untyped = {"secret": SECRET, "plan": {"algorithm": "sha256", "signatureHeader": "x-signature"}}
    assert reason("vapi", request, untyped) == "authentic"
    bearer = {"type": "bearer", "token": SECRET}
    assert reason("vapi", received({"Authorization": f"Bearer {SECRET}"}), bearer) == "authentic"


def test_two_secrets_with_plans_of_their_own_and_the_most_telling_reason() -> None:
    hmac = {"secret": SECRET, "plan": {"type": "hmac"}}
    older = {"secret": "own-older", "plan": {"type": "secret"}}
    request = received({**AT_S, "x-signature": signing.vapi(SECRET.encode(), DEFAULT).hex()})
    assert reason("vapi", request, older, hmac) == "authentic"
    assert reason("vapi", received({"X-Vapi-Secret": "own-older"}), hmac, older) == "authentic"
    assert reason("vapi", request, older, hmac, now_ms=NOW_MS + 900_000) == "too_old"
    assert reason("vapi", received({}), older, hmac) == "missing_signature"
    assert reason("vapi", request) == "no_secret"


def test_every_rejection_can_be_weighed() -> None:
    twice = Received("POST", URL, (("x-signature", "a"), ("x-signature", "b")), BODY)
    assert reason("vapi", twice, {"secret": SECRET, "plan": {"type": "hmac"}}) == "malformed_signature"
    assert set(ours._TELLING) >= {"misconfigured", "missing_signature", "malformed_signature", "wrong_signature"}
