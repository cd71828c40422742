"""The only place for the trace gate: can an engineer open the call's spans?"""

from __future__ import annotations

from stream_app.core.gates.subject import Subject, absence, verdict
from stream_app.core.identities import TRACE_SCHEME
from stream_app.core.packet import GateResult

RULES = (
    "block: a required trace is absent, could not be opened, and is not named; warn: it is named in missing[]",
    "block: trace-completed tells of another trace than the call names",
    "warn: engineers are to review the call, and no trace ID is known",
)
ENGINEERING = "engineering"


def check(subject: Subject) -> GateResult:
    """Blocks where a required trace is absent and unnamed; warns where it is named, or engineers get no trace ID."""
    block: list[str] = []
    warn: list[str] = []
    if subject.facts.primary("trace") is None:
        if subject.artifact("trace") is not None:  # Opened in the trace backend: there is proof that it can be.
            return verdict("trace", block=block, warn=warn)
        block, warn = absence(subject, "trace")
    else:
        block += _other_traces(subject)
    review = subject.order.review
    engineers = ENGINEERING in (review.owner, *review.reviewers)
    if engineers and TRACE_SCHEME not in subject.order.aliases and not block:
        warn.append("no trace ID is known, and engineers are to review the call")
    return verdict("trace", block=block, warn=warn)


def _other_traces(subject: Subject) -> list[str]:
    """A summary proves the call's trace when it tells of one that the call's names lead to."""
    order = subject.order
    known = {order.aliases.get(TRACE_SCHEME), *order.further_aliases.get(TRACE_SCHEME, ())} - {None}
    told = {item.event.get("traceId") for item in order.items if item.kind == "trace"} - {None}
    if known and told and not known & told:
        return ["trace-completed tells of another trace than the call names"]
    return []
