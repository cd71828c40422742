"""The only place where evidence becomes decisions: one call's state machine, folded one record at a time.

Theory of operation. A call is a growing set of evidence plus what was already ordered of it. Each record of the log,
an event or the passing of time, is folded in, and then the whole call is judged anew from the set: which reasons
hold, what they require, what is missing, whether the call is settled. Because the judgement looks at the set and not
at the path, arrival order, splits and repeats cannot change it.

    collecting --settled and a reason--> ordered v1 (all_evidence)
    collecting --deadline and a reason--> ordered v1 (deadline), each missing kind named
    collecting --deadline, no reason--> dormant: nothing leaves
    dormant --a reason comes--> settled: ordered at once; else after `reasonGrace` (reason_deadline)
    no call-ended until `orphan` after the first evidence --> ordered (orphan_deadline) or an orphan alert
    ordered n --new evidence, then `settling`--> ordered n+1, superseding n
    any --end + max(retention, late horizon)--> forgotten
    any --it is another call (`identity-merged`)--> merged: its evidence, and what still comes, moves to that call

Time is an argument: the join's clock, made of `clock` records in the same log. No function here reads another.

A judgement that can have only one outcome is left out (`waiting`): most events of a call come while it still waits.
"""

from __future__ import annotations

from msgspec.structs import replace

from stream_app.core import judgement, waiting
from stream_app.core.calls import MAX_KEPT_REPEATS, CallState, Piece
from stream_app.core.evidence import Position
from stream_app.core.evidence_records import Heard
from stream_app.core.identity_records import Place
from stream_app.core.judgement import Disposition, Outcome
from stream_app.core.orders import Conflict
from stream_app.core.standing import View
from stream_app.core.statements import MergeStated
from stream_app.core.waiting import seen_at


def fold_event(state: CallState | None, record: Heard, view: View) -> Outcome:
    """Fold one accepted event; one whose source position the call knows is a repeat, and changes nothing."""
    statement = record.piece.statement
    if isinstance(statement, MergeStated):
        if state is not None and state.merged_into is not None:
            return Outcome(state)
        return judgement.merge(state or CallState(record.call_id), statement.into, view)
    if state is not None and state.merged_into is not None:
        return Outcome(state, moved=(record.piece,))
    piece = record.clamped(view.active.timing.skew_ahead)
    same_id = None
    if state is None:
        state = CallState(record.call_id)
    else:
        offset, event_id = piece.offset, piece.event_id
        for known in state.items:
            if known.offset == offset and known.partition == piece.partition and known.topic == piece.topic:
                return Outcome(state, disposition="repeat")
            if known.event_id == event_id:
                same_id = known
        if (state.duplicates or state.conflicts) and state.knows(piece.position):
            return Outcome(state, disposition="repeat")
    if same_id is None:
        waits = waiting.taken_in(state, record, piece, view)
        if waits is not None:
            return Outcome(waits, disposition="used")
    after, disposition = _admit(state, piece, same_id, view)
    if disposition == "duplicate":
        return Outcome(after, disposition=disposition)
    if after.version and after.changed_at is None:
        after = replace(after, changed_at=seen_at(view.now or 0, piece))
    return judgement.judge(after, view, before=state, disposition=disposition)


def pass_time(state: CallState, view: View) -> Outcome:
    """Let the join's time reach `view.now` for one call: deadlines, soft thresholds, settling, retention."""
    if state.merged_into is not None:
        return judgement.keep_merged(state, view)
    after = state
    if view.now is not None and state.first_seen is None:
        after = replace(state, first_seen=max([view.now, *(item.received_at for item in state.items)]))
    return judgement.judge(after, view, before=state)


def _admit(state: CallState, item: Piece, same_id: Piece | None, view: View) -> tuple[CallState, Disposition]:
    """Add the item to the call's evidence, or to its duplicates or conflicts."""
    first_seen = state.first_seen
    if first_seen is None and view.now is not None:
        first_seen = seen_at(view.now, item)
    if same_id is None:
        policy = view.active.sha256 if item.kind == "call" and state.policy is None else state.policy
        return replace(state, first_seen=first_seen, items=(*state.items, item), policy=policy), "used"
    known_conflict = next((c for c in state.conflicts if c.event_id == item.event_id), None)
    digests = {same_id.digest} if known_conflict is None else set(known_conflict.digests)
    if item.digest in digests:
        kept = state.duplicates
        if len(kept) < MAX_KEPT_REPEATS:
            kept = (*kept, item.position)
        return replace(
            state, first_seen=first_seen, duplicates=kept, duplicate_count=state.duplicate_count + 1
        ), "duplicate"
    before = known_conflict.positions if known_conflict else (_model(same_id.position),)
    conflict = Conflict(
        event_id=item.event_id,
        digests=tuple(sorted(digests | {item.digest})),
        positions=(*before, _model(item.position)),
    )
    others = tuple(c for c in state.conflicts if c.event_id != item.event_id)
    # One of the contents must stand for the event; the smallest digest does, so that arrival order does not choose.
    stands = min(same_id, item, key=lambda one: one.digest)
    return replace(
        state,
        first_seen=first_seen,
        conflicts=tuple(sorted((*others, conflict), key=lambda one: one.event_id)),
        items=tuple(stands if known is same_id else known for known in state.items),
        alternates=(*state.alternates, item if stands is same_id else same_id),
        changed_by_conflict=True,
    ), "conflict"


def _model(place: Place) -> Position:
    return Position(topic=place.topic, partition=place.partition, offset=place.offset)
