"""The secret scanner beside our own forms: it finds what they find, and nothing in clean payloads."""

from __future__ import annotations

import json

import pytest

from stream_app.core.redaction.payloads import redact_payload
from tests.core.redaction.secret_samples import clean_payloads, payloads

pytest.importorskip("redact_secret", reason="the secret scanner is not installed; `make setup` installs it")


def test_every_secret_goes_and_every_identifier_stays() -> None:
    from stream_app.engines.redaction.secret_finder import SecretFinder

    find = SecretFinder().find
    left = [
        kind for kind, secret, one in payloads(7) if secret in json.dumps(redact_payload(one, find_secrets=find).value)
    ]
    assert left == []
    assert [one for one in clean_payloads(7) if redact_payload(one, find_secrets=find).value != one] == []


def test_the_scanner_finds_secrets_by_itself() -> None:
    from stream_app.engines.redaction.secret_finder import SecretFinder

    find = SecretFinder().find
    assert find("AKI" + "AIOSFODNN7QWERTYU")
    assert not find("nothing to see here")
    assert [span.kind for span in find("x" * (64 << 20))] in ([], ["SECRET"])
