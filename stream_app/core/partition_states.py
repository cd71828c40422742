"""The only place for the records that pause an input partition and let it go on."""

from __future__ import annotations

from typing import Literal

from stream_app.core.instants import Instant
from stream_app.core.model import Model


class PartitionState(Model):
    """Whether an input partition is read; the last record of its key (`topic/partition`) counts."""

    schema_version: Literal[1] = 1
    source: str
    """`topic/partition`, without prefix."""
    state: Literal["paused", "running"]
    at: Instant
    """When it was said, by the clock of who said it."""
    by: Literal["limit", "operator"]
    reason: str
    offset: int | None = None
    """First record that was not taken any more, where a limit paused it."""
