"""What the demo signs is what the gateway takes, of every provider, and of no other secret."""

from __future__ import annotations

import time

import pytest
from pydantic import SecretStr

from stream_app.demo.signing import SIGNERS, body_of, signer_of
from stream_app.gateway.secrets import SecretSource
from stream_app.gateway.signatures.registry import SCHEMES, scheme_named
from stream_app.gateway.signatures.request import Received

URL = "https://hooks.example.org/webhooks/x?y=1"


@pytest.mark.parametrize("provider", [name for name, _ in SIGNERS])
def test_a_signed_webhook_is_authentic_and_another_secret_proves_nothing(provider: str) -> None:
    body = body_of(provider, {"CallSid": "CA1", "event": "call_ended"})
    headers = signer_of(provider).headers("key:secret", URL, body)
    for secret, valid in (("key:secret", True), ("key:other", False)):
        live = SecretSource(None, {provider: SecretStr(secret)}).secrets(provider)
        request = Received("POST", URL, tuple(headers.items()), body)
        assert scheme_named(provider).verify(request, live, time.time_ns() // 1_000_000).valid is valid


def test_every_provider_whose_webhooks_are_signed_is_played() -> None:
    assert [name for name, _ in SIGNERS] == [scheme.name for scheme in SCHEMES]
