"""What looks like a secret, and what looks like one and is none."""

from __future__ import annotations

import pytest

from stream_app.core.redaction.secrets import (
    SAFE_KEYS,
    SECRET_KEYS,
    bare_key,
    is_identifier,
    secret_spans,
    told_secrets,
)


def test_keys_are_compared_bare() -> None:
    assert bare_key("X-Api-Key") == "xapikey"
    assert bare_key("X-Api-Key") in SECRET_KEYS
    assert not SECRET_KEYS & SAFE_KEYS


def test_secrets_by_form() -> None:
    token = "gh" + "p_" + "a1B2" * 9
    assert [span.kind for span in secret_spans(f"pushed with {token}, done")] == ["SECRET"]
    assert secret_spans("the password was changed") == []


@pytest.mark.parametrize("text", ["a" * 32, "0123456789abcdef" * 4, "CA" + "0" * 32, "2026-03-01T10:15:00Z"])
def test_identifiers_of_machines(text: str) -> None:
    assert is_identifier(text)
    assert not is_identifier(text + "!x")


@pytest.mark.parametrize("template", ["The api key is {}", "Sure, use {}. It works", "password: {}"])
def test_secrets_that_somebody_typed(template: str) -> None:
    for token in ("sk" + "_live_" + "a1B2c3D4" * 3, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY0", "Xo" + "0zQ" * 8):
        text = template.format(token)
        (span, *_) = told_secrets(text)
        assert token.startswith(text[span.start : span.end].rpartition(" ")[2][:8])
        assert all(span.kind == "SECRET" for span in told_secrets(text))


@pytest.mark.parametrize(
    "text",
    [
        "my trace is 4bf92f3577b34da6a3ce929d0e0e4736", "see https://example.org/help/Articles/Number1234567",
        "an internationalisation of everything", "I am at 12 Elm", "the token", "no secret there", "a" * 40,
    ],
)  # fmt: skip
def test_what_nobody_keeps_secret(text: str) -> None:
    assert told_secrets(text) == []
