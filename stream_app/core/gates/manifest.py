"""The only place for the manifest gate: a version, final artifacts with digests, and an unbroken chain of versions."""

from __future__ import annotations

from stream_app.core.gates.subject import Subject, verdict
from stream_app.core.packet import GateResult

RULES = (
    "block: no version, or a chain of versions with a hole in it",
    "block: the superseded version's manifest could not be read",
    "block: two artifacts under one name",
)
UNKNOWN_HASH = "unknown"
"""Stands for the hash of a previous manifest that could not be read; the gate blocks on it."""


def check(subject: Subject) -> GateResult:
    """Blocks on a chain of versions with a hole in it, or two artifacts under one name."""
    order, block = subject.order, []
    if order.version < 1:
        block.append("the packet has no version")
    if order.version > 1 and subject.supersedes is None:
        block.append(f"version {order.version} does not say what it supersedes")
    if subject.supersedes is not None:
        if subject.supersedes.version != order.version - 1:
            block.append(f"version {order.version} supersedes version {subject.supersedes.version}")
        if subject.supersedes.manifest_hash == UNKNOWN_HASH:
            block.append("the manifest of the superseded version could not be read")
    names = [one.name for one in subject.artifacts]
    block += [f"two artifacts are called {name}" for name in sorted(set(names)) if names.count(name) > 1]
    return verdict("manifest", block=block, warn=[])
