"""What was received: headers in any case, one answer to which of several values counts, and no secrets in `repr`."""

from __future__ import annotations

import pytest

from stream_app.gateway.signatures.request import Received
from stream_app.gateway.signatures.verdict import Rejected


def of(*headers: tuple[str, str], body: bytes = b"{}") -> Received:
    return Received("POST", "https://user:hidden@hooks.example.com/", headers, body)


def test_a_header_is_found_in_any_case() -> None:
    assert of(("X-Vapi-SECRET", "a")).header("x-vapi-secret") == "a"
    assert of(("X-Vapi-Secret", "a")).header("Authorization") == ""


def test_a_header_that_came_twice_is_taken_only_when_both_say_the_same() -> None:
    assert of(("Authorization", "a"), ("authorization", "a")).header("Authorization") == "a"
    with pytest.raises(Rejected) as caught:
        of(("Authorization", "secret-a"), ("authorization", "secret-b")).header("Authorization")
    assert caught.value.reason == "malformed_signature"
    assert "secret" not in caught.value.detail


@pytest.mark.parametrize(
    ("stated", "body", "is_form"),
    [
        ("application/x-www-form-urlencoded", b"a=1", True),
        ("Application/X-WWW-Form-URLEncoded; charset=UTF-8", b"a=1", True),
        ("application/json", b"a=1", False),
        ("multipart/form-data; boundary=x", b"a=1", False),
        (None, b"a=1", True),
        (None, b"", True),
        (None, b' {"a": 1}', False),
        (None, b"[1]", False),
    ],
)
def test_what_is_read_as_a_form(stated: str | None, body: bytes, is_form: bool) -> None:
    headers = [("Content-Type", stated)] if stated else []
    assert of(*headers, body=body).is_form is is_form


def test_a_body_that_is_no_object_is_a_bad_request() -> None:
    assert of(body=b'{"a": 1}').json_object() == {"a": 1}
    for body in (b"", b"[1]", b"invalid body", b'{"a":1,"a":2}', b"\xff", b'"x"', b"[" * 5000):
        with pytest.raises(Rejected) as caught:
            of(body=body).json_object()
        assert caught.value.reason == "not_json"


def test_nothing_private_is_shown() -> None:
    shown = repr(of(("Authorization", "hidden"), body=b"hidden"))
    assert "POST" in shown
    assert "hidden" not in shown
