"""Codes and their comparison, on bytes of any kind."""

from __future__ import annotations

import hmac

import pytest

from stream_app.gateway.signatures.digests import code, name_of, octets, same


def test_the_code_is_the_one_of_the_standard() -> None:
    # RFC 4231, test case 2.
    made = code(b"Jefe", "sha256", b"what do ya want for nothing?")
    assert made.hex() == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_bytes_that_a_server_hands_over_as_surrogates_are_the_bytes_they_were() -> None:
    assert octets(b"\xff\xfea".decode("utf-8", "surrogateescape")) == b"\xff\xfea"
    assert octets("\ud800") == b"\xed\xa0\x80"


def test_text_and_bytes_are_compared_alike() -> None:
    assert same("grüße", "grüße".encode())
    assert not same("a", "b")
    assert not same("a", "aa")
    assert not same("", "a")


def test_every_comparison_goes_through_the_constant_time_one(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[object, object]] = []

    def compare(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return False

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert not same("a", "a")
    assert compared == [(b"a", b"a")]


def test_a_name_tells_its_parts_apart() -> None:
    assert name_of("ab", "c") != name_of("a", "bc")
    assert name_of("ab", "c") == name_of(b"ab", "c")
    assert len(name_of("a")) == 64
