"""The only place for the identity gate: does one canonical call ID stand for all of this evidence?"""

from __future__ import annotations

from stream_app.core.gates.subject import Subject, absence, verdict
from stream_app.core.packet import GateResult


def check(subject: Subject) -> GateResult:
    """Blocks on conflicting contents of one event ID; warns where the call's own record, names or version lack."""
    order = subject.order
    block = [
        f"event {conflict.event_id} came with {len(conflict.digests)} different contents"
        for conflict in order.conflicts
    ]
    call = subject.facts.primary("call")
    warn: list[str] = []
    if call is None:
        blocking, warn = absence(subject, "call")
        block += blocking
    elif not call.event.get("agentVersion"):
        warn.append("call-ended does not say which agent version ran")
    if not order.aliases:
        warn.append("no provider alias is known: source systems cannot be searched for this call")
    return verdict("identity", block=block, warn=warn)
