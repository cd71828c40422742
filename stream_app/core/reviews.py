"""The only place for what follows a packet: the review task (its stage comes later)."""

from __future__ import annotations

from typing import Literal

from stream_app.core.instants import Instant
from stream_app.core.model import Identifier, Model
from stream_app.core.orders import Priority
from stream_app.core.packet import ReviewStatus


class ReviewTask(Model):
    """Current state of one call's review; the topic is compacted, so this is all there is to know."""

    schema_version: Literal[1] = 1
    canonical_call_id: Identifier
    version: int
    status: ReviewStatus
    owner: str
    priority: Priority
    due_at: Instant
    outcome: str | None = None
    manifest_hash: str
