"""The only place that judges ledger entries: each by its root and signatures, together as chains, and beside packets.

Pure: the bytes of the entries in, problems out, each naming what is not there or was altered.
"""

from __future__ import annotations

import base64
import binascii
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pydantic import ValidationError

from stream_app.core.attestation import Check, TrustedKey
from stream_app.core.canonical import CanonicalError, is_canonical
from stream_app.core.ledger import HOUR_MS, LedgerEntry, root_of, signed_bytes
from stream_app.core.wire import WireError, read_json

LATE_MS = 24 * HOUR_MS
"""How much later than it was sealed a packet may come to `packets` and still be no surprise.

A packet says when it was ordered, an entry when packets came to the log: in between lie retries, outages, a backlog.
Nor does a packet say which partition it is in, so all chains must have come so far. Sooner it is unproved, no problem.
"""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a partition's chain had come to, as somebody wrote it down elsewhere."""

    partition: int
    number: int
    root: str


@dataclass(frozen=True, slots=True)
class InCopy:
    """One packet version that is there to compare with: the hash of its manifest's stored bytes, when it was sealed."""

    packet_id: str
    manifest_hash: str
    sealed_at: int


@dataclass(frozen=True, slots=True)
class LedgerVerdict:
    """What is wrong, and what no entry covers, and may still come to one: it is not proved."""

    problems: tuple[str, ...]
    uncovered: tuple[str, ...]
    entries: int


def judge(
    records: Sequence[bytes],
    trusted: tuple[TrustedKey, ...],
    check: Check,
    *,
    packets: Iterable[InCopy] = (),
    heads: Iterable[Head] = (),
    whole: bool = True,
) -> LedgerVerdict:
    """Judge the entries of all partitions, as they stand on `ledger`.

    `packets` are what a copy holds; `whole` says that it should hold every packet that the ledger knows, else only all
    versions of the calls it has. Without trusted keys signatures are not looked at.
    """
    problems: list[str] = []
    chains: dict[int, dict[int, LedgerEntry]] = defaultdict(dict)
    for place, body in enumerate(records, 1):
        entry = _read(f"ledger record {place}", body, trusted, check, problems)
        if entry is None:
            continue
        before = chains[entry.partition].setdefault(entry.number, entry)
        if before.root != entry.root:
            problems.append(f"{_name(entry)}: the number is used twice, with another root")
    for partition in sorted(chains):
        problems += _of_chain(partition, chains[partition])
    for head in heads:
        problems += _at_head(chains.get(head.partition, {}), head)
    entries = [entry for chain in chains.values() for _, entry in sorted(chain.items())]
    beside, uncovered = _beside(entries, list(packets), whole, broken=bool(problems))
    return LedgerVerdict((*problems, *beside), tuple(uncovered), len(entries))


def heads_of(records: Iterable[LedgerEntry]) -> list[Head]:
    """The newest entry of each partition."""
    newest: dict[int, LedgerEntry] = {}
    for entry in records:
        if entry.partition not in newest or newest[entry.partition].number < entry.number:
            newest[entry.partition] = entry
    return [Head(one.partition, one.number, one.root) for _, one in sorted(newest.items())]


def _name(entry: LedgerEntry) -> str:
    return f"ledger {entry.partition}/{entry.number}"


def _read(
    place: str, body: bytes, trusted: tuple[TrustedKey, ...], check: Check, problems: list[str]
) -> LedgerEntry | None:
    """The entry; what is wrong with it by itself goes to `problems`, and None is one that cannot be read."""
    try:
        document = read_json(body)
        entry = LedgerEntry.from_dict(document)
        if not is_canonical(body) or entry.to_dict() != document:
            problems.append(f"{_name(entry)}: it is not as it was written")
        if root_of(document) != entry.root:
            problems.append(f"{_name(entry)}: its root is not that of what stands in it: it was altered")
    except (WireError, ValidationError, CanonicalError, KeyError, TypeError):
        problems.append(f"{place}: not an entry of the ledger")
        return None
    offsets = [one.offset for one in entry.sealed]
    described = (entry.packets, entry.first_offset, entry.last_offset)
    if not offsets or described != (len(offsets), offsets[0], offsets[-1]) or offsets != sorted(set(offsets)):
        problems.append(f"{_name(entry)}: its count and offsets are not those of its packets")
    if trusted and (wrong := _unsigned(document, entry, trusted, check)):
        problems.append(f"{_name(entry)}: {wrong}")
    return entry


