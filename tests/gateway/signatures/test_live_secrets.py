"""Secrets as they are written in JSON, and what must never be shown of them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from stream_app.gateway.signatures.live_secrets import (
    MAX_LIVE,
    LiveSecret,
    SecretFormatError,
    live_secrets,
    usable,
)
from stream_app.gateway.signatures.verdict import Rejected

PLAN = {"type": "hmac", "secretKey": "own-a", "algorithm": "sha512"}


def told(document: Any) -> list[tuple[str, str | None, str | None]]:
    return [(one.value.get_secret_value(), one.key_id, one.algorithm) for one in live_secrets(document)]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("own-a", [("own-a", None, None)]),
        (["own-a", "own-b"], [("own-a", None, None), ("own-b", None, None)]),
        ({"secret": "own-a", "keyId": "k", "algorithm": "HMAC_SHA1"}, [("own-a", "k", "HMAC_SHA1")]),
        ({"secret": "own-a", "key_id": "k"}, [("own-a", "k", None)]),
        ({"k": "own-a", "l": {"secret": "own-b"}}, [("own-a", "k", None), ("own-b", "l", None)]),
        (["", {"secret": ""}, "own-a"], [("own-a", None, None)]),
        ("", []),
        ([], []),
    ],
)
def test_secrets_are_written_in_several_ways(document: Any, expected: Any) -> None:
    assert told(document) == expected


@pytest.mark.parametrize("document", [PLAN, {"plan": PLAN}, {"plan": {**PLAN, "secretKey": "no"}, "secret": "own-a"}])
def test_a_plan_brings_its_secret_or_stands_beside_it(document: Any) -> None:
    (secret,) = live_secrets(document)
    assert secret.value.get_secret_value() == "own-a"
    assert secret.plan["algorithm"] == "sha512"


@pytest.mark.parametrize(
    "document",
    [
        5, None, [5], [["hidden"]], {"k": 5}, {"secret": 5}, {"secrt": "hidden", "algorithm": "HMAC_SHA1"},
        {"keyId": "hidden"}, {"type": "hidden"}, {"secret": "hidden", "keyId": 5}, {"plan": {}}, {"plan": "hidden"},
        {"secret": "hidden", "plan": ["hidden"]}, ["hidden"] * (MAX_LIVE + 1),
    ],
)  # fmt: skip
def test_what_is_none_is_refused_without_being_quoted(document: Any) -> None:
    with pytest.raises(SecretFormatError) as caught:
        live_secrets(document)
    assert "hidden" not in str(caught.value)


def test_no_secret_is_shown() -> None:
    shown = repr((live_secrets([PLAN, "own-a"]), live_secrets({"k": "own-a"})))
    assert "own-a" not in shown
    assert "own-a" not in repr(live_secrets(PLAN)[0])


def test_an_empty_secret_is_never_a_key() -> None:
    empty, good = LiveSecret(SecretStr("")), LiveSecret(SecretStr("own-a"))
    assert usable((empty, good)) == (good,)
    with pytest.raises(Rejected) as caught:
        usable((empty,))
    assert caught.value.reason == "no_secret"
