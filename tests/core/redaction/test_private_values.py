"""Of a payload what is somebody's own is looked for in the transcript, and nothing else."""

from __future__ import annotations

import pytest

from stream_app.core.redaction.private_values import is_private, values_in


@pytest.mark.parametrize("key", ["phone", "phone_number", "dateOfBirth", "customerName", "apiKey", "zip", "X-Api-Key"])
def test_keys_that_say_so(key: str) -> None:
    assert is_private(key)


@pytest.mark.parametrize("key", ["orderId", "amount", "status", "productName", "city_code", "traceId", "quantity"])
def test_keys_that_do_not(key: str) -> None:
    assert not is_private(key)


def test_what_stands_under_a_private_key_counts_whole() -> None:
    payload = {"orderId": "A-1042", "address": {"street": "12 Elm", "floor": 3, "lift": True}, "amount": 18.5}
    assert values_in({"arguments": payload}) == ["12 Elm", 3]
    assert values_in({"result": [{"customer_name": "Ana Ruiz", "item": "pizza"}]}) == ["Ana Ruiz"]


def test_values_that_a_producer_names_count_all() -> None:
    assert values_in({"knownValues": ["+14155550142", "Ana"]}) == ["+14155550142", "Ana"]


def test_texts_and_prose_are_no_values() -> None:
    assert values_in({"error": "no such phone +14155550142", "symptom": "x"}) == []
    assert values_in({"arguments": {"address": "x" * 300}}) == []
    assert values_in({"arguments": None}) == []
