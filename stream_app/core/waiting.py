"""The only place that takes an event in without judging its call, where the judgement is known beforehand.

Theory of operation. A call that was never ordered, has no alert firing and whose next timer lies ahead, and of which
something that every packet needs cannot be there yet, or tool calls are awaited, is not settled, whatever its reasons
require. Judging it would

- order nothing: it is not settled, and its deadline (or that of a call without call-ended) is one of the timers;
- say nothing: alerts are raised by timers, and resolved only where one fires;
- move no timer: they all hang on the call's end, or on when its first evidence came. A reason adds only the deadline,
  which is a timer already;
- note since when there is a reason. That is made good by the next judgement (`judgement.weighed`), which finds the
  times of the items that came in between in `unweighed`, and the policy they came under.

So an event is taken in by adding it and its time, and timers are set only by the first event and by the call-ended.
Everything here is a shorter way to what `judgement.judge` comes to; a property test holds the two together.
"""

from __future__ import annotations

from msgspec.structs import replace

from stream_app.core.calls import CallState, Piece
from stream_app.core.evidence_records import Heard
from stream_app.core.policy import Policy, Timing
from stream_app.core.standing import View, plan_of


def seen_at(now: int, piece: Piece) -> int:
    """When a piece of evidence came, ms: the join's time, or the broker's of its record where the join is behind.

    Behind an outage the clock stands far back while the backlog is read, and then leaps: a wait that began at its time
    would be over before the records that were appended meanwhile are read.
    """
    return max(now, piece.received_at)


def taken_in(state: CallState, record: Heard, piece: Piece, view: View) -> CallState | None:
    """The call's state with this new piece of evidence in it; None where the call must be judged."""
    now = view.now
    if now is None or state.version or state.firing or state.alternates:
        return None
    bound = state.policy
    if not state.items:
        if record.ended_at is not None:
            return _ended(state, record, piece, view, now)
        timing = view.active.timing
        seen = seen_at(now, piece)
        return replace(
            state,
            items=(piece,),
            first_seen=seen,
            due=seen + min(timing.orphan, max(timing.retention, timing.late_horizon)),
            open_since=seen,
            unweighed=(now,),
            under=view.active.sha256,
        )
    # Timers that passed, or that were set by another policy than the one that would judge now.
    if state.due is None or now >= state.due or state.orphan_passed or state.deadline_passed:
        return None
    if bound is None and state.under != view.active.sha256:
        return None
    if record.ended_at is not None:
        return None if bound is not None else _ended(state, record, piece, view, now)
    items = (*state.items, piece)
    if bound is not None and not _lacks(items, view.policy_of(state), state.open_since, now):
        return None
    return replace(state, items=items, unweighed=(*state.unweighed, now))


def _lacks(items: tuple[Piece, ...], policy: Policy, anchor: int | None, now: int) -> bool:
    """Whether this call, ended at `anchor`, cannot be settled: a kind is not there, or tool calls are awaited."""
    bits = tools = calls = awaits = 0
    for item in items:
        bits |= item.bits
        if item.kind == "tools":
            tools += 1
        elif item.kind == "call":
            calls += 1
            awaits = item.awaits
    if plan_of(policy).base_bits & ~bits:
        return True
    # Reports of one tool call count as several here: so there are never more than `tools`. Of several call-ended
    # events the latest speaks; which one that is, is for the judgement to say.
    return calls == 1 and awaits > tools and anchor is not None and now < anchor + policy.timing.tool_settle


def _ended(state: CallState, record: Heard, piece: Piece, view: View, now: int) -> CallState | None:
    """The call's first call-ended: it binds the policy and sets the timers. None where one of them passed already."""
    policy = view.active
    items = (*state.items, piece)
    anchor = _anchor(record, piece, policy.timing)
    if not _lacks(items, policy, anchor, now):
        return None
    due = first_timer(policy, anchor, now)
    if due is None:
        return None
    return replace(
        state,
        items=items,
        first_seen=seen_at(now, piece) if state.first_seen is None else state.first_seen,
        policy=policy.sha256,
        due=due,
        open_since=anchor,
        unweighed=(*state.unweighed, now),
        under=None,
    )


def _anchor(record: Heard, piece: Piece, timing: Timing) -> int:
    """As `calls.end_of`, without decoding the event."""
    ended = record.ended_at
    assert ended is not None
    if ended > piece.received_at + timing.skew_ahead or ended < piece.received_at - timing.skew_behind:
        return piece.received_at
    return ended


def first_timer(policy: Policy, anchor: int, now: int) -> int | None:
    """The next timer of an unsettled call that ended at `anchor`; None where one that says something has passed."""
    timing = policy.timing
    speaking = timing.soft[0] if timing.soft else timing.deadline
    forgotten = max(timing.retention, timing.late_horizon)
    if now >= anchor + min(speaking, forgotten):
        return None
    settle = anchor + timing.tool_settle
    first = anchor + min(speaking, forgotten)
    return min(settle, first) if settle > now else first
