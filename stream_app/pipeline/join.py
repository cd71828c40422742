"""The only place where the join stage turns folded calls into records to write: one instance an evidence partition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Raw
from pydantic import ValidationError

from stream_app.core import due_index, join
from stream_app.core.call_rows import read_call, write_call
from stream_app.core.calls import CallState
from stream_app.core.clock import PartitionClock
from stream_app.core.due_index import CALL_PREFIX, local_rows
from stream_app.core.evidence_records import TYPES, Activation, Clock, EventType, Heard, RecordError, read_record
from stream_app.core.identity_notices import is_notice
from stream_app.core.identity_records import PassingEvent
from stream_app.core.instants import format_instant
from stream_app.core.judgement import Outcome
from stream_app.core.open_calls import OpenCalls
from stream_app.core.ordering import Order
from stream_app.core.policy import Policy
from stream_app.core.source_alerts import SourceWatch
from stream_app.core.standing import View
from stream_app.core.wire import read_json, write_json
from stream_app.pipeline import outputs
from stream_app.pipeline.ports import NOTHING, Effects, Incoming, Outgoing, State
from stream_app.topics import EVIDENCE, SEAL_ORDERS

__all__ = ["Ended", "JoinPartition", "Observer", "local_rows"]

_POLICY = b"policy:"
_CLOCK = b"clock"
_SOURCES = b"sources"
_ACTIVE = b"active"
_OPEN = b"open"
PORTION = 1000
"""Calls that fall due in one commit: after an outage, or with a million calls of one moment, it may be very many."""

Row = tuple[bytes, bytes | None]
Ended = Literal["used", "duplicate", "conflict"]
Observer = Callable[[Mapping[tuple[EventType, Ended], int], Sequence[Order]], None]
"""Told of each batch: how many events of a type ended how; the orders that the passing of time made."""


class _Call:
    """A call while a batch is folded: its state, and what its row said before."""

    __slots__ = ("changed_by", "key", "state", "stored")

    def __init__(self, key: bytes, row: bytes | None) -> None:
        self.key = key
        """The call's ID."""
        self.stored: CallState | None = None if row is None else read_call(row)
        self.state = self.stored
        self.changed_by = -1
        """Index in the batch of the last record that changed it; -1: none did."""


class JoinPartition:
    """One partition of `evidence`: its clock, its policies, and its calls' rows, of which it keeps none in memory."""

    def __init__(
        self,
        partition: int,
        rows: State,
        default_policy: Policy,
        observe: Observer | None = None,
        portion: int = PORTION,
    ) -> None:
        self._rows = rows
        self._portion = portion
        self._suffix = f"/{partition}".encode()
        """Rows that every partition has carry its number, so that no cache can mix them up."""
        self._clock = PartitionClock()
        self._watch = SourceWatch()
        """Sources that have gone silent; every partition hears of them, the first one says so."""
        self._first = partition == 0
        self._policies: dict[str, Policy] = {default_policy.sha256: default_policy}
        self._active = default_policy
        self._scanned = 0
        """The index holds no call that is due before this time, ms."""
        self._reached: bytes | None = None
        """The last key of the index that was taken, while a move of the clock is taken in portions."""
        self._stale: list[bytes] = []
        """Entries of the index that no row says any more, to be deleted with the next rows."""
        self._open = OpenCalls()
        self._observe = observe

    def recover(self) -> None:
        """Read clock, counts and policies from the partition's rows; of calls nothing is read."""
        clock = self._rows.get(_CLOCK + self._suffix)
        if clock is not None:
            self._clock = PartitionClock.from_bytes(clock)
        self._watch = SourceWatch.from_bytes(self._rows.get(_SOURCES + self._suffix))
        counts = self._rows.get(_OPEN + self._suffix)
        if counts is not None:
            self._open = OpenCalls.from_bytes(counts)
        for _, row in self._rows.scan(_POLICY, _POLICY[:-1] + b";"):
            policy = Policy.from_dict(read_json(row))
            self._policies[policy.sha256] = policy
        active = self._rows.get(_ACTIVE + self._suffix)
        if active is not None:
            self._active = self._policies[active.decode()]

    @property
    def now(self) -> int | None:
        """The join's time in this partition, ms."""
        return self._clock.now

    def open_calls(self) -> tuple[int, int | None]:
        """How many calls wait for evidence before their deadline, and since when the oldest does, ms (to 10 s)."""
        return len(self._open), self._open.oldest()

    def handle(self, incoming: Incoming) -> Effects:
        """Fold one record of the `evidence` topic."""
        return self.fold((incoming,))[0]

    def fold(self, batch: Sequence[Incoming]) -> list[Effects]:
        """Fold records of the `evidence` topic, in their order: one Effects each.

        How records are cut into batches decides nothing but which of them carries a row: a row that several records
        touch goes with the last of them. A clock by which very many calls fall due ends the fold (`unfinished`).
        """
        return _Batch(self, batch).fold()

    def view(self) -> View:
        """What a call is judged by here and now."""
        clock = self._clock
        return View(clock.now, self._active, self._policies, clock.unread, self._watch.silent)


