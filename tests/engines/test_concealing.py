"""Private content and rings: only who has the key reads them, and changed bytes are no content."""

from __future__ import annotations

import pytest

from stream_app.core.key_ring import SEED_BYTES, Ring
from stream_app.engines.concealing import ContentCipher, MasterKeyError, MasterKeys, RingError, new_seed

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
RING = Ring({"": KEY}).without("01" * 20)


def test_content_comes_back_under_its_key_alone() -> None:
    box = ContentCipher(KEY).encrypt(b"content")
    assert b"content" not in box
    assert ContentCipher(KEY).decrypt(box) == b"content"
    with pytest.raises(ValueError, match="not what was encrypted"):
        ContentCipher(OTHER).decrypt(box)


def test_the_same_content_gives_the_same_bytes() -> None:
    assert ContentCipher(KEY).encrypt(b"x") == ContentCipher(KEY).encrypt(b"x")
    assert ContentCipher(KEY).encrypt(b"x")[:12] != ContentCipher(KEY).encrypt(b"y")[:12]


@pytest.mark.parametrize("at", [0, 11, 12, -1])
def test_changed_bytes_are_no_content(at: int) -> None:
    box = bytearray(ContentCipher(KEY).encrypt(b"content"))
    box[at] ^= 1
    with pytest.raises(ValueError, match="not what was encrypted"):
        ContentCipher(KEY).decrypt(bytes(box))
    with pytest.raises(ValueError, match="not what was encrypted"):
        ContentCipher(KEY).decrypt(b"")


def test_a_ring_comes_back_for_its_day_alone() -> None:
    body = MasterKeys([KEY]).wrap("2026-06-03", RING)
    assert not any(seed in body for seed in RING.nodes.values())
    assert MasterKeys([KEY]).unwrap("2026-06-03", body)[0].nodes == RING.nodes
    with pytest.raises(RingError, match="not for this day"):
        MasterKeys([KEY]).unwrap("2026-06-04", body)
    with pytest.raises(RingError, match="not among ours"):
        MasterKeys([OTHER]).unwrap("2026-06-03", body)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"master": "zz", "ring": "AAAA"}'])
def test_what_is_no_ring_is_refused(body: bytes) -> None:
    with pytest.raises(RingError):
        MasterKeys([KEY]).unwrap("2026-06-03", body)


def test_a_new_master_key_reads_what_the_old_one_wrapped() -> None:
    old, both = MasterKeys([KEY]), MasterKeys([OTHER, KEY])
    body = old.wrap("2026-06-03", RING)
    ring, name = both.unwrap("2026-06-03", body)
    assert name == old.current != both.current
    again = both.wrap("2026-06-03", ring)
    assert MasterKeys([OTHER]).unwrap("2026-06-03", again)[0].nodes == RING.nodes


@pytest.mark.parametrize("keys", [[], [b"short"], [KEY] * 9])
def test_master_keys_have_their_form(keys: list[bytes]) -> None:
    with pytest.raises(MasterKeyError, match="32 bytes"):
        MasterKeys(keys)


def test_seeds_are_new() -> None:
    assert new_seed() != new_seed()
    assert len(new_seed()) == SEED_BYTES
