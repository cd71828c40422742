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

Time is an argument: the join's clock, made of `clock` records in the same log. No function here reads another.
"""

from __future__ import annotations

from dataclasses import replace

from stream_app.core import judgement
from stream_app.core.calls import MAX_KEPT_REPEATS, CallState, item_of
from stream_app.core.evidence import EventRecord
from stream_app.core.judgement import Disposition, Outcome
from stream_app.core.orders import Conflict
from stream_app.core.standing import View


def fold_event(state: CallState | None, record: EventRecord, view: View) -> Outcome:
    """Fold one accepted event; one whose source position the call knows is a repeat, and changes nothing."""
    if state is None:
        state = CallState(call_id=record.canonical_call_id)
    if state.knows(record.position):
        return Outcome(state, disposition="repeat", due=judgement.next_due(state, view))
    state, disposition = _admit(state, record, view)
    if disposition == "duplicate":
        return Outcome(state, disposition=disposition, due=judgement.next_due(state, view))
    if state.version and state.changed_at is None:
        state = state.model_copy(update={"changed_at": view.now or 0})
    return replace(judgement.judge(state, view), disposition=disposition)


def pass_time(state: CallState, view: View) -> Outcome:
    """Let the join's time reach `view.now` for one call: deadlines, soft thresholds, settling, retention."""
    if view.now is not None and state.first_seen is None:
        state = state.model_copy(update={"first_seen": view.now})
    return judgement.judge(state, view)


def _admit(state: CallState, record: EventRecord, view: View) -> tuple[CallState, Disposition]:
    """Add the record to the call's evidence, or to its duplicates or conflicts."""
    item = item_of(record, view.active.timing.skew_ahead)
    if state.first_seen is None:
        state = state.model_copy(update={"first_seen": view.now})
    same_id = next((known for known in state.items if known.event_id == item.event_id), None)
    if same_id is None:
        update: dict[str, object] = {"items": (*state.items, item)}
        if item.kind == "call" and state.policy is None:
            update["policy"] = view.active.sha256
        return state.model_copy(update=update), "used"
    known_conflict = next((c for c in state.conflicts if c.event_id == item.event_id), None)
    digests = {same_id.digest} if known_conflict is None else set(known_conflict.digests)
    if item.digest in digests:
        kept = state.duplicates if len(state.duplicates) >= MAX_KEPT_REPEATS else (*state.duplicates, item.position)
        return state.model_copy(update={"duplicates": kept, "duplicate_count": state.duplicate_count + 1}), "duplicate"
    conflict = Conflict(
        event_id=item.event_id,
        digests=tuple(sorted(digests | {item.digest})),
        positions=(*(known_conflict.positions if known_conflict else (same_id.position,)), item.position),
    )
    others = tuple(c for c in state.conflicts if c.event_id != item.event_id)
    # One of the contents must stand for the event; the smallest digest does, so that arrival order does not choose.
    stands = min(same_id, item, key=lambda one: one.digest)
    return state.model_copy(
        update={
            "conflicts": tuple(sorted((*others, conflict), key=lambda one: one.event_id)),
            "items": tuple(stands if known is same_id else known for known in state.items),
            "alternates": (*state.alternates, item if stands is same_id else same_id),
            "changed_by_conflict": True,
        }
    ), "conflict"
