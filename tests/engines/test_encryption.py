"""Staged content: the same content gives the same bytes, any change is seen, keys rotate, nothing is quoted."""

from __future__ import annotations

from base64 import b64encode

import pytest

from stream_app.engines.encryption import (
    OVERHEAD_BYTES,
    DecryptionError,
    KeyFormatError,
    StagingCipher,
    keys_of,
)

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
NAME = b"staging/sha256/aa"


@pytest.fixture
def cipher() -> StagingCipher:
    return StagingCipher([OLD])


@pytest.mark.parametrize("content", [b"", b"x", b"a transcript" * 1000], ids=["empty", "one byte", "longer"])
def test_what_is_encrypted_is_read_again(cipher: StagingCipher, content: bytes) -> None:
    body = cipher.encrypt(content, name=NAME)
    assert cipher.decrypt(body, name=NAME) == content
    assert len(body) == len(content) + OVERHEAD_BYTES
    assert len(content) < 2 or content not in body


def test_the_same_content_gives_the_same_bytes_and_other_content_another_nonce(cipher: StagingCipher) -> None:
    assert cipher.encrypt(b"a", name=NAME) == StagingCipher([OLD]).encrypt(b"a", name=NAME)
    nonces = {cipher.encrypt(content, name=name)[9:21] for content in (b"a", b"b", b"") for name in (NAME, b"other")}
    assert len(nonces) == 6


def test_the_form_is_fixed_for_ever(cipher: StagingCipher) -> None:
    """Objects that lie in a store must be readable by every later version: whoever changes this adds a version."""
    assert cipher.encrypt(b"hello", name=NAME).hex() == (
        "434553420140d58f39c99f7e1a15e1d64c885542f0ef2b0738da52a4694f25ad99bdf4f87a906b50b0d5"
    )


def test_every_changed_byte_is_seen(cipher: StagingCipher) -> None:
    body = cipher.encrypt(b"content", name=NAME)
    for index in range(len(body)):
        changed = body[:index] + bytes([body[index] ^ 1]) + body[index + 1 :]
        with pytest.raises(DecryptionError):
            cipher.decrypt(changed, name=NAME)
    for length in range(len(body)):
        with pytest.raises(DecryptionError):
            cipher.decrypt(body[:length], name=NAME)


def test_an_object_in_the_place_of_another_is_not_read(cipher: StagingCipher) -> None:
    with pytest.raises(DecryptionError, match="under this name"):
        cipher.decrypt(cipher.encrypt(b"content", name=NAME), name=b"staging/sha256/bb")


def test_a_new_key_goes_before_the_old_one() -> None:
    before = StagingCipher([OLD]).encrypt(b"content", name=NAME)
    both = StagingCipher([NEW, OLD])
    assert both.decrypt(before, name=NAME) == b"content"
    after = both.encrypt(b"content", name=NAME)
    assert StagingCipher([NEW]).decrypt(after, name=NAME) == b"content"
    with pytest.raises(DecryptionError, match="not among ours"):
        StagingCipher([OLD]).decrypt(after, name=NAME)


def test_what_we_did_not_encrypt_is_said(cipher: StagingCipher) -> None:
    with pytest.raises(DecryptionError, match="not encrypted by us"):
        cipher.decrypt(b'{"turns": []}' * 10, name=NAME)


def test_keys_are_base64_one_a_line() -> None:
    text = "\ufeff" + b64encode(NEW).decode() + "\r\n\n  " + b64encode(OLD).decode() + "\n"
    assert keys_of(text) == (NEW, OLD)
    assert keys_of("") == ()


@pytest.mark.parametrize(
    "text", ["", "not base64!", b64encode(b"short").decode(), "\n".join([b64encode(OLD).decode()] * 9)],
    ids=["none", "no base64", "too short", "too many"],
)  # fmt: skip
def test_what_is_no_key_is_refused_and_never_quoted(text: str) -> None:
    with pytest.raises(KeyFormatError) as error:
        StagingCipher(keys_of(text))
    assert not text or text.split("\n")[0] not in str(error.value)


def test_repr_shows_no_key(cipher: StagingCipher) -> None:
    shown = repr(cipher) + repr(vars(cipher))
    assert OLD.hex() not in shown
    assert repr(OLD) not in shown
    assert "nonces" not in shown
