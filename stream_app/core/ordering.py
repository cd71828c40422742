"""The only place where a judged call becomes a seal order: exactly this evidence, for this reason, as version n."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from stream_app.core.calls import CallState, Piece, aliases_of_items, packet_order, stated_end
from stream_app.core.evidence import Kind
from stream_app.core.gate_rows import GateRow, strictness_of
from stream_app.core.identity_records import Place
from stream_app.core.instants import format_instant
from stream_app.core.orders import (
    CompletedBy,
    Conflict,
    Missing,
    PolicyRef,
    ReviewTerms,
    SealOrder,
    Selection,
    Supersedes,
)
from stream_app.core.policy import ReasonRow
from stream_app.core.selection import Hit
from stream_app.core.standing import Standing
from stream_app.core.tool_rules import ToolRules
from stream_app.core.wire import read_json, write_json


class Order(msgspec.Struct, frozen=True, gc=False):
    """A `SealOrder` as the join makes it: what it says is written once, and no model is made of it on the way."""

    call_id: str
    version: int
    supersedes: Supersedes | None
    completed_by: CompletedBy
    decided_at: int
    """Latest clamped `occurredAt` of the evidence, or at a deadline its due time, ms."""
    ended_at: int
    hits: tuple[Hit, ...]
    """The reasons, the highest first."""
    required: tuple[Kind, ...]
    policy_version: str
    policy_sha256: str
    missing: tuple[Missing, ...]
    unread_sources: tuple[str, ...]
    conflicts: tuple[Conflict, ...]
    items: tuple[Piece, ...]
    """In packet order."""
    tool_rules: ToolRules | None = None
    gates: tuple[GateRow, ...] = ()
    """What the policy says of gates."""

    def to_bytes(self) -> bytes:
        """The record: `SealOrder.to_bytes`, to the byte."""
        aliases, further = aliases_of_items(self.items)
        return _ENCODER.encode(
            _OrderRecord(
                aliases,
                self.call_id,
                self.completed_by,
                [] if not self.conflicts else _raw([conflict.to_dict() for conflict in self.conflicts]),
                format_instant(self.decided_at),
                format_instant(self.ended_at),
                further,
                [_item(piece) for piece in self.items],
                [] if not self.missing else _raw([gap.to_dict() for gap in self.missing]),
                f"{self.call_id}/{self.version}",
                _policy(self.policy_version, self.policy_sha256),
                _review(self.policy_sha256, self.hits[0].row, self.required, self.gates),
                1,
                _selection(self.policy_sha256, self.hits),
                None if self.supersedes is None else _raw(self.supersedes.to_dict()),
                msgspec.UNSET if self.tool_rules is None else _raw(self.tool_rules.to_dict()),
                self.unread_sources,
                self.version,
            )
        )

    def model(self) -> SealOrder:
        """The order as its readers have it."""
        return SealOrder.from_dict(read_json(self.to_bytes()))


class _ItemRecord(msgspec.Struct, rename="camel", gc=False):
    """Fields in the order of their names, as in all our records; so too below."""

    digest: str
    event: msgspec.Raw
    event_id: str
    kind: Kind
    occurred_at: str
    position: Place
    received_at: str
    skewed: bool
    traceparent: str | None


class _OrderRecord(msgspec.Struct, rename="camel", gc=False):
    aliases: dict[str, str]
    canonical_call_id: str
    completed_by: str
    conflicts: msgspec.Raw | list[Any]
    decided_at: str
    ended_at: str
    further_aliases: dict[str, tuple[str, ...]]
    items: list[_ItemRecord]
    missing: msgspec.Raw | list[Any]
    order_id: str
    policy: msgspec.Raw
    review: msgspec.Raw
    schema_version: int
    selection: msgspec.Raw
    supersedes: msgspec.Raw | None
    tool_rules: msgspec.Raw | msgspec.UnsetType
    unread_sources: tuple[str, ...]
    version: int


_ENCODER = msgspec.json.Encoder()


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(write_json(value))


def _item(piece: Piece) -> _ItemRecord:
    return _ItemRecord(
        piece.digest,
        msgspec.Raw(piece.body),
        piece.event_id,
        piece.kind,
        format_instant(piece.occurred_at),
        piece.position,
        format_instant(piece.received_at),
        piece.skewed,
        piece.traceparent,
    )


_REVIEWS: dict[tuple[str, str, tuple[Kind, ...]], msgspec.Raw] = {}
_MOST = 1024
"""Texts remembered of each sort; there are as many as there are reasons and strata."""


def _review(policy_sha256: str, row: ReasonRow, required: tuple[Kind, ...], gates: tuple[GateRow, ...]) -> msgspec.Raw:
    """The terms of review; they are the same for every call of a reason that requires the same."""
    key = (policy_sha256, row.reason, required)
    written = _REVIEWS.get(key)
    if written is None:
        terms = ReviewTerms(
            owner=row.owner,
            reviewers=row.reviewers,
            sla_ms=row.sla,
            allowed_outcomes=row.allowed_outcomes,
            retention_class=row.retention_class,
            export_level=row.export_level,
            required=required,
            gates=strictness_of(gates, row.reason, row.export_level),
        )
        if len(_REVIEWS) >= _MOST:
            _REVIEWS.clear()
        written = _REVIEWS[key] = _raw(terms.to_dict())
    return written


@lru_cache(maxsize=64)
def _policy(version: str, sha256: str) -> msgspec.Raw:
    return _raw(PolicyRef(version=version, sha256=sha256).to_dict())


_SELECTIONS: dict[tuple[object, ...], msgspec.Raw] = {}


def _selection(policy_sha256: str, hits: tuple[Hit, ...]) -> msgspec.Raw:
    """The reasons; many calls have the same, samples of one stratum included."""
    key = (
        policy_sha256,
        *[
            (
                hit.row.reason,
                hit.trigger,
                hit.inclusion_probability,
                tuple(hit.stratum.items()) if hit.stratum else None,
            )
            for hit in hits
        ],
    )
    written = _SELECTIONS.get(key)
    if written is None:
        if len(_SELECTIONS) >= _MOST:
            _SELECTIONS.clear()
        written = _SELECTIONS[key] = _raw(_selection_of(hits).to_dict())
    return written


def _selection_of(hits: tuple[Hit, ...]) -> Selection:
    highest, *others = hits
    # Statistics need the sample's probability also where a stronger reason stands before it.
    sampled = next((hit for hit in hits if hit.inclusion_probability is not None), None)
    return Selection(
        reason=highest.row.reason,
        other_reasons=tuple(hit.row.reason for hit in others),
        priority=highest.row.priority,
        trigger=highest.trigger,
        inclusion_probability=sampled.inclusion_probability if sampled else None,
        stratum=dict(sampled.stratum) if sampled and sampled.stratum else None,
    )


def order_of(
    state: CallState,
    standing: Standing,
    completed_by: CompletedBy,
    due: int | None,
    unread: tuple[str, ...],
) -> Order:
    """The order for the next version. `due` is the deadline that passed, ms; None when evidence completed the call."""
    items = packet_order(state.items)
    latest = max([item.occurred_at for item in items])
    return Order(
        call_id=state.call_id,
        version=state.version + 1,
        supersedes=_supersedes(state, standing),
        completed_by=completed_by,
        decided_at=latest if due is None else max(latest, due),
        ended_at=_end(standing, due),
        hits=standing.hits,
        required=standing.required,
        policy_version=standing.policy.version,
        policy_sha256=standing.policy.sha256,
        missing=standing.missing,
        unread_sources=() if completed_by == "all_evidence" else unread,
        conflicts=state.conflicts,
        items=items,
        tool_rules=standing.policy.tool_rules,
        gates=standing.policy.gates,
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