class _Batch:
    """One batch while it is folded."""

    def __init__(self, stage: JoinPartition, batch: Sequence[Incoming]) -> None:
        self._stage = stage
        self._batch = batch
        self._calls: dict[str, _Call] = {}
        self._sends: defaultdict[int, list[Outgoing]] = defaultdict(list)
        """Index in the batch -> what its record sends."""
        self._stage_rows: dict[bytes, tuple[int, bytes]] = {}
        self._opened_by = -1
        self._clocked_by = -1
        self._told: tuple[int, tuple[Row, ...]] | None = None
        """What an earlier clock record of the batch came to, and which: kept where a later one is not finished."""
        self._watched = False
        self._view = stage.view()
        self._counts: defaultdict[tuple[type, Ended], int] = defaultdict(int)
        self._fired: list[Order] = []

    def fold(self) -> list[Effects]:
        """The effects, one for each record."""
        records = [_read(incoming.value) for incoming in self._batch]
        self._load([record.call_id for record in records if type(record) is Heard])
        calls, counts, fold_event = self._calls, self._counts, join.fold_event
        for index, record in enumerate(records):
            if isinstance(record, Heard):
                call = calls[record.call_id]
                outcome = fold_event(call.state, record, self._view)
                ended = outcome.disposition
                if ended is None:
                    self._move(index, call, outcome)
                    continue
                if ended == "repeat":
                    continue
                if not is_notice(record.piece.topic):  # No producer's event.
                    counts[type(record.piece.statement), ended] += 1
                call.state, call.changed_by = outcome.state, index
                if outcome.orders or outcome.alerts:
                    self._say(index, outcome)
            elif isinstance(record, Clock):
                self._tick(index, record)
                if self._stage._reached is not None:
                    break
            elif isinstance(record, Activation):
                self._activate(index, record)
            else:
                self._refuse(index)
        effects = self._effects()
        if self._stage._observe and (counts or self._fired):
            told: dict[tuple[EventType, Ended], int] = {
                (TYPES[stated], ended): count for (stated, ended), count in counts.items()
            }
            self._stage._observe(told, self._fired)
        return effects

    def _move(self, index: int, call: _Call, outcome: Outcome) -> None:
        """The call is another one: what it has, or would get, goes on under that one's ID."""
        state = outcome.state
        assert state is not None
        assert state.merged_into is not None
        into = state.merged_into
        for piece in outcome.moved:
            passing = PassingEvent(
                piece.digest, Raw(piece.body), piece.position, format_instant(piece.received_at), piece.traceparent
            )
            self._sends[index].append(Outgoing(EVIDENCE.name, into.encode(), passing.resolved(into)))
        if state != call.state:
            call.state, call.changed_by = state, index
        self._say(index, outcome)

    def _load(self, call_ids: Iterable[str]) -> None:
        wanted = [call_id for call_id in dict.fromkeys(call_ids) if call_id not in self._calls]
        if not wanted:
            return
        keys = [call_id.encode() for call_id in wanted]
        rows = self._stage._rows.get_many([CALL_PREFIX + key for key in keys])
        for call_id, key, row in zip(wanted, keys, rows, strict=True):
            self._calls[call_id] = _Call(key, row)

    def _refuse(self, index: int) -> None:
        letter = outputs.dead_letter(self._batch[index], "join", "invalid_internal", "not an evidence record")
        self._sends[index].append(letter)

    def _tick(self, index: int, record: Clock) -> None:
        stage = self._stage
        if stage._reached is None:
            before = stage._clock.now
            told = None if self._clocked_by < 0 else (self._clocked_by, self._clock_rows())
            if not stage._clock.hear(record, stage._active.timing.max_hold):
                return
            self._clocked_by = index
            now = stage._clock.now
            if stage._watch.hear(record.last_record_at):
                self._watched = True
            if now is not None and now != before:
                self._hear_silence(index, now)
            self._view = stage.view()
            if now is None or now == before:
                return
            self._told = told
        else:  # The rest of what it set off, in the fold before.
            self._clocked_by = index
            self._watched = True
            now = stage._clock.now
            assert now is not None
        for call_id in self._due(now):
            call = self._calls[call_id]
            assert call.state is not None
            outcome = join.pass_time(call.state, self._view)
            self._fired += outcome.orders
            call.state, call.changed_by = outcome.state, index
            self._say(index, outcome)

    def _hear_silence(self, index: int, now: int) -> None:
        """Before any call is looked at: a source that is silent is one cause for all of them."""
        stage = self._stage
        timing = stage._active.timing
        # The first call that misses it would be stuck at the first soft threshold.
        silent_after = (timing.soft[0] if timing.soft else timing.deadline) // 2
        for alert in stage._watch.judge(now, stage._clock.unread, silent_after):
            self._watched = True
            if stage._first:
                self._sends[index].append(outputs.alert(alert, "join", alert.alert_id.split("/")[0]))

    def _due(self, now: int) -> list[str]:
        """Calls whose time has come, earliest first, equal times by call ID: the same in every run, and in portions.

        Behind a whole portion there may be more: `_reached` says up to where it went.
        """
        stage = self._stage
        first, last = due_index.bounds(stage._scanned, now)
        if stage._reached is not None:
            first = stage._reached + b"\0"
        found = stage._rows.scan(first, last, stage._portion)
        if len(found) < stage._portion:
            stage._reached, stage._scanned = None, now + 1
        else:
            stage._reached = last = found[-1][0]
        indexed = [due_index.read_key(key) for key, _ in found]
        self._load([call_id.decode() for _, call_id in indexed])
        for due, call_id in indexed:
            stored = self._calls[call_id.decode()].stored
            if stored is None or stored.due != due:
                stage._stale.append(due_index.entry_key(due, call_id))
        ripe = []
        for name, call in self._calls.items():
            due_at = None if call.state is None else call.state.due
            if due_at is not None and due_at <= now:
                key = due_index.entry_key(due_at, call.key)
                if key <= last:
                    ripe.append((key, name))
        return [name for _, name in sorted(ripe)]

    def _activate(self, index: int, record: Activation) -> None:
        try:
            policy = Policy.from_dict(record.policy)
        except ValidationError:
            self._refuse(index)
            return
        stage = self._stage
        stage._policies[policy.sha256] = policy
        stage._active = policy
        self._view = stage.view()
        key = _POLICY + policy.sha256.encode() + stage._suffix
        self._stage_rows[key] = (index, write_json(policy.to_dict()))
        self._stage_rows[_ACTIVE + stage._suffix] = (index, policy.sha256.encode())

    def _say(self, index: int, outcome: Outcome) -> None:
        for order in outcome.orders:
            self._sends[index].append(Outgoing(SEAL_ORDERS.name, order.call_id.encode(), order.to_bytes()))
        for alert in outcome.alerts:
            assert alert.canonical_call_id is not None
            self._sends[index].append(outputs.alert(alert, "join", alert.canonical_call_id))

    def _effects(self) -> list[Effects]:
        """Every row once, with the last record that changed it."""
        rows: dict[int, list[Row]] = {}
        local: dict[int, list[Row]] = {}
        move = self._stage._open.move
        for call in self._calls.values():
            index = call.changed_by
            if index < 0:
                continue
            state, stored, key = call.state, call.stored, call.key
            if state == stored:
                continue
            if state is None:
                row = due = since = None
            else:
                row, due, since = write_call(state), state.due, state.open_since
            rows.setdefault(index, []).append((CALL_PREFIX + key, row))
            was, had = (None, None) if stored is None else (stored.due, stored.open_since)
            if due != was:
                moved = local.setdefault(index, [])
                if was is not None:
                    moved.append((due_index.entry_key(was, key), None))
                if due is not None:
                    moved.append(due_index.entry(due, key))
            if since != had and move(had, since):
                self._opened_by = max(self._opened_by, index)
        for key, (index, value) in self._stage_rows.items():
            rows.setdefault(index, []).append((key, value))
        if self._opened_by >= 0:
            counts = self._stage._open.to_bytes()
            rows.setdefault(self._opened_by, []).append((_OPEN + self._stage._suffix, counts))
        unfinished = self._stage._reached is not None
        # The clock of an unfinished record is not durable before its end: after a fault it must set off the rest.
        if not unfinished and self._clocked_by >= 0:
            rows.setdefault(self._clocked_by, []).extend(self._clock_rows())
        elif unfinished and self._told is not None:
            rows.setdefault(self._told[0], []).extend(self._told[1])
        if rows and self._stage._stale:  # Tidying up is worth no commit of its own.
            local.setdefault(next(iter(rows)), []).extend((key, None) for key in self._stage._stale)
            self._stage._stale = []
        count = self._clocked_by + 1 if unfinished else len(self._batch)
        effects = [NOTHING] * count
        for index in {*self._sends, *rows, *((count - 1,) if unfinished else ())}:
            effects[index] = Effects(
                tuple(self._sends.get(index, ())),
                tuple(rows.get(index, ())),
                tuple(local.get(index, ())),
                unfinished=unfinished and index == count - 1,
            )
        return effects

    def _clock_rows(self) -> tuple[Row, ...]:
        stage = self._stage
        clock = (_CLOCK + stage._suffix, stage._clock.to_bytes())
        return (clock, (_SOURCES + stage._suffix, stage._watch.to_bytes())) if self._watched else (clock,)


def _read(value: bytes | None) -> Heard | Clock | Activation | None:
    try:
        return read_record(value)
    except RecordError:
        return None
