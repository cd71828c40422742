"""The only place for the identity gate: does one canonical call ID stand for all of this evidence?"""

from __future__ import annotations

from collections.abc import Iterable

from stream_app.core.calls import Evidence
from stream_app.core.gates.subject import Subject, absence, verdict
from stream_app.core.packet import GateResult
from stream_app.core.statements import DisputeStated, SettledStated

RULES = (
    "block: one event ID came with different contents",
    "block: another call claims an alias, and no operator has said whose it is",
    "block: call-ended is absent and not named; warn: it is named in missing[]",
    "warn: no provider alias, or no agent version",
)


def check(subject: Subject) -> GateResult:
    """Blocks on conflicting contents of one event ID and on names that another call claims; warns where the call's own
    record, names or version lack."""
    order = subject.order
    block = [
        f"event {conflict.event_id} came with {len(conflict.digests)} different contents"
        for conflict in order.conflicts
    ]
    block += [
        f"{alias} is claimed by several calls, until an operator says whose it is"
        for alias in disputed_aliases(order.items)
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


def disputed_aliases(items: Iterable[Evidence]) -> list[str]:
    """Aliases of the call that another one claims too, as far as no operator has said whose they are since."""
    latest: dict[str, tuple[int, bool]] = {}
    for item in items:
        said = item.statement
        if isinstance(said, DisputeStated | SettledStated):
            word = (item.occurred_at, isinstance(said, SettledStated))
            latest[said.alias] = max(latest.get(said.alias, word), word)
    return sorted(alias for alias, (_, settled) in latest.items() if not settled)
