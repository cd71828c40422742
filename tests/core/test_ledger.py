"""Entries: the tree is the RFC's, the root covers all that came before, the signature covers the entry."""

from __future__ import annotations

import base64
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.ledger import SealedPacket, entry_of, merkle_root, root_of, signed_bytes
from tests.tools.sealed_copy import SIGNER

HASH = "sha256:" + "a" * 64


def packet(offset: int, call: str = "call", version: int = 1) -> SealedPacket:
    return SealedPacket(offset=offset, packet_id=f"{call}-{offset}/{version}", manifest_hash=HASH)


def by_the_rfc(hashes: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it is written: split at the largest power of two below the count."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return sha256(b"\1" + by_the_rfc(hashes[:split]) + by_the_rfc(hashes[split:])).digest()


@given(st.integers(1, 130))
def test_the_tree_is_that_of_rfc_6962(count: int) -> None:
    hashes = [sha256(bytes([number])).digest() for number in range(count)]
    assert merkle_root(hashes) == by_the_rfc(hashes)


def test_the_root_covers_everything_but_itself_and_the_signatures() -> None:
    entry = entry_of(1, 7, 3_600_000, [packet(3), packet(5)], "sha256:" + "b" * 64, SIGNER).to_dict()
    assert root_of(entry) == entry["root"]
    assert root_of({**entry, "signature": "", "root": "x"}) == entry["root"]
    for name, value in (
        ("partition", 2), ("number", 8), ("hour", "1970-01-01T02:00:00.000Z"), ("packets", 3), ("previousRoot", None),
        ("firstOffset", 4), ("lastOffset", 6), ("sealed", entry["sealed"][:1]), ("sealed", entry["sealed"][::-1]),
    ):  # fmt: skip
        assert root_of({**entry, name: value}) != entry["root"], name


def test_the_signature_is_over_the_entry_without_signatures() -> None:
    document = entry_of(0, 0, 0, [packet(0)], None, SIGNER).to_dict()
    key_id, expected = SIGNER(signed_bytes({**document, "signature": "", "keyId": None}))
    assert (document["keyId"], base64.b64decode(document["signature"])) == (key_id, expected)
    assert entry_of(0, 0, 0, [packet(0)], None, None).signature == ""


def test_an_entry_over_nothing_is_not_made() -> None:
    with pytest.raises(IndexError):
        entry_of(0, 0, 0, [], None, None)
