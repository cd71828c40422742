"""The only place for the review gate: somebody owns the packet, and knows what the outcome may be."""

from __future__ import annotations

from stream_app.core.gates.subject import Subject, verdict
from stream_app.core.packet import GateResult

RULES = (
    "block: no owner, no outcome to choose from, or due before it is sealed",
    "warn: a reviewer cannot choose one of the four outcomes",
)
OUTCOMES = ("no_issue", "bug", "promote_to_regression", "needs_compliance_review")
"""What a reviewer must be able to say of any packet."""


def check(subject: Subject) -> GateResult:
    """Blocks a packet that nobody reviews or that has no outcome to choose; warns where a usual outcome is left out."""
    review = subject.order.review
    block = [] if review.owner.strip() else ["the packet has no owner"]
    if review.sla_ms <= 0:
        block.append("the review is due before the packet is sealed")
    if not review.allowed_outcomes:
        block.append("the review has no outcome to choose from")
    absent = [outcome for outcome in OUTCOMES if outcome not in review.allowed_outcomes]
    warn = [f"the reviewer cannot choose {outcome}" for outcome in absent] if review.allowed_outcomes else []
    return verdict("review", block=block, warn=warn)
