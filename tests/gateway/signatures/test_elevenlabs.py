"""ElevenLabs' signature: any of several digests, half an hour back, five minutes ahead."""

from __future__ import annotations

import pytest

from tests.gateway.signatures.signing import BODY, NOW_MS, NOW_S, elevenlabs, judged, reason, received

SECRET = "own-elevenlabs-secret"
DIGEST = elevenlabs(SECRET)
GOOD = f"t={NOW_S},v0={DIGEST}"
PAST_MS, FUTURE_MS = 1_800_000, 300_000


def of(
    signature: str | None = GOOD, body: bytes = BODY, *, now_ms: int = NOW_MS, secrets: tuple[str, ...] = (SECRET,)
) -> str:
    headers = {} if signature is None else {"ElevenLabs-Signature": signature}
    return reason("elevenlabs", received(headers, body), *secrets, now_ms=now_ms)


def test_what_elevenlabs_signed_is_authentic_and_already_parsed() -> None:
    verdict = judged("elevenlabs", received({"elevenlabs-signature": GOOD}), SECRET)
    assert verdict.reason == "authentic"
    assert verdict.proof is not None
    assert verdict.proof.until_ms == NOW_MS + PAST_MS
    assert verdict.proof.document["event"] == "call_ended"


def test_any_matching_digest_will_do() -> None:
    wrong = "0" * 64
    for digests in ((DIGEST, wrong), (wrong, DIGEST), (wrong, "x", DIGEST, "")):
        assert of(f"t={NOW_S}," + ",".join(f"v0={one}" for one in digests)) == "authentic"
    assert of(f"t={NOW_S},v0={wrong},v0={wrong}") == "wrong_signature"
    assert of(f"t={NOW_S},v1={wrong},v0={DIGEST}") == "authentic"
    assert of(f"v0={DIGEST},t={NOW_S}") == "authentic"


def test_both_sides_are_bounded() -> None:
    shifts = (-FUTURE_MS - 1, -FUTURE_MS, PAST_MS, PAST_MS + 1)
    answers = [of(now_ms=NOW_MS + shift) for shift in shifts]
    assert answers == ["too_new", "authentic", "authentic", "too_old"]


def test_a_signature_of_another_body_time_or_secret() -> None:
    assert of(body=BODY + b" ") == "wrong_signature"
    assert of(f"t={NOW_S + 1},v0={DIGEST}") == "wrong_signature"
    assert of(secrets=("another",)) == "wrong_signature"
    assert of(f"t={NOW_S},v0={DIGEST.upper()}") == "wrong_signature"


def test_either_of_two_live_secrets_will_do() -> None:
    assert of(secrets=("own-new-secret", SECRET)) == "authentic"
    assert of(secrets=("",)) == "no_secret"


@pytest.mark.parametrize("signature", [None, ""])
def test_a_signature_that_is_not_there(signature: str | None) -> None:
    assert of(signature) == "missing_signature"


@pytest.mark.parametrize(
    "signature",
    [
        "invalid_format",
        f"t={NOW_S}",
        f"t={NOW_S},v0=",
        f"v0={DIGEST}",
        f"t=,v0={DIGEST}",
        f"t={NOW_S},t={NOW_S + 1},v0={DIGEST}",
        f"t={NOW_S}, v0={DIGEST}",
        f"t=soon,v0={elevenlabs(SECRET, at_s='soon')}",
        f"t=-{NOW_S},v0={elevenlabs(SECRET, at_s=-NOW_S)}",
        f"t=+{NOW_S},v0={elevenlabs(SECRET, at_s=f'+{NOW_S}')}",
        f"t={NOW_S}.0,v0={elevenlabs(SECRET, at_s=f'{NOW_S}.0')}",
        f"t=1_790_000_300,v0={elevenlabs(SECRET, at_s='1_790_000_300')}",
        f"t={'9' * 5000},v0={DIGEST}",
        "t=\udcff,v0=\udcff",
    ],
)
def test_anything_else_is_malformed_and_no_error(signature: str) -> None:
    assert of(signature) == "malformed_signature"


@pytest.mark.parametrize("body", [b"", b"plain", b"[1]", b'{"a":1,"a":2}'])
def test_an_authentic_body_that_is_no_object_is_a_bad_request(body: bytes) -> None:
    digest = elevenlabs(SECRET, body)
    assert of(f"t={NOW_S},v0={digest}", body) == "not_json"


def test_the_sdk_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where both judge alike; where they must not, see the module."""
    sdk = pytest.importorskip("elevenlabs.webhooks_custom")
    errors = pytest.importorskip("elevenlabs.errors")
    client = sdk.WebhooksClient(client_wrapper=None)
    signatures = (GOOD, GOOD[:-1], "", "invalid_format", f"t={NOW_S}", f"v0={DIGEST}", f"t={NOW_S},v0={DIGEST.upper()}")
    for shift in (0, PAST_MS, PAST_MS + 1000):
        monkeypatch.setattr(sdk.time, "time", lambda shift=shift: (NOW_MS + shift) / 1000)
        for signature in signatures:
            try:
                stated = bool(client.construct_event(BODY.decode(), signature, SECRET))
            except errors.BadRequestError:
                stated = False
            assert (of(signature, now_ms=NOW_MS + shift) == "authentic") is stated
