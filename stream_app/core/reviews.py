"""The only place for what a review is: the task, and the decisions about it."""

from __future__ import annotations

from typing import Literal

from stream_app.core.instants import Instant
from stream_app.core.model import Identifier, Model
from stream_app.core.orders import Priority, SelectionReason
from stream_app.core.packet import ReviewStatus


class Decision(Model):
    """What a reviewer decided about one version; never deleted, `stale` once there is a later version."""

    event_id: Identifier
    reviewer: str
    outcome: str
    """One of the policy's outcomes, or `ignored`."""
    version: int
    manifest_hash: str
    at: Instant
    note: str | None = None
    stale: bool = False


class ReviewTask(Model):
    """Current state of one call's review; the topic is compacted, so this is all there is to know."""

    schema_version: Literal[1] = 1
    canonical_call_id: Identifier
    version: int
    status: ReviewStatus
    owner: str
    """The team whose turn it is; `compliance` where a reviewer has handed it on."""
    priority: Priority
    due_at: Instant
    outcome: str | None = None
    """The decision that stands for this version."""
    manifest_hash: str
    selection_reason: SelectionReason | None = None
    allowed_outcomes: tuple[str, ...] = ()
    sla_ms: int = 0
    """From sealing to due, of the policy row; a task that is handed on is due as long after that."""
    for_compliance: bool = False
    assignee: str | None = None
    lease_until: Instant | None = None
    """From then on, by the broker's time of a later record, anybody may take the task."""
    revision: int = 1
    """Rises with every change."""
    decisions: tuple[Decision, ...] = ()
    firing: tuple[str, ...] = ()
    """Kinds of alerts that are out."""
    last_event_id: Identifier | None = None
    """The `review-recorded` that made the last change, where one did."""
