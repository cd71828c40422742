"""Retell's signature: time and digest in one header, five minutes to either side."""

from __future__ import annotations

import pytest

from tests.gateway.signatures.signing import BODY, NOW_MS, judged, reason, received, retell

SECRET = "own-retell-key"
GOOD = retell(SECRET)
WINDOW_MS = 300_000


def of(
    signature: str | None = GOOD, body: bytes = BODY, *, now_ms: int = NOW_MS, secrets: tuple[str, ...] = (SECRET,)
) -> str:
    headers = {} if signature is None else {"X-Retell-Signature": signature}
    return reason("retell", received(headers, body), *secrets, now_ms=now_ms)


def test_what_retell_signed_is_authentic() -> None:
    verdict = judged("retell", received({"x-retell-signature": GOOD}), SECRET)
    assert verdict.reason == "authentic"
    assert verdict.proof is not None
    assert verdict.proof.until_ms == NOW_MS + WINDOW_MS


@pytest.mark.parametrize("body", [b"", b"\xff\x00\xfe", b"plain text", b'{"a":1}\n'])
def test_the_raw_bytes_are_signed_whatever_they_are(body: bytes) -> None:
    assert of(retell(SECRET, body), body) == "authentic"
    assert of(retell(SECRET, body), body + b" ") == "wrong_signature"


def test_the_window_holds_its_last_millisecond_and_no_more() -> None:
    answers = {shift: of(now_ms=NOW_MS + shift) for shift in (-WINDOW_MS - 1, -WINDOW_MS, WINDOW_MS, WINDOW_MS + 1)}
    assert list(answers.values()) == ["too_new", "authentic", "authentic", "too_old"]


def test_the_time_is_part_of_what_is_signed() -> None:
    digest = GOOD.partition(",")[2]
    assert of(f"v={NOW_MS + 1},{digest}") == "wrong_signature"
    assert of(f"v=0{NOW_MS},{digest}") == "wrong_signature"


def test_either_of_two_live_secrets_will_do() -> None:
    assert of(secrets=("own-new-key", SECRET)) == "authentic"
    assert of(secrets=(SECRET, "own-new-key")) == "authentic"
    assert of(secrets=("own-new-key", "another")) == "wrong_signature"
    assert of(secrets=()) == "no_secret"


@pytest.mark.parametrize("signature", [None, ""])
def test_a_signature_that_is_not_there(signature: str | None) -> None:
    assert of(signature) == "missing_signature"


@pytest.mark.parametrize(
    "signature",
    [
        GOOD.replace("d=", "d=0"),
        GOOD[:-2],
        GOOD.upper(),
        GOOD.replace(GOOD[-64:], GOOD[-64:].upper()),
        ",".join(reversed(GOOD.split(","))),
        GOOD + "\n",
        " " + GOOD,
        GOOD + ",extra=1",
        "prefix-" + GOOD,
        GOOD.replace("v=", "v=-"),
        GOOD.replace("v=1790000300000", "v=" + "9" * 5000),
        GOOD.replace("v=1790000300000", "v=١٧٩٠٠٠٠٣٠٠٠٠٠"),
        "v=,d=",
        "\udcff",
    ],
)
def test_anything_else_is_malformed(signature: str) -> None:
    assert of(signature) == "malformed_signature"


def test_the_sdk_agrees() -> None:
    """Where both judge alike; where they must not, see the module."""
    sdk = pytest.importorskip("retell.lib.webhook_auth")
    body = BODY.decode()
    assert of(sdk.symmetric["sign"](body, SECRET, NOW_MS)) == "authentic"
    shifts = (-WINDOW_MS - 1, -WINDOW_MS, 0, WINDOW_MS, WINDOW_MS + 1)
    signatures = (GOOD, GOOD[:-1], f"prefix-{GOOD}", f"{GOOD}\n", GOOD.replace("d=", "d=x"), retell("another"), "")
    for signature in signatures:
        for shift in shifts:
            stated = sdk.symmetric["verify"](body, SECRET, signature, {"timestamp": NOW_MS + shift})
            assert (of(signature, now_ms=NOW_MS + shift) == "authentic") is stated
