"""The only place where the review stage makes tasks of packets, reviews and time: one instance a partition.

Theory of operation. Three topics of one key and partition count come in by three lanes over one store: `packets`,
`review-recorded`, and `evidence`, of which only the clocks are read (stubs on `packets` say all that a task needs, so
`packets-restricted` is not read). A fold hands its commit over before any other fold of the partition begins, and
commits keep that order: so what one lane has folded counts for the next from that moment on, and is held in memory
until the store has it (`Held`). Every row leaves with a record on `review-tasks`, in one transaction.

The clock is not kept: after a start it is known again as soon as every intake worker has spoken, and only alerts wait
for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from pydantic import ValidationError

from stream_app.core import cloud_events, due_index
from stream_app.core.clock import PartitionClock
from stream_app.core.events import ReviewRecorded
from stream_app.core.evidence_records import Clock, RecordError, read_record
from stream_app.core.packet import Packet
from stream_app.core.reviewing import Refused, Step, due_of, on_packet, on_review, on_time
from stream_app.core.reviews import ReviewTask
from stream_app.core.wire import WireError, read_json
from stream_app.pipeline import outputs
from stream_app.pipeline.intake import describe
from stream_app.pipeline.ports import NOTHING, Effects, Incoming, Outgoing, State
from stream_app.topics import EVIDENCE, PACKETS, REVIEW_RECORDED, REVIEW_TASKS

TASK = b"task:"
TOPICS: tuple[str, ...] = (PACKETS.name, REVIEW_RECORDED.name, EVIDENCE.name)
PORTION = 500
"""Tasks that fall due in one commit."""
_CLOCK_MARK = b'"record":"clock"'


class Held(State, Protocol):
    """Rows with what is folded and not stored yet."""

    def hold(self, rows: Mapping[bytes, bytes | None]) -> None:
        """These count from now on."""
        ...

    def let_go(self) -> None:
        """Forget those that are stored."""
        ...


class ReviewPartition:
    """One partition of tasks."""

    def __init__(self, rows: Held, max_hold: int) -> None:
        """`max_hold`: how long an unread input partition may hold back time, ms."""
        self._rows = rows
        self._max_hold = max_hold
        self._clock = PartitionClock()

    def fold(self, batch: Sequence[Incoming]) -> list[Effects]:
        """Fold records of one of TOPICS, in their order: one Effects each."""
        self._rows.let_go()
        done: list[Effects] = []
        for record in batch:
            effects = self._handle(record)
            done.append(effects)
            if effects.unfinished:
                break
        return done

    def _handle(self, record: Incoming) -> Effects:
        if record.topic == EVIDENCE.name:
            return self._time(record)
        if record.value is None:
            return NOTHING
        return self._packet(record) if record.topic == PACKETS.name else self._review(record)

    def _packet(self, record: Incoming) -> Effects:
        try:
            packet = Packet.from_dict(read_json(record.value or b""))
        except (WireError, ValidationError):
            letter = outputs.dead_letter(record, "review", "invalid_internal", "not a packet")
            return Effects(sends=(letter,))
        before = self._task(packet.canonical_call_id)
        step = on_packet(before, packet)
        return NOTHING if step is None else self._made(before, step, packet.sealed_at)

    def _review(self, record: Incoming) -> Effects:
        try:
            said = _review_of(record)
            before = self._task(said.canonical_call_id or "")
            step = on_review(before, said, record.timestamp_ms)
        except Refused as refused:
            letter = outputs.dead_letter(record, "review", "review_refused", str(refused))
            return Effects(sends=(letter,))
        return NOTHING if step is None else self._made(before, step, record.timestamp_ms)

    def _time(self, record: Incoming) -> Effects:
        if _CLOCK_MARK not in (record.value or b""):
            return NOTHING
        try:
            clock = read_record(record.value)
        except RecordError:
            return NOTHING  # The join refuses it.
        if isinstance(clock, Clock):
            self._clock.hear(clock, self._max_hold)
        now = self._clock.now
        if now is None:
            return NOTHING
        due = self._rows.scan(*due_index.bounds(0, now), PORTION)
        if not due:
            return NOTHING
        sends: list[Outgoing] = []
        rows: list[tuple[bytes, bytes | None]] = []
        local: list[tuple[bytes, bytes | None]] = []
        for key, _ in due:
            task = self._task(due_index.read_key(key)[1].decode())
            step = None if task is None else on_time(task, now)
            if step is not None:
                made = self._made(task, step, now)
                sends += made.sends
                rows += made.rows
                local += made.local
            self._rows.hold({key: None})  # Also an entry that no task says any more.
            local.append((key, None))
        return Effects(tuple(sends), tuple(rows), tuple(local), unfinished=len(due) == PORTION)

    def _task(self, call_id: str) -> ReviewTask | None:
        row = self._rows.get(TASK + call_id.encode())
        return None if row is None else ReviewTask.from_dict(read_json(row))

    def _made(self, before: ReviewTask | None, step: Step, at: int) -> Effects:
        """The changed task: its row, its place in the index of due times, its record and its alerts."""
        task, call = step.task, step.task.canonical_call_id.encode()
        row = task.to_bytes()
        local: dict[bytes, bytes | None] = {}
        if before is not None:
            local[due_index.entry_key(before.due_at, call)] = None
        local |= dict(local_rows(TASK + call, row))
        self._rows.hold({TASK + call: row, **local})
        told = outputs.public(
            REVIEW_TASKS.name,
            "review",
            key=call,
            value=row,
            event_id=f"{task.canonical_call_id}/{task.revision}",
            subject=task.canonical_call_id,
            time_ms=at,
        )
        alerts = (outputs.alert(one, "review", task.canonical_call_id) for one in step.alerts)
        return Effects(sends=(told, *alerts), rows=((TASK + call, row),), local=tuple(local.items()))


def local_rows(key: bytes, row: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """The local rows that follow from a row of the review's table: its entry in the index of due times."""
    if not key.startswith(TASK):
        return ()
    due = due_of(ReviewTask.from_dict(read_json(row)))
    return () if due is None else (due_index.entry(due, key[len(TASK) :]),)


def _review_of(record: Incoming) -> ReviewRecorded:
    try:
        said = ReviewRecorded.from_dict(cloud_events.parse(record.headers, record.value or b"").document)
    except WireError as error:
        raise Refused(f"not a readable event: {error.detail}") from None
    except ValidationError as error:
        raise Refused(describe(error)) from None
    if said.canonical_call_id is None or record.key != said.canonical_call_id.encode():
        raise Refused("the record's key and canonicalCallId must both be the call's ID: send it again so")
    return said
