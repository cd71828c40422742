"""The only place for a ring of keys: one secret from which each name's key follows, until that one key is destroyed.

Theory of operation. A secret is the root of a binary tree; each node's two children follow from it by keyed BLAKE2s
(RFC 7693; a third of the cost of HMAC-SHA-256, and intake walks down a tree for each name that comes up), one way.
A name's path is DEPTH bits of a keyed hash of it, and its key is the leaf at the end. Whoever holds the root can make
every leaf, so nothing is written when a name comes up. To destroy a leaf, the root is replaced by the nodes beside the
path to it (Goldreich, Goldwasser and Micali's tree, punctured): they give every other leaf, and not this one, to nobody
again. A ring that was punctured often is a set of such nodes; it grows by DEPTH of them at most each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2s

DEPTH = 40
"""Bits of a path. Two of a million names meet on one with a chance of a half; destroying one destroys both."""
SEED_BYTES = 32


def path_of(secret: bytes, name: str) -> str:
    """The path to this name's key, as DEPTH characters `0` and `1`; without the secret nobody can tell whose it is."""
    digest = blake2s(name.encode(), key=secret, digest_size=DEPTH // 8, person=b"path").digest()
    return f"{int.from_bytes(digest):0{DEPTH}b}"


class Ring:
    """The nodes that are left of one tree: bits of the path from the root -> seed. `{"": seed}` is a whole one."""

    def __init__(self, nodes: Mapping[str, bytes]) -> None:
        """Raises ValueError for what is no ring."""
        for place, seed in nodes.items():
            if len(place) > DEPTH or set(place) - {"0", "1"} or len(seed) != SEED_BYTES:
                raise ValueError("not a ring of keys")
        self.nodes = dict(nodes)

    def key(self, path: str) -> bytes | None:
        """The key at the end of this path; None where it was destroyed."""
        place = self._above(path)
        if place is None:
            return None
        seed = self.nodes[place]
        for bit in path[len(place) :]:
            seed = blake2s(_CHILD[bit], key=seed).digest()
        return seed

    def without(self, path: str) -> Ring:
        """The ring in which the key at the end of this path is destroyed; the same one where it was already."""
        place = self._above(path)
        if place is None:
            return self
        nodes = dict(self.nodes)
        seed = nodes.pop(place)
        for depth in range(len(place), DEPTH):
            other = "1" if path[depth] == "0" else "0"
            nodes[path[:depth] + other] = blake2s(_CHILD[other], key=seed).digest()
            seed = blake2s(_CHILD[path[depth]], key=seed).digest()
        return Ring(nodes)

    def _above(self, path: str) -> str | None:
        """The place of the node that this path leads through."""
        if len(path) != DEPTH:
            raise ValueError(f"a path has {DEPTH} bits")
        return next((path[:depth] for depth in range(DEPTH + 1) if path[:depth] in self.nodes), None)


_CHILD = {"0": b"\x00", "1": b"\x01"}
