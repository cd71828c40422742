"""Written patterns and their checksums."""

from __future__ import annotations

import pytest

from stream_app.core.redaction.written import iban, luhn, routing, written_spans

FOUND = (
    ("EMAIL", "write to odette.q+1@mail.example.org please", "odette.q+1@mail.example.org"),
    ("IP", "from 203.0.113.77 again", "203.0.113.77"),
    ("IBAN", "pay GB82 WEST 1234 5698 7654 32 now", "GB82 WEST 1234 5698 7654 32"),
    ("PHONE", "call (500) 555-0142 x17", "(500) 555-0142 x17"),
    ("US_SSN", "it is 219-09-9999.", "219-09-9999"),
    ("CREDIT_CARD", "card 4111 1111 1111 1111 ok", "4111 1111 1111 1111"),
    ("MEMBER_ID", "id QXT8812345", "QXT8812345"),
)


@pytest.mark.parametrize(("kind", "text", "value"), FOUND)
def test_found(kind: str, text: str, value: str) -> None:
    found = [(span.kind, text[span.start : span.end]) for span in written_spans(text)]
    assert (kind, value) in found


@pytest.mark.parametrize("text", ["version 1.2.3", "it cost $1,200.50", "at 10:15 on 2026", "on 06/26/2026"])
def test_not_found(text: str) -> None:
    assert written_spans(text) == []


def test_a_wrong_checksum_is_no_iban() -> None:
    assert "IBAN" not in {span.kind for span in written_spans("pay GB00 WEST 1234 5698 7654 32 now")}


def test_checksums() -> None:
    assert luhn("4111111111111111")
    assert not luhn("4111111111111112")
    assert routing("011000015")
    assert not routing("011000016")
    assert iban("GB82WEST12345698765432")
    assert not iban("GB82WEST12345698765433")
