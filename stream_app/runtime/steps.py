"""The only place that names the steps at which a stage may be interrupted: what the chaos harness kills and freezes at.

In production `reached` does nothing. The harness starts a stage through an entry point of its own, which sets `watch`
before the stage begins: no setting and no environment variable of the product can.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

Step = Literal[
    "folded",
    "before-transaction",
    "in-transaction",
    "committed",
    "stored",
    "before-ack",
    "fencing",
    "replaying",
    "manifest-stored",
]
"""In the order in which a record meets them; the last is between the object store and the packet."""

STEPS: tuple[Step, ...] = (
    "folded", "before-transaction", "in-transaction", "committed", "stored", "before-ack", "fencing", "replaying",
    "manifest-stored",
)  # fmt: skip

watch: Callable[[Step], None] | None = None


def reached(step: Step) -> None:
    """The stage has come to this step."""
    if watch is not None:
        watch(step)
