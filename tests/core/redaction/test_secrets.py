"""What looks like a secret, and what looks like one and is none."""

from __future__ import annotations

import pytest

from stream_app.core.redaction.secrets import SAFE_KEYS, SECRET_KEYS, bare_key, is_identifier, secret_spans


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
