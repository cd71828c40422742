"""Secrets by the name they stand under and by their own shape; ordinary words stay."""

from __future__ import annotations

import pytest

from stream_app.providers.credentials import SECRET, blotted, is_secret_at


@pytest.mark.parametrize(
    "key", ["password", "api_key", "X-Api-Key", "turnPassword", "access_token", "Authorization", "otp", "cvv"]
)
def test_what_stands_under_such_a_name_is_secret(key: str) -> None:
    assert is_secret_at(key, "x1")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("maxTokens", 5),
        ("token_count", 7),
        ("secretary", "Ada"),
        ("pinned", True),
        ("password", None),
        ("keyboard", "qwerty"),
    ],
)
def test_what_only_sounds_like_one_is_none(key: str, value: object) -> None:
    assert not is_secret_at(key, value)


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abc123.def456", "key sk-live_1234567890abcdef12", "https://u:hunter2@example.org/x",
        "https://example.org/a?token=abc123def", "password=hunter2", '{"api_key": "k-1 23"}',
        "eyJhbGciOi.eyJzdWIiOi.c2ln", "AKIAABCDEFGHIJKLMNOP",
    ],
)  # fmt: skip
def test_secrets_in_text_are_blotted(text: str) -> None:
    shown = blotted(text)
    assert SECRET in shown
    for word in ("hunter2", "abc123def", "sk-live_1234567890abcdef12", "k-1 23", "AKIAABCDEFGHIJKLMNOP", "def456"):
        assert word not in shown


@pytest.mark.parametrize(
    "text",
    [
        "Basic attributes of the account", "a bearer of bad news", "token: expired", "the key question is when",
        "4bf92f3577b34da6a3ce929d0e0e4736", "RE12345678901234567890123456789012", "sha256:" + "ab" * 32,
    ],
)  # fmt: skip
def test_ordinary_text_trace_ids_and_hashes_stay(text: str) -> None:
    assert blotted(text) == text
