"""The only place for the trace gate: can an engineer open the call's spans?"""

from __future__ import annotations

from stream_app.core.gates.subject import Subject, absence, verdict
from stream_app.core.identities import TRACE_SCHEME
from stream_app.core.packet import GateResult

ENGINEERING = "engineering"


def check(subject: Subject) -> GateResult:
    """Blocks where a required trace is absent and unnamed; warns where it is named, or engineers get no trace ID."""
    block: list[str] = []
    warn: list[str] = []
    if subject.facts.primary("trace") is None:
        block, warn = absence(subject, "trace")
    review = subject.order.review
    engineers = ENGINEERING in (review.owner, *review.reviewers)
    if engineers and TRACE_SCHEME not in subject.order.aliases and not block:
        warn.append("no trace ID is known, and engineers are to review the call")
    return verdict("trace", block=block, warn=warn)
