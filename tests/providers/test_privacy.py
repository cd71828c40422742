"""What must not leave: numbers and secrets blotted, names kept one name, links bared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.providers.privacy import Screen, bare_link, expires, is_bare, numbers_of, unsigned_link

NUMBER = "+15005550006"


def test_a_name_with_a_number_stays_one_name_and_shows_none() -> None:
    screen = Screen(key=b"key")
    name = screen.name(f"call-_{NUMBER}_x")
    assert name == screen.name(f"call-_{NUMBER}_x")
    assert "5005550006" not in name
    assert name != Screen(key=b"other").name(f"call-_{NUMBER}_x")
    assert screen.name("call-7") == "call-7"


def test_an_event_is_screened_by_what_its_fields_are() -> None:
    screen = Screen(numbers_of({"caller": "5005550006"}))
    shown = screen.event(
        {
            "canonicalCallId": "c", "aliases": {"livekitRoom": f"room-{NUMBER}"},
            "arguments": {"phone": "5005550006", "note": f"call {NUMBER}", "password": "x", "amount": 5},
            "result": ["5005550006", None, True],
        }
    )  # fmt: skip
    assert "5005550006" not in repr(shown)
    assert shown["arguments"]["amount"] == 5
    assert shown["arguments"]["password"] == "[secret]"
    assert shown["aliases"]["livekitRoom"].startswith("masked-")
    assert shown["result"][1:] == [None, True]


def test_two_numbers_as_keys_do_not_become_one() -> None:
    shown = Screen().document({"+15005550006": 1, "+15005550003": 2})
    assert sorted(shown.values()) == [1, 2]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("link", "bare"),
    [
        ("https://u:p@h.example.org:8443/a?x=1#f", "https://h.example.org:8443/a"), ("s3://b/k?x#y", "s3://b/k?x#y"),
        ("ftp://h/a", None), ("https://", None), ("https://h/a b", None), ("https://[::1]/a", "https://[::1]/a"),
    ],
)  # fmt: skip
def test_bare_links(link: str, bare: str | None) -> None:
    assert bare_link(link) == bare


def test_what_signs_a_link_is_told_from_what_it_means() -> None:
    assert unsigned_link("https://h/a?sig=1&id=2") == "https://h/a?id=2"
    assert expires("https://h/a?Expires=1&Signature=x")
    assert not expires("https://h/a?id=2")
    assert is_bare("https://h/a")
    assert not is_bare("https://h/a?id=2")


@given(st.text(max_size=60))
def test_screening_twice_is_screening_once(value: str) -> None:
    once = Screen().text(value)
    assert Screen().text(once) == once
