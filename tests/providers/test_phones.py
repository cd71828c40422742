"""Phone numbers in any form, and what only looks like one: dates, amounts, IDs, moments."""

from __future__ import annotations

import pytest

from stream_app.providers.phones import PHONE, blotted, holds, is_number_at, named_in


@pytest.mark.parametrize(
    "text",
    [
        "+15005550006", "call +1 (500) 555-0006 now", "%2B15005550006", "(500) 555-0006", "500-555-0006",
        "sip:15005550006@trunk.example.org", "0044 20 7946 0958", "020 7946 0958", "phone=5005550006",
    ],
)  # fmt: skip
def test_numbers_are_found_and_blotted(text: str) -> None:
    assert holds(text)
    shown = blotted(text)
    assert PHONE in shown
    assert "555" not in shown
    assert "7946" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "2026-09-21T14:16:11Z", "1790000171000", "order 1234567890", "4bf92f3577b34da6a3ce929d0e0e4736", "10.0.0.127",
        "3.14159265358979", "W2378156", "127 of 130", "CA00000000000000000000000000000b01",
    ],
)  # fmt: skip
def test_what_only_looks_like_one_stays(text: str) -> None:
    assert blotted(text) == text


def test_digits_alone_are_a_number_where_the_payload_says_so_elsewhere() -> None:
    known = named_in({"customer": {"number": "+15005550006"}, "attributes": [{"key": "caller", "value": "5005550003"}]})
    assert blotted("ref 15005550006 and 5005550006", known) == f"ref {PHONE} and {PHONE}"
    assert holds("recording-5005550003.wav", known)
    assert not holds("recording-5005550003.wav")


def test_the_name_it_stands_under_decides() -> None:
    assert is_number_at("phone_number", "5005550006")
    assert is_number_at("from", "5005550006")
    assert not is_number_at("from", "2026-09-21")
    assert not is_number_at("phoneCallProviderId", "5005550006")
    assert not is_number_at("amount", 5005550006)
