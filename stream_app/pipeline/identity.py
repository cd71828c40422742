"""The only place where the identity stage turns folded aliases into records to write: one instance a partition.

A batch is folded over the rows as they were when it began; what the batch itself has changed lies over them until it is
folded (`Held`). A row that several records change is written once, with the last of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from stream_app.core import accounts, identity
from stream_app.core.alias_rows import (
    EXPIRE,
    MINT,
    ORPHAN,
    PARKED,
    Due,
    DueKind,
    index_bounds,
    index_key,
    index_row,
    read_index_key,
    write_row,
)
from stream_app.core.clock import PartitionClock
from stream_app.core.evidence import ClockRecord
from stream_app.core.identities import Ranking
from stream_app.core.identity import Alias, Context, Resolution
from stream_app.core.identity_alerts import alerts_of, orphan_alert
from stream_app.core.identity_records import (
    AnyRecord,
    CandidatesRecord,
    ClockOnward,
    HopDoneRecord,
    LinkRecord,
    ParkRecord,
    PassingEvent,
    RecordError,
    read_record,
)
from stream_app.core.instants import LATEST_MS
from stream_app.core.policy import Policy
from stream_app.pipeline import outputs
from stream_app.pipeline.account_book import AccountBook, accounted
from stream_app.pipeline.identity_batch import Done, Held
from stream_app.pipeline.ports import Effects, Headers, Incoming, Outgoing, State
from stream_app.telemetry.propagation import TRACEPARENT
from stream_app.topics import EVIDENCE, IDENTITY

_WAITS: tuple[DueKind, ...] = (ORPHAN, MINT)
"""What an alias is due for while events wait at it for their first time."""


class IdentityPartition:
    """One partition of the `identity` topic with its rows (`scheme:value` -> Alias)."""

    def __init__(self, partition: int, partitions: int, rows: State, policy: Policy) -> None:
        self._partition = partition
        self._partitions = partitions
        self._rows = rows
        self._orphan = policy.timing.orphan
        self._mint_delay = policy.timing.mint_delay
        self._ranking = Ranking(policy.identity.precedence)
        self._max_hold = policy.timing.max_hold
        self._horizon = max(policy.timing.retention, policy.timing.late_horizon)
        """How long an alias is remembered after its last use, at least, ms."""
        self._life = self._horizon + self._horizon // 2
        """What a use gives it: half as much again, so that a row is written only once in a while."""
        self._accounts = AccountBook(rows, policy.timing, self._horizon)
        self._clock = PartitionClock()
        self._looked = 0
        """The index holds nothing that is due before this time, ms."""
        self._waiting = 0
        self._held: dict[str, Held] = {}

    def recover(self) -> None:
        """Count what waits; of aliases nothing is kept in memory."""
        self._looked = 0
        self._waiting = sum(len(self._due(kind, 0, LATEST_MS)) for kind in _WAITS)
        self._held = {}

    def parked(self) -> int:
        """Aliases with parked events that are not orphans yet."""
        return self._waiting

    def handle(self, incoming: Incoming) -> Effects:
        """Fold one record of the `identity` topic."""
        return self.fold([incoming])[0]

    def fold(self, batch: Sequence[Incoming]) -> list[Effects]:
        """Fold records of the `identity` topic, in their order; one Effects each."""
        records = [_read(incoming) for incoming in batch]
        self._hold(one.alias for one in records if isinstance(one, ParkRecord | LinkRecord | CandidatesRecord))
        done: list[Done | Effects] = []
        for index, record in enumerate(records):
            incoming = batch[index]
            if isinstance(record, ParkRecord):
                passed = self._passed(record)
                done.append(self._park(index, record, incoming) if passed is None else passed)
            elif isinstance(record, LinkRecord):
                done.append(self._link(index, record, incoming))
            elif isinstance(record, HopDoneRecord):
                done.append(Effects(receipts=(record.hop_id,)))
            elif isinstance(record, ClockOnward):
                done.append(self._pass_on(index, record))
            elif isinstance(record, CandidatesRecord):
                done.append(self._candidates(index, record, incoming))
            elif record is not None:
                done.append(Done(self._accounts.fold(index, record, self._clock.now)))
            else:
                done.append(Effects(sends=(_no_record(incoming),)))
        for held in self._held.values():
            one = done[held.changed_by] if held.changed_by >= 0 else None
            if isinstance(one, Done):
                self._write(held, one)
        self._held = {}
        for index, (rows, local) in self._accounts.rows().items():
            one = done[index]
            if isinstance(one, Done):
                one.rows += rows
                one.local += local
        return [one.effects() if isinstance(one, Done) else one for one in done]

    def refold(self, batch: Sequence[Incoming]) -> list[Effects]:
        """Records that were folded before a crash: only what others still wait for, nothing that is durable already."""
        records = [_read(incoming) for incoming in batch]
        self._hold(record.alias for record in records if isinstance(record, ParkRecord | LinkRecord))
        done = [Done() for _ in batch]
        for incoming, record, one in zip(batch, records, done, strict=True):
            match record:
                case ParkRecord() | LinkRecord():
                    state, context = self._held[record.alias].state, self._context(incoming)
                    self._send_hops(identity.hops_again(state, record, context), one)
                    if isinstance(record, LinkRecord):
                        self._answer(record, one)
                case HopDoneRecord():
                    one.receipts = (record.hop_id,)
                case ClockOnward():
                    self._advance(record)
                    one.in_turn = self._onward(record)
        self._held = {}
        return [one.effects() for one in done]

    def _hold(self, aliases: Iterable[str]) -> None:
        """Take up the rows of these aliases, by one look-up."""
        keys = {alias: alias.encode() for alias in aliases if alias not in self._held}
        rows = self._rows.get_many(list(keys.values()))
        for (alias, key), row in zip(keys.items(), rows, strict=True):
            self._held[alias] = Held(key, row)

    def _passed(self, record: ParkRecord) -> Effects | None:
        """The usual case, made short: an event at an alias that is linked, and not about to be forgotten."""
        held = self._held[record.alias]
        canonical = held.state.canonical_call_id
        if canonical is None or held.state.disputed or record.canonical_call_id not in (None, canonical):
            return None
        if held.state.candidates:
            return None
        if self._prolonged(held):
            return None
        return Effects(sends=_evidence(record.event, canonical))

    def _park(self, index: int, record: ParkRecord, incoming: Incoming) -> Done:
        done = Done()
        held = self._held[record.alias]
        try:
            resolution = identity.fold_park(held.state, record, self._context(incoming))
        except RecordError:
            done.sends.append(_no_record(incoming))
        else:
            self._apply(index, held, resolution, incoming.timestamp_ms, done, record)
        return done

    def _link(self, index: int, record: LinkRecord, incoming: Incoming) -> Done:
        done = Done()
        held = self._held[record.alias]
        resolution = identity.fold_link(held.state, record, self._context(incoming))
        self._apply(index, held, resolution, incoming.timestamp_ms, done)
        self._answer(record, done)
        return done

    def _candidates(self, index: int, record: CandidatesRecord, incoming: Incoming) -> Done:
        done = Done()
        held = self._held[record.alias]
        self._apply(index, held, identity.fold_candidates(held.state, record), incoming.timestamp_ms, done)
        return done

    def _context(self, incoming: Incoming) -> Context:
        return Context(incoming.timestamp_ms, self._clock.now, self._ranking)

    def _apply(
        self, index: int, held: Held, resolution: Resolution, time_ms: int, done: Done, park: ParkRecord | None = None
    ) -> None:
        """Send what follows, and keep the state. `time_ms` dates alerts; `park` is the record, where it is one."""
        before, state = held.state, resolution.state
        for call, notice in resolution.notices:
            done.sends.append(Outgoing(EVIDENCE.name, call.encode(), notice.resolved(call)))
        if resolution.released:
            canonical = state.canonical_call_id or ""
            for event in resolution.released:
                # One that has waited goes on under its producer's trace, not under that of the record that freed it.
                traced = (park is None or event is not park.event) and event.traceparent
                headers = ((TRACEPARENT, traced.encode()),) if traced else ()
                done.sends += _evidence(event, canonical, headers)
        if resolution.own_way is not None and park is not None:
            done.sends += _evidence(resolution.own_way, park.canonical_call_id or "")
        done.sends += [outputs.alert(alert, "identity", key) for key, alert in alerts_of(before, resolution, time_ms)]
        if resolution.hops:
            self._send_hops(resolution.hops, done)
        if state is not before:
            held.state = state
            held.due = self._due_anew(state)
            held.changed_by = index
        else:
            due = self._prolonged(held)
            if due is not None:
                held.due = due
                held.changed_by = index

    def _send_hops(self, hops: tuple[LinkRecord, ...], done: Done) -> None:
        for hop in hops:
            sent = replace(hop, sent_from=self._partition)
            done.sends.append(Outgoing(IDENTITY.name, hop.alias.encode(), sent.to_bytes()))
        done.expects += tuple(identity.hop_id(hop) for hop in hops)

    def _answer(self, record: LinkRecord, done: Done) -> None:
        """A hop is receipted when everything it caused is durable."""
        if record.sent_from is not None:
            receipt = HopDoneRecord(hop_id=identity.hop_id(record)).to_bytes()
            done.then = (Outgoing(IDENTITY.name, record.alias.encode(), receipt, partition=record.sent_from),)

    def _due_anew(self, state: Alias) -> Due:
        """When the alias must be looked at after a change of its state."""
        if state.parked:
            if state.disputed:
                return PARKED, 0
            if state.ended_since is not None:
                return MINT, state.ended_since and state.ended_since + self._mint_delay
            if state.orphaned:
                return PARKED, 0
            return ORPHAN, 0 if state.since is None else state.since + self._orphan
        return EXPIRE, 0 if self._clock.now is None else self._clock.now + self._life

    def _write(self, held: Held, done: Done) -> None:
        """The alias's row, and the index beside it."""
        before = None if held.stored is None else index_key(held.stored, held.key)
        after = None if held.due is None else index_key(held.due, held.key)
        done.rows.append((held.key, None if held.due is None else write_row(held.state, held.due)))
        if before != after:
            if before is not None:
                done.local.append((before, None))
            if after is not None:
                done.local.append(index_row(after))
        waited = held.stored is not None and held.stored[0] in _WAITS
        waits = held.due is not None and held.due[0] in _WAITS
        self._waiting += waits - waited

    def _prolonged(self, held: Held) -> Due | None:
        """Until when the alias is remembered now that it is used; None where that need not be written yet."""
        now = self._clock.now
        if held.due is None or held.due[0] != EXPIRE or now is None or held.due[1] - now >= self._horizon:
            return None
        return EXPIRE, now + self._life

    def _pass_on(self, index: int, record: ClockOnward) -> Done:
        """The clock goes on to every evidence partition, but only in its turn; what is due is done."""
        done = Done()
        self._advance(record)
        done.in_turn = self._onward(record)
        now = self._clock.now
        if now is None or now < self._looked:
            return done
        for held in self._due_now(MINT, now, done):
            self._mint(index, held, now, done)
        for held in self._due_now(ORPHAN, now, done):
            self._orphaned(index, held, now, done)
        for held in self._due_now(EXPIRE, now, done):
            held.due = (EXPIRE, now + self._life) if held.due == (EXPIRE, 0) else None
            if held.due is None:
                held.state = Alias(held.state.alias)
            held.changed_by = index
        sends, gone = self._accounts.settle(index, self._looked, now)
        done.sends += sends
        done.local += gone
        self._looked = now + 1
        return done

    def _mint(self, index: int, held: Held, now: int, done: Done) -> None:
        """Nobody has named the call in time, or it has waited since before there was a time to count from."""
        since = held.state.ended_since
        if since and now >= since + self._mint_delay:
            self._apply(index, held, identity.mint(held.state), since + self._mint_delay, done)
            return
        if not since:
            held.state = replace(held.state, ended_since=now)
        held.due = self._due_anew(held.state)
        held.changed_by = index

    def _orphaned(self, index: int, held: Held, now: int, done: Done) -> None:
        """Events have waited as long as an orphan does, or since before there was a time to count from."""
        since = held.state.since
        if since is None:
            held.state = replace(held.state, since=now)
        elif now >= since + self._orphan:
            held.state = replace(held.state, orphaned=True)
            alert = orphan_alert(held.state, since + self._orphan, "firing")
            done.sends.append(outputs.alert(alert, "identity", held.state.alias))
        held.due = self._due_anew(held.state)
        held.changed_by = index

    def _due_now(self, kind: DueKind, now: int, done: Done) -> list[Held]:
        """Aliases of which this is due, earliest first; entries of the index that nothing says any more are deleted."""
        stored = self._due(kind, self._looked, now, done)
        mine = [
            held
            for held in self._held.values()
            if held.changed_by >= 0 and held.due is not None and held.due[0] == kind and held.due[1] <= now
        ]
        both = {held.key: held for held in [*stored, *mine]}
        return sorted(both.values(), key=lambda held: (held.due or (kind, 0), held.key))

    def _due(self, kind: DueKind, first: int, last: int, done: Done | None = None) -> list[Held]:
        """Aliases that the index names and whose row says the same; `done` deletes the other entries."""
        entries = [(key, *read_index_key(key)) for key, _ in self._rows.scan(*index_bounds(kind, first, last))]
        self._hold(alias.decode() for _, _, alias in entries)
        found = []
        for key, due, alias in entries:
            held = self._held[alias.decode()]
            if held.stored != due:
                if done is not None:
                    done.local.append((key, None))
            elif held.due == due:
                found.append(held)
        return found

    def _advance(self, record: ClockOnward) -> None:
        own = ClockRecord(worker=record.worker, read_up_to=record.read_up_to, sources=record.sources, via=0, vias=1)
        self._clock.hear(own, self._max_hold)

    def _onward(self, record: ClockOnward) -> tuple[Outgoing, ...]:
        """The record with the way it came by, for every evidence partition; the bytes are made once."""
        onward = ClockOnward(
            last_record_at=record.last_record_at,
            read_up_to=record.read_up_to,
            sources=record.sources,
            via=self._partition,
            vias=self._partitions,
            worker=record.worker,
        ).to_bytes()
        return tuple(Outgoing(EVIDENCE.name, None, onward, partition=number) for number in range(self._partitions))


def _evidence(event: PassingEvent, call: str, headers: Headers = ()) -> tuple[Outgoing, ...]:
    """The event goes on as evidence of the call; what it says of an account is told there."""
    told = accounts.call_record(event, call)
    sent = Outgoing(EVIDENCE.name, call.encode(), event.resolved(call), headers)
    return (sent,) if told is None else (sent, accounted(told))


def _read(incoming: Incoming) -> AnyRecord | None:
    try:
        return read_record(incoming.value)
    except RecordError:
        return None


def _no_record(incoming: Incoming) -> Outgoing:
    return outputs.dead_letter(incoming, "identity", "invalid_internal", "not an identity record")
