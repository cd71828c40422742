"""The only place for what one ledger entry says and proves: a signed Merkle root over packets of one partition's hour.

Theory of operation. A partition of `packets` has a chain of entries, numbered from 0. An entry covers records of one
hour, at most MAX_PACKETS of them, so a busy hour has several. Its root is that of a tree (RFC 6962: a leaf is hashed
behind a 0 byte, a node behind a 1 byte) whose first leaf is the entry's own head, with the root of the entry before it,
and whose other leaves are the packets, in the order of the log. So each root holds all that came before: who takes a
packet or an entry out, or alters one, must make every later root anew, and sign it.

What a chain cannot show of itself is that its end is missing. Whoever keeps a head (`Head`: a number and its root)
elsewhere can tell; and so can any packet that no entry knows.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Literal

from stream_app.core.attestation import Sign, pre_authentication
from stream_app.core.canonical import canonical_bytes
from stream_app.core.instants import Instant
from stream_app.core.model import Identifier, Model

PAYLOAD_TYPE = "application/vnd.call-evidence-stream.ledger+json"
"""What a signature is over (DSSE's pre-authentication encoding): the entry in canonical form, without signature."""
HOUR_MS = 3_600_000
MAX_PACKETS = 2000
"""Of one entry: some 400 kB."""
_LEAF, _NODE = b"\0", b"\1"


class SealedPacket(Model):
    """One record of `packets`: which version of a call it is, and what it was sealed as."""

    offset: int
    packet_id: Identifier
    manifest_hash: str


class LedgerEntry(Model):
    """Signed Merkle root over what one partition of `packets` got in an hour, chained to the entry before it."""

    schema_version: Literal[1] = 1
    topic: Literal["packets"] = "packets"
    partition: int
    number: int
    """From 0, without a gap: a missing entry is seen."""
    hour: Instant
    """Its beginning, by the records' own time as the ledger's clock bounds it."""
    packets: int
    """How many."""
    first_offset: int
    last_offset: int
    sealed: tuple[SealedPacket, ...]
    previous_root: str | None
    root: str
    key_id: str | None = None
    signature: str = ""
    """Base64; empty where signing is switched off."""


def entry_of(
    partition: int,
    number: int,
    hour: int,
    packets: Sequence[SealedPacket],
    previous_root: str | None,
    sign: Sign | None,
) -> LedgerEntry:
    """The entry over these packets (one at least). `hour` is its first millisecond."""
    entry = LedgerEntry(
        partition=partition,
        number=number,
        hour=hour,
        packets=len(packets),
        first_offset=packets[0].offset,
        last_offset=packets[-1].offset,
        sealed=tuple(packets),
        previous_root=previous_root,
        root="",
    )
    entry = entry.model_copy(update={"root": root_of(entry.to_dict())})
    if sign is None:
        return entry
    key_id, signature = sign(signed_bytes(entry.to_dict()))
    return entry.model_copy(update={"key_id": key_id, "signature": base64.b64encode(signature).decode()})


def signed_bytes(document: dict[str, Any]) -> bytes:
    """What the signature of this entry (as JSON) is over."""
    unsigned = {name: value for name, value in document.items() if name not in ("keyId", "signature")}
    return pre_authentication(PAYLOAD_TYPE, canonical_bytes(unsigned))


def root_of(document: dict[str, Any]) -> str:
    """`sha256:<hex>`: the root that an entry (as JSON) must have by all else that stands in it."""
    head = {name: value for name, value in document.items() if name not in ("sealed", "root", "keyId", "signature")}
    leaves = [canonical_bytes(one) for one in (head, *document["sealed"])]
    return f"sha256:{merkle_root([sha256(_LEAF + leaf).digest() for leaf in leaves]).hex()}"


def merkle_root(hashes: list[bytes]) -> bytes:
    """RFC 6962's tree hash over the hashes of one leaf or more.

    Pairs are joined level by level and an odd one goes up as it is, which gives the RFC's tree: its left half is the
    largest power of two.
    """
    while len(hashes) > 1:
        pairs = [sha256(_NODE + hashes[place] + hashes[place + 1]).digest() for place in range(0, len(hashes) - 1, 2)]
        hashes = pairs + hashes[len(hashes) - len(hashes) % 2 :]
    return hashes[0]
