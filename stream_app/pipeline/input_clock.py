"""The only place where intake works out how far it has read, in broker time.

For each input partition: note a broker time T, then the end offset; once everything before that end is confirmed
downstream, everything the broker appended before T is. T is the append time of a record that was written before the
end was noted, so no worker's own clock is involved.
"""

from __future__ import annotations

from collections import deque

from stream_app.core.evidence import ClockRecord

MAX_PENDING = 64
"""Statements that wait per partition; a partition that stands still needs no more."""


class InputClock:
    """How far the owned input partitions are read; keys are `topic/partition`, times ms of broker time."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._pending: dict[str, deque[tuple[int, int]]] = {}
        self._marks: dict[str, int] = {}
        self._last: dict[str, int] = {}

    def own(self, sources: set[str]) -> None:
        """Partitions that this worker owns from now on; statements about others are forgotten."""
        self._pending = {source: self._pending.get(source, deque()) for source in sources}
        self._marks = {source: ms for source, ms in self._marks.items() if source in sources}

    def note(self, appended_at: int, ends: dict[str, int]) -> None:
        """The broker time `appended_at` was read before the end offsets `ends` were."""
        for source, end in ends.items():
            waiting = self._pending.get(source)
            if waiting is not None and len(waiting) < MAX_PENDING:
                waiting.append((end, appended_at))

    def confirm(self, source: str, upto: int) -> None:
        """Every record of the partition below offset `upto` is confirmed downstream."""
        waiting = self._pending.get(source)
        while waiting and waiting[0][0] <= upto:
            _, appended_at = waiting.popleft()
            self._marks[source] = max(appended_at, self._marks.get(source, appended_at))

    def saw(self, topic: str, appended_at: int) -> None:
        """A record of the topic that was appended at this time was read, ms."""
        self._last[topic] = max(appended_at, self._last.get(topic, appended_at))

    def record(self, sources: dict[str, int], vias: int) -> ClockRecord:
        """The statement to write now; `sources` are all input topics with their partition counts."""
        return ClockRecord(
            worker=self._worker,
            read_up_to=dict(self._marks),
            sources=sources,
            vias=vias,
            last_record_at=dict(self._last),
        )
