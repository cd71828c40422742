"""The only place for the join's sense of time: the minimum over all inputs of how far each was read.

Theory of operation. Intake workers say, for each input partition they own, a broker time T before which everything is
confirmed downstream. The statement travels through every identity partition, which passes it on only behind the
evidence it read before. The join's time is the smallest T over (identity partition, input partition). A worker that
dies, a topic that is silent or days of downtime hold it back; nothing moves it ahead of the evidence. A source that
stays behind the freshest one by more than `max_hold` is left out of the minimum, and named.
"""

from __future__ import annotations

from pydantic import Field

from stream_app.core.evidence import ClockRecord
from stream_app.core.model import Model


class PartitionClock(Model):
    """What one evidence partition knows of time. `marks` maps `via|topic/partition` to ms of broker time."""

    marks: dict[str, int] = Field(default_factory=dict)
    sources: dict[str, int] = Field(default_factory=dict)
    vias: int = 0
    began: int | None = None
    """The freshest time in the first clock record: what sources that never reported are held to."""
    now: int | None = None
    """The join's time, ms; never goes back; None until every source was heard or given up."""
    unread: tuple[str, ...] = ()
    """Sources (`topic/partition`) that `max_hold` has given up on, for now."""


def advance(clock: PartitionClock, record: ClockRecord, max_hold: int) -> PartitionClock:
    """The clock after one record. Times only grow, so a repeated or overtaken record changes nothing."""
    if record.via is None or not record.read_up_to:
        return clock
    marks = dict(clock.marks)
    for source, ms in record.read_up_to.items():
        key = f"{record.via}|{source}"
        marks[key] = max(ms, marks.get(key, ms))
    began = clock.began if clock.began is not None else max(record.read_up_to.values())
    sources = {**clock.sources, **record.sources}
    vias = max(clock.vias, record.vias)
    newest = max(marks.values())
    slowest: dict[str, int] = {}
    for topic, partitions in sources.items():
        for partition in range(partitions):
            source = f"{topic}/{partition}"
            slowest[source] = min(marks.get(f"{via}|{source}", began) for via in range(vias))
    unread = tuple(sorted(source for source, ms in slowest.items() if ms < newest - max_hold))
    heard = all(f"{via}|{source}" in marks for source in slowest if source not in unread for via in range(vias))
    counted = [ms for source, ms in slowest.items() if source not in unread]
    now = clock.now
    if heard and counted:
        now = min(counted) if now is None else max(now, min(counted))
    return PartitionClock(marks=marks, sources=sources, vias=vias, began=began, now=now, unread=unread)
