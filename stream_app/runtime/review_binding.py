"""The only place where the review stage is bound to its topics, its table and its lanes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from stream_app.core.policy import Policy
from stream_app.pipeline import review
from stream_app.pipeline.ports import Effects, Incoming
from stream_app.runtime import instruments
from stream_app.runtime.durable import Durable
from stream_app.runtime.host import AnyLane, Binding, Host
from stream_app.runtime.lane import Lane
from stream_app.runtime.pending_rows import PendingRows
from stream_app.runtime.tables import TablePartition
from stream_app.settings import StageName
from stream_app.telemetry import Telemetry


class ReviewBinding(Binding):
    """`packets`, `review-recorded`, clocks of `evidence` -> `review-tasks`, alerts, dead letters; rows by call."""

    stage: ClassVar[StageName] = "review"
    topics: tuple[str, ...] = review.TOPICS
    table: ClassVar[str | None] = "review"

    def __init__(self, telemetry: Telemetry, policy: Policy) -> None:
        self._telemetry = telemetry
        self._policy = policy
        self._partitions: dict[int, tuple[TablePartition, review.ReviewPartition]] = {}

    def open(self, host: Host, topic: str, partition: int, durable: Durable, rows: TablePartition | None) -> AnyLane:
        """A lane; those of one partition fold by one stage, over one view of its rows."""
        assert rows is not None
        known = self._partitions.get(partition)
        if known is None or known[0] is not rows:
            stage = review.ReviewPartition(PendingRows(rows), self._policy.timing.max_hold)
            known = self._partitions[partition] = (rows, stage)
        fold = known[1].fold

        def counted(batch: Sequence[Incoming]) -> Sequence[Effects]:
            effects = fold(batch)
            instruments.count(self._telemetry.recorder, "review", effects)
            return effects

        return Lane(f"{topic}/{partition}", counted, durable, host.fail, rows=PendingRows(rows))

    def local_rows(self, key: bytes, row: bytes) -> tuple[tuple[bytes, bytes], ...]:
        """The index of due times."""
        return review.local_rows(key, row)

    def closed(self, topic: str, partition: int) -> None:
        """Its rows are the next owner's."""
        self._partitions.pop(partition, None)
