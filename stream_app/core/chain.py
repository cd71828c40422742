"""The only place that judges a call's versions together: forks, gaps, and numbers that were used twice, by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from stream_app.core.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Link:
    """One sealed version: where it was found, the hash of its stored bytes, what it says."""

    place: str
    manifest_hash: str
    manifest: Manifest


def problems_of(links: Iterable[Link]) -> list[str]:
    """What is wrong with the versions of all calls among these; nothing where each follows on the one before.

    That the newest is the newest of all cannot be seen here: a chain without its end is a shorter chain. That is for
    the ledger to tell.
    """
    calls: dict[str, list[Link]] = defaultdict(list)
    for link in links:
        calls[link.manifest.canonical_call_id].append(link)
    return [problem for call_id in sorted(calls) for problem in _of_call(call_id, calls[call_id])]


def _of_call(call_id: str, links: list[Link]) -> Iterable[str]:
    numbers: dict[int, dict[str, str]] = defaultdict(dict)
    for link in links:
        numbers[link.manifest.version][link.manifest_hash] = link.place
    for number, found in sorted(numbers.items()):
        if len(found) > 1:
            yield f"{call_id}: number {number} is used twice, by {' and '.join(sorted(found.values()))}"
    for first, then in pairwise([0, *sorted(numbers)]):
        if then > first + 1:
            yield f"{call_id}: a gap, version {first + 1} up to {then - 1} not there"
    heirs: dict[str, set[str]] = defaultdict(set)
    for link in sorted(links, key=lambda one: (one.manifest.version, one.place)):
        before = link.manifest.supersedes
        if (before is None) != (link.manifest.version == 1):
            yield f"{link.place}: version {link.manifest.version} {'supersedes one' if before else 'supersedes none'}"
        if before is None:
            continue
        heirs[before.manifest_hash].add(link.manifest_hash)
        if not before.reason:
            yield f"{link.place}: it does not say why it supersedes version {before.version}"
        if before.version != link.manifest.version - 1:
            yield f"{link.place}: version {link.manifest.version} supersedes version {before.version}"
        elif numbers.get(before.version) and before.manifest_hash not in numbers[before.version]:
            yield f"{link.place}: it supersedes another version {before.version} than the one that is there"
    for hashes in heirs.values():
        if len(hashes) > 1:
            places = sorted(link.place for link in links if link.manifest_hash in hashes)
            yield f"{call_id}: a fork, {' and '.join(places)} supersede the same version"