def _unsigned(
    document: dict[str, Any], entry: LedgerEntry, trusted: tuple[TrustedKey, ...], check: Check
) -> str | None:
    """Why nobody who is trusted vouches for the entry; None where somebody does."""
    key = next((key for key in trusted if key.key_id == entry.key_id), None)
    if key is None:
        return "no key that is trusted here signed it"
    try:
        signature = base64.b64decode(entry.signature, validate=True)
    except (binascii.Error, ValueError):
        signature = b""
    if base64.b64encode(signature).decode() != entry.signature or not check(
        key.public_key, signature, signed_bytes(document)
    ):
        return f"the signature by {key.key_id[:19]}… is wrong"
    return None if key.covers(entry.hour) else f"{key.key_id[:19]}… is not trusted for that hour"


def _of_chain(partition: int, chain: Mapping[int, LedgerEntry]) -> Iterable[str]:
    numbers = sorted(chain)
    for first, then in pairwise([-1, *numbers]):
        if then > first + 1:
            gone = f"{first + 1}" if then == first + 2 else f"{first + 1} up to {then - 1}"
            hour = f", before {chain[then].to_dict()['hour']}"
            yield f"ledger {partition}: entry {gone} is not there{hour}"
    for number in numbers:
        entry, before = chain[number], chain.get(number - 1)
        if number == 0 and entry.previous_root is not None:
            yield f"{_name(entry)}: the first entry names one before it"
        if before is None:
            continue
        if entry.previous_root != before.root:
            yield f"{_name(entry)}: it follows on another entry {before.number} than the one that is there"
        if entry.first_offset <= before.last_offset or entry.hour < before.hour:
            yield f"{_name(entry)}: it goes back behind the entry before it"


def _at_head(chain: Mapping[int, LedgerEntry], head: Head) -> Iterable[str]:
    last = max(chain, default=-1)
    if last < head.number:
        yield f"ledger {head.partition}: its end is missing: it stops at {last}, and had come to {head.number}"
    elif head.number in chain and chain[head.number].root != head.root:
        yield f"ledger {head.partition}/{head.number}: it has another root than the head that was kept"


def _beside(
    entries: list[LedgerEntry], packets: list[InCopy], whole: bool, *, broken: bool
) -> tuple[list[str], list[str]]:
    """(problems, not covered yet) of packets and entries side by side.

    Of chains that are `broken` an entry is gone or altered: a packet that none knows is named, it may have stood there.
    """
    if not packets and not whole:
        return [], []
    known = {(one.packet_id, one.manifest_hash): entry for entry in entries for one in entry.sealed}
    newest = {entry.partition: entry.hour for entry in entries}
    covered_until = min(newest.values(), default=0) - LATE_MS
    there = {(one.packet_id, one.manifest_hash) for one in packets}
    named = {packet_id for packet_id, _ in known}
    calls = {one.packet_id.rpartition("/")[0] for one in packets}
    problems, uncovered = [], []
    for one in packets:
        if (one.packet_id, one.manifest_hash) in known:
            continue
        if one.packet_id in named:
            problems.append(f"{one.packet_id}: the ledger knows it with another manifest")
        elif one.sealed_at >= covered_until and not broken:
            uncovered.append(f"{one.packet_id}: no entry of the ledger covers it yet")
        else:
            problems.append(f"{one.packet_id}: no entry of the ledger knows it")
    for (packet_id, manifest_hash), entry in known.items():
        if (packet_id, manifest_hash) in there or not (whole or packet_id.rpartition("/")[0] in calls):
            continue
        problems.append(f"{packet_id}: {_name(entry)} knows it with {manifest_hash}, and it is not in the copy")
    return problems, uncovered


def read_heads(body: bytes) -> list[Head]:
    """Heads as `stream-app ledger head --json` writes them. Raises ValueError."""
    try:
        return [Head(int(one["partition"]), int(one["number"]), str(one["root"])) for one in read_json(body)["heads"]]
    except (WireError, KeyError, TypeError, ValueError):
        raise ValueError('no heads: {"heads": [...]}, as `stream-app ledger head --json` writes them') from None
