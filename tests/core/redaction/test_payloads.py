"""Tool payloads: every secret goes, every machine identifier stays, personal data goes by key and by form."""

from __future__ import annotations

import json

import pytest

from stream_app.core.redaction.known import known_values
from stream_app.core.redaction.payloads import MAX_DEPTH, redact_payload, redact_text
from tests.core.redaction.secret_samples import clean_payloads, payloads

SEEDS = (1, 2, 3)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_secret_goes(seed: int) -> None:
    cases = payloads(seed)
    assert len(cases) == 160
    assert len({kind for kind, _, _ in cases}) == 16
    left = [kind for kind, secret, payload in cases if secret in json.dumps(redact_payload(payload).value)]
    assert left == []


@pytest.mark.parametrize("seed", SEEDS)
def test_identifiers_of_machines_stay(seed: int) -> None:
    assert [payload for payload in clean_payloads(seed) if redact_payload(payload).value != payload] == []


def test_personal_data_goes_by_key_and_by_form() -> None:
    shown = redact_payload(
        {
            "firstName": "Odette",
            "phone": 15005550142,
            "note": "caller said call me at 500-555-0142 or odette@example.com",
            "orderId": "A-17",
            "items": [{"email": "odette@example.com", "count": 3}],
        }
    )
    text = json.dumps(shown.value)
    assert not any(value in text for value in ("Odette", "5550142", "555-0142", "odette@"))
    assert shown.value["orderId"] == "A-17"
    assert shown.value["items"][0]["count"] == 3
    assert shown.counts["PHONE"] == 2


def test_a_known_value_goes_wherever_it_stands() -> None:
    known = known_values(["QX77120045"])
    assert "QX77120045" not in redact_text("looked up QX77120045 twice", known)
    assert redact_text("looked up order twelve", known) == "looked up order twelve"


def test_too_deep_is_left_out() -> None:
    deep: object = "AKI" + "A" + "Q" * 16
    for _ in range(MAX_DEPTH + 5):
        deep = {"a": deep}
    assert redact_payload(deep).counts == {"TOO_DEEP": 1}


def test_a_key_that_is_data_is_masked() -> None:
    assert "odette@example.com" not in json.dumps(redact_payload({"odette@example.com": 1}).value)
