"""The only place where a judged call becomes a seal order: exactly this evidence, for this reason, as version n."""

from __future__ import annotations

from stream_app.core.calls import CallState, aliases_of_items, packet_order, stated_end
from stream_app.core.orders import (
    CompletedBy,
    PolicyRef,
    ReviewTerms,
    SealOrder,
    Selection,
    Supersedes,
)
from stream_app.core.standing import Standing


def order_of(
    state: CallState,
    standing: Standing,
    completed_by: CompletedBy,
    due: int | None,
    unread: tuple[str, ...],
) -> SealOrder:
    """The order for the next version. `due` is the deadline that passed, ms; None when evidence completed the call."""
    highest, *others = standing.hits
    items = packet_order(state.items)
    aliases, further = aliases_of_items(items)
    latest = max(item.occurred_at for item in items)
    row = highest.row
    # Statistics need the sample's probability also where a stronger reason stands before it.
    sampled = next((hit for hit in standing.hits if hit.inclusion_probability is not None), None)
    return SealOrder(
        order_id=f"{state.call_id}/{state.version + 1}",
        canonical_call_id=state.call_id,
        version=state.version + 1,
        supersedes=_supersedes(state, standing),
        completed_by=completed_by,
        decided_at=latest if due is None else max(latest, due),
        ended_at=_end(standing, due),
        aliases=aliases,
        further_aliases=further,
        selection=Selection(
            reason=row.reason,
            other_reasons=tuple(hit.row.reason for hit in others),
            priority=row.priority,
            trigger=highest.trigger,
            inclusion_probability=sampled.inclusion_probability if sampled else None,
            stratum=dict(sampled.stratum) if sampled and sampled.stratum else None,
        ),
        review=ReviewTerms(
            owner=row.owner,
            reviewers=row.reviewers,
            sla_ms=row.sla,
            allowed_outcomes=row.allowed_outcomes,
            retention_class=row.retention_class,
            export_level=row.export_level,
            required=standing.required,
        ),
        policy=PolicyRef(version=standing.policy.version, sha256=standing.policy.sha256),
        missing=standing.missing,
        unread_sources=() if completed_by == "all_evidence" else unread,
        conflicts=state.conflicts,
        items=items,
    )


def _end(standing: Standing, due: int | None) -> int:
    if standing.call is not None:
        return stated_end(standing.call, standing.policy.timing.skew_ahead)
    return standing.anchor if standing.anchor is not None else due or 0


def _supersedes(state: CallState, standing: Standing) -> Supersedes | None:
    if not state.version:
        return None
    if state.changed_by_conflict:
        return Supersedes(version=state.version, reason="conflict")
    strength = [row.reason for row in standing.policy.reasons]
    before = state.ordered_reason
    if before is not None and strength.index(standing.hits[0].row.reason) < strength.index(before):
        return Supersedes(version=state.version, reason="higher_reason")
    return Supersedes(version=state.version, reason="late_evidence")
