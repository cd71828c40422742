"""Cases as they are written down, and every public one of every provider with the verdict that is recorded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream_app.gateway.signatures.cases import Case, CaseError, read_cases
from stream_app.gateway.signatures.registry import SCHEMES, scheme_named
from tests.gateway.signatures import signing
from tests.gateway.signatures.signing import NOW_MS, NOW_S
from tests.providers.samples import PUBLIC

URL = "https://hooks.example.com/in"
REQUEST = {"method": "POST", "url": URL, "headers": {"X-Vapi-Secret": "own-a"}, "body": "{}"}


def one(document: Any, provider: str = "vapi") -> Case:
    (case,) = read_cases(json.dumps(document).encode(), provider)
    return case


def valid(document: Any, provider: str) -> bool:
    case = one(document, provider)
    assert case.secrets is not None
    assert case.now_ms is not None
    return scheme_named(provider).verify(case.request, case.secrets, case.now_ms).valid


@pytest.mark.parametrize("provider", [scheme.name for scheme in SCHEMES])
def test_every_public_case_has_the_recorded_verdict(provider: str) -> None:
    path = PUBLIC / provider / "signatures.json"
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    cases = read_cases(path.read_bytes(), provider)
    answers, recorded = {}, {}
    for case in cases:
        assert case.secrets is not None
        verdict = scheme_named(provider).verify(case.request, case.secrets, case.now_ms or NOW_MS)
        answers[case.id], recorded[case.id] = verdict.valid, case.recorded
        assert verdict.reason != "defect"
    assert len(answers) >= 5
    assert answers == recorded
    assert set(recorded.values()) == {True, False}


def test_one_case_or_several() -> None:
    document = {"id": "a", "secret": "own-a", "request": REQUEST}
    for whole in (document, [document], {"cases": [document]}, {"provider": "vapi", "cases": [document]}):
        assert one(whole) == one(document)
    assert [case.id for case in read_cases(json.dumps([{"request": REQUEST}] * 2).encode(), "vapi")] == ["1", "2"]
    assert read_cases(b'\xef\xbb\xbf{"cases": []}', "vapi") == []


def test_the_request_as_it_came() -> None:
    case = one({"request": {**REQUEST, "headers": [["A", "1"], ["a", ["2", "3"]], ["b", None]], "body": "\udcff"}})
    assert case.request.headers == (("A", "1"), ("a", "2"), ("a", "3"))
    assert case.request.body == b"\xff"
    assert one({"request": {"body_base64": "AP8="}}).request.body == b"\x00\xff"
    assert one({"request": {}}).request.body == b""
    assert one({"request": {}}).request.method == "POST"


@pytest.mark.parametrize(
    ("stated", "now_ms"),
    [
        ({"now_ms": NOW_MS}, NOW_MS),
        ({"nowMs": str(NOW_MS)}, NOW_MS),
        ({"now_s": NOW_S}, NOW_MS),
        ({"now_s": NOW_S + 0.5}, NOW_MS + 500),
        ({"now": NOW_S}, NOW_MS),
        ({"now": NOW_MS}, NOW_MS),
        ({"now": "2026-09-21T14:18:20Z"}, NOW_MS),
        ({"now_s": 0}, 0),
        ({}, None),
    ],
)
def test_the_time_of_a_case(stated: dict[str, Any], now_ms: int | None) -> None:
    assert one({"request": REQUEST, **stated}).now_ms == now_ms


@pytest.mark.parametrize(
    ("stated", "recorded"),
    [
        ({"valid": True}, True),
        ({"valid": True, "our_policy": "reject"}, False),
        ({"valid": False, "our_policy": "accept: any v0"}, True),
        ({"valid": False, "ourPolicy": True}, True),
        ({"valid": False, "our_policy": ""}, False),
        ({"sdk_result": True}, None),
    ],
)
def test_our_own_policy_goes_before_what_the_library_says(stated: dict[str, Any], recorded: bool | None) -> None:
    assert one({"request": REQUEST, **stated}).recorded is recorded


def test_a_case_without_a_secret_is_told_from_one_with_an_empty_one() -> None:
    assert one({"request": REQUEST}).secrets is None
    assert one({"request": REQUEST, "plan": {"type": "bearer"}}).secrets is None
    assert one({"request": REQUEST, "secret": ""}).secrets == ()
    assert len(one({"request": REQUEST, "secrets": ["own-a", "own-b"]}).secrets or ()) == 2


def test_livekits_secret_belongs_to_its_key() -> None:
    request = {"headers": {"Authorization": signing.jwt("own-a", signing.claims(body=b"{}"))}, "body": "{}"}
    case = {"request": request, "now_s": NOW_S, "secret": "own-a"}
    assert valid({**case, "api_key": "APIdemo"}, "livekit")
    assert not valid({**case, "api_key": "APIelse"}, "livekit")
    assert valid({**case, "secret": "no", "api_key": "APIdemo", "secrets": ["own-a"]}, "livekit")
    assert valid({"request": request, "now_s": NOW_S, "api_keys": {"APIelse": "own-b", "APIdemo": "own-a"}}, "livekit")


def test_twilios_secret_is_a_token_or_the_key_that_is_named() -> None:
    def request(algorithm: str, stated: str) -> dict[str, Any]:
        settings = {"X-Twilio-Webhooks-Signature-Settings": f"key=k,algorithm={stated}"}
        headers = {**signing.FORM, **settings, "X-Twilio-Signature": signing.twilio("own-a", URL, b"a=1", algorithm)}
        return {"url": URL, "headers": headers, "body": "a=1"}

    strong, weak = request("sha256", "HMAC_SHA256"), request("sha1", "HMAC_SHA1")
    case = {"request": strong, "secret": "own-a", "now_s": NOW_S}
    assert valid(case, "twilio")
    assert valid({**case, "key_id": "k", "algorithm": "HMAC_SHA256"}, "twilio")
    assert not valid({**case, "key_id": "other"}, "twilio")
    assert not valid({**case, "request": weak}, "twilio")
    assert not valid({**case, "request": weak, "pinned_algorithm": "HMAC_SHA256"}, "twilio")
    assert valid({**case, "request": weak, "algorithm": "HMAC_SHA1"}, "twilio")
    keys = {"keys": {"k": {"secret": "own-a", "algorithm": "HMAC_SHA256"}}}
    assert valid({**case, "secret": "own-token", **keys}, "twilio")


def test_vapis_plan_and_tolerance() -> None:
    digest = signing.vapi(b"own-a", f"{NOW_S}.".encode() + b"{}").hex()
    request = {"headers": {"x-signature": digest, "x-timestamp": str(NOW_S)}, "body": "{}"}
    case = {"request": request, "secret": "own-a", "plan": {"type": "hmac"}, "now_s": NOW_S + 60}
    assert valid(case, "vapi")
    assert valid({**case, "plan": {"type": "hmac", "secretKey": "own-a"}, "secret": None} | {"secret": "own-a"}, "vapi")
    assert not valid({**case, "tolerance_s": 30}, "vapi")
    del case["secret"]
    assert valid({**case, "plan": {"type": "hmac", "secretKey": "own-a"}}, "vapi")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("[", "not JSON"),
        ("[" * 9000, "not JSON"),
        ('{"provider": "retell", "cases": []}', "cases of another provider"),
        ('{"provider": 5, "cases": []}', "cases of another provider"),
        ("5", "case 1: not an object"),
        ('{"id": "a"}', "case a: `request`"),
        ('{"id": "a", "request": []}', "case a: `request`"),
        ('{"request": {"url": 5}}', "`method` or `url`"),
        ('{"request": {"headers": 5}}', "`headers`"),
        ('{"request": {"headers": ["hidden"]}}', "`headers`"),
        ('{"request": {"headers": {"a": {"b": "hidden"}}}}', "a header"),
        ('{"request": {"body": {"a": 1}}}', "raw bytes"),
        ('{"request": {"body_base64": "hidden!"}}', "not base64"),
        ('{"request": {}, "secret": 5}', "a secret is text"),
        ('{"request": {}, "secret": [{"keyId": "hidden"}]}', "text under `secret`"),
        ('{"request": {}, "now": "soon"}', "`now` is not a time"),
    ],
)
def test_what_is_no_case_is_named(document: str, said: str) -> None:
    with pytest.raises(CaseError) as caught:
        read_cases(document.encode(), "vapi")
    assert said in str(caught.value)
    assert "hidden" not in str(caught.value)
