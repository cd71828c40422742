"""Summaries show keys and types; a value only where it cannot identify anybody."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.summaries import MAX_FIELDS, summarise


@pytest.mark.parametrize(
    ("payload", "summary"),
    [
        ({"orderId": "A-1042", "amount": 18.5, "currency": "EUR"}, "orderId: string, amount: number, currency: EUR"),
        ({"found": True, "total": 18.5}, "found: true, total: number"),
        ({"currency": "my card is 4111"}, "currency: string"),
        ({"currency": "JANE", "kurrency": "EUR"}, "currency: string, kurrency: string"),
        ({"nested": {"currency": "EUR"}}, "nested: object"),
        ({"items": [1, 2], "address": {"street": "x"}, "note": None}, "items: list of 2, address: object, note: null"),
        ({}, "empty object"),
        ([1, 2, 3], "list of 3"),
        ("Jane Doe", "string"),
        (False, "false"),
        ({"jane@example.com": 1}, "(key): number"),
        ({"order12345678": 1}, "(key): number"),
    ],
)
def test_summaries(payload: Any, summary: str) -> None:
    assert summarise(payload) == summary


def test_many_fields_end_in_an_ellipsis() -> None:
    assert summarise({f"f{n}": n for n in range(MAX_FIELDS + 1)}).endswith(", …")


@given(st.dictionaries(st.text("abcdefgh", min_size=1, max_size=6), st.text(min_size=4), max_size=5))
def test_no_text_is_ever_shown(payload: dict[str, str]) -> None:
    shown = {part.partition(": ")[2] for part in summarise(payload).split(", ")} - {""}
    assert shown <= {"string"}
