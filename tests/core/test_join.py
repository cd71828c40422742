"""One call's state machine, rule by rule: what goes in, what is ordered, what is said."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core import identity_notices as notices
from stream_app.core import join
from stream_app.core.evidence import EventRecord, Position, event_digest, reduce_event
from stream_app.core.evidence_records import Heard, read_record
from stream_app.core.identity_records import Place
from stream_app.core.standing import View
from tests import stories
from tests.folding import MODELS, POLICY, Call, content, heard
from tests.stories import MINUTE, SECOND, START_MS


def test_settled_with_a_reason_is_ordered_at_once() -> None:
    call = Call().fold(stories.call_ended(), stories.trace())
    assert call.orders == []
    call.fold(stories.evaluation(failed=True, at=START_MS + 5 * SECOND))
    (order,) = call.orders
    assert order["completedBy"] == "all_evidence"
    assert order["selection"]["reason"] == "regression_candidate"
    assert order["missing"] == []
    assert order["decidedAt"] == "2026-06-03T18:40:05.000Z"


def test_settled_without_a_reason_stays_in() -> None:
    call = Call().fold(stories.call_ended(), stories.evaluation()).time(20 * MINUTE)
    assert call.orders == []
    assert call.alerts == []


@pytest.mark.parametrize(
    ("stated", "tools", "ordered_at"),
    [
        ({"expectedToolCalls": 1}, 1, 0),
        ({"expectedToolCalls": None, "toolsFinal": True, "workflowAgent": True}, 1, 0),
        ({"expectedToolCalls": None, "workflowAgent": True}, 1, 30 * SECOND),
        ({"expectedToolCalls": 2}, 1, 15 * MINUTE),
        ({"expectedToolCalls": 2, "toolsFinal": True}, 1, 15 * MINUTE),
    ],
)
def test_tools_are_settled_by_count_by_word_or_by_time(stated: dict[str, Any], tools: int, ordered_at: int) -> None:
    call = Call().fold(
        stories.call_ended(**stated),
        stories.trace(),
        stories.evaluation(),
        *(stories.tool(f"t{n}", status="failed", number=n) for n in range(tools)),
    )
    if ordered_at:
        call.time(ordered_at - SECOND)
        assert call.orders == []
        call.time(ordered_at)
    assert len(call.orders) == 1
    assert call.orders[0]["completedBy"] == ("deadline" if ordered_at == 15 * MINUTE else "all_evidence")


def test_deadline_names_what_never_came_and_what_was_declared_never() -> None:
    call = Call().fold(
        stories.call_ended(recording=None),
        stories.evaluation(failed=True),
        stories.artifact("recording", never=True),
    )
    call.time(15 * MINUTE - 1)
    assert call.orders == []
    call.time(15 * MINUTE)
    assert call.orders[0]["completedBy"] == "deadline"
    assert call.missing() == [("recording", "declared_never"), ("trace", "never_seen")]
    assert call.orders[0]["decidedAt"] == "2026-06-03T18:55:00.000Z"


def test_what_is_declared_never_is_not_waited_for() -> None:
    call = Call().fold(
        stories.call_ended(recording=None),
        stories.evaluation(failed=True),
        stories.trace(),
        stories.artifact("recording", never=True),
    )
    assert call.orders[0]["completedBy"] == "all_evidence"
    assert call.missing() == [("recording", "declared_never")]


def test_arrivals_do_not_move_the_deadline() -> None:
    call = Call().fold(stories.call_ended(expectedToolCalls=500))
    for number in range(89):
        call.time(number * 10 * SECOND)
        call.fold(stories.tool(f"t{number}", status="failed", number=number, at=START_MS + number * 10 * SECOND))
    assert call.orders == []
    call.time(15 * MINUTE)
    assert len(call.orders) == 1


def test_a_reason_that_comes_to_a_settled_call_orders_it_at_once() -> None:
    call = Call().fold(stories.call_ended(), stories.evaluation(), stories.trace()).time(40 * MINUTE)
    assert call.orders == []
    call.fold(stories.event("call-reported", "reported", at=START_MS + 40 * MINUTE))
    assert call.orders[0]["selection"]["reason"] == "customer_reported"
    assert call.orders[0]["completedBy"] == "all_evidence"


def test_a_reason_after_the_deadline_of_an_unsettled_call_has_a_deadline_of_its_own() -> None:
    call = Call().fold(stories.call_ended()).time(20 * MINUTE)
    call.fold(stories.event("call-reported", "reported", at=START_MS + 20 * MINUTE))
    call.time(25 * MINUTE - 1)
    assert call.orders == []
    call.time(25 * MINUTE)
    assert call.orders[0]["completedBy"] == "reason_deadline"
    assert ("evaluation", "never_seen") in call.missing()


def test_evidence_without_call_ended_and_with_a_reason_is_ordered_as_an_orphan() -> None:
    call = Call().fold(stories.tool(status="failed")).time(15 * MINUTE)
    assert call.orders[0]["completedBy"] == "orphan_deadline"
    assert ("call", "never_seen") in call.missing()


def test_evidence_without_call_ended_and_without_a_reason_raises_an_alert_and_is_adopted_later() -> None:
    call = Call().fold(stories.tool()).time(15 * MINUTE)
    assert call.orders == []
    assert call.alerts == [("call-1/orphan/1", "firing")]
    later = START_MS + 16 * MINUTE
    call.time(16 * MINUTE).fold(stories.call_ended(at=later, end=later))
    assert ("call-1/orphan/1", "resolved") in call.alerts
    call.fold(stories.evaluation(failed=True, at=later), stories.trace(at=later))
    assert call.orders[0]["completedBy"] == "all_evidence"


def test_evidence_before_the_join_knows_the_time_is_anchored_when_it_does() -> None:
    call = Call()
    call.now = None
    call.fold(stories.tool(status="failed"))
    call.time(0)
    call.time(15 * MINUTE - 1)
    assert call.orders == []
    call.time(15 * MINUTE)
    assert len(call.orders) == 1


def complete_call() -> Call:
    call = Call().fold(stories.call_ended(), stories.trace(), stories.evaluation(failed=True))
    assert [order["version"] for order in call.orders] == [1]
    return call


def test_late_evidence_makes_one_new_version_after_settling() -> None:
    call = complete_call().time(MINUTE)
    call.fold(stories.artifact("log", "late-1", at=START_MS + MINUTE))
    call.time(MINUTE + 5 * SECOND).fold(stories.artifact("log", "late-2", at=START_MS + MINUTE))
    call.time(MINUTE + 10 * SECOND - 1)
    assert len(call.orders) == 1
    call.time(MINUTE + 10 * SECOND)
    assert [order["version"] for order in call.orders] == [1, 2]
    assert call.orders[1]["supersedes"] == {"version": 1, "reason": "late_evidence"}
    assert {item["eventId"] for item in call.orders[1]["items"]} >= {"late-1", "late-2"}
    call.time(30 * MINUTE)
    assert len(call.orders) == 2


def test_a_higher_reason_is_named_as_the_cause_of_a_version() -> None:
    call = complete_call().time(MINUTE).fold(stories.event("call-reported", "reported")).time(2 * MINUTE)
    assert call.orders[1]["supersedes"] == {"version": 1, "reason": "higher_reason"}
    assert call.orders[1]["selection"]["otherReasons"] == ["regression_candidate"]


def test_fifty_resends_make_no_version() -> None:
    call = complete_call()
    for _ in range(50):
        call.fold(stories.call_ended(), stories.evaluation(failed=True))
    call.time(10 * MINUTE)
    assert len(call.orders) == 1
    assert call.state is not None
    assert call.state.duplicate_count == 100
    assert call.dispositions.count("duplicate") == 100


def test_one_id_with_two_contents_is_a_conflict_whichever_came_first() -> None:
    one, other = stories.evaluation(failed=True), stories.evaluation(failed=True, score=0.1)
    first = Call().fold(stories.call_ended(), stories.trace(), one, other).time(MINUTE)
    second = Call().fold(stories.call_ended(), stories.trace(), other, one).time(MINUTE)
    for call in (first, second):
        assert call.dispositions[-1] == "conflict"
        assert call.orders[-1]["supersedes"] == {"version": 1, "reason": "conflict"}
        (conflict,) = call.orders[-1]["conflicts"]
        assert len(conflict["digests"]) == 2
    assert content(first.orders[-1]) == content(second.orders[-1])


def test_a_conflict_blocks_a_sealed_call_also_where_the_other_content_gives_no_reason() -> None:
    for score in (0.9, 0.8, 0.7, 0.6, 0.1):  # Whichever of the two digests is the smaller one.
        call = complete_call().fold(stories.evaluation(score=score)).time(MINUTE)
        assert [order["version"] for order in call.orders] == [1, 2]
        assert call.orders[1]["selection"]["reason"] == "regression_candidate"
        assert call.orders[1]["conflicts"]


def test_a_call_that_was_selected_stays_selected() -> None:
    call = Call().fold(stories.call_ended(measures={"minAsrConfidence": 0.1}), stories.trace(), stories.evaluation())
    call.time(MINUTE).fold(stories.call_ended("corrected", at=START_MS + MINUTE)).time(2 * MINUTE)
    assert [order["selection"]["reason"] for order in call.orders] == ["low_confidence_turn"] * 2


def test_a_redelivered_record_is_a_repeat_and_changes_nothing() -> None:
    call = complete_call()
    before = call.state
    event = MODELS["trace-completed"].from_dict(stories.trace())
    record = EventRecord(
        canonical_call_id="call-1",
        position=Position(topic=event.TYPE, partition=0, offset=1),
        received_at=START_MS,
        digest=event_digest(event),
        event=reduce_event(event),
    )
    again = join.fold_event(before, heard(record), call.view())  # Intake repeated it: same source position.
    assert (again.disposition, again.state, again.orders) == ("repeat", before, ())


def test_times_ten_years_ahead_are_clamped_and_flagged() -> None:
    future = START_MS + 10 * 365 * 86_400_000
    call = Call().fold(
        stories.call_ended(end=future, at=future), stories.trace(), stories.evaluation(failed=True), received=START_MS
    )
    (order,) = call.orders
    assert order["endedAt"] == "2026-06-03T18:40:00.000Z"
    assert order["decidedAt"] == "2026-06-03T18:40:00.000Z"
    assert [item["skewed"] for item in order["items"]] == [True, False, False]


def test_a_call_delivered_late_has_its_full_deadline() -> None:
    hours = 5 * 60 * MINUTE
    call = Call().time(hours)
    call.fold(stories.call_ended(), stories.evaluation(failed=True), received=START_MS + hours)
    call.time(hours + 15 * MINUTE - 1)
    assert call.orders == []
    call.time(hours + 15 * MINUTE)
    assert call.orders[0]["completedBy"] == "deadline"
    assert call.orders[0]["endedAt"] == "2026-06-03T18:40:00.000Z"  # The packet lies where the call belongs.


def test_a_call_is_forgotten_after_its_horizon_and_not_before() -> None:
    call = complete_call().time(72 * 60 * MINUTE - 1)
    assert call.state is not None
    call.time(72 * 60 * MINUTE)
    assert call.state is None


def test_unread_sources_are_named_where_a_deadline_decided() -> None:
    call = Call().fold(stories.call_ended(), stories.evaluation(failed=True))
    call.unread = ("tool-call/3",)
    call.time(15 * MINUTE)
    assert call.orders[0]["unreadSources"] == ["tool-call/3"]


def test_alerts_come_once_and_are_resolved_once() -> None:
    call = Call().fold(stories.call_ended()).time(MINUTE).time(2 * MINUTE).time(15 * MINUTE).time(16 * MINUTE)
    assert call.alerts == [("call-1/stuck/1", "firing"), ("call-1/timed_out/1", "firing")]
    call.fold(stories.evaluation())
    assert call.alerts[2:] == [("call-1/stuck/1", "resolved"), ("call-1/timed_out/1", "resolved")]
    call.time(20 * MINUTE)
    assert len(call.alerts) == 4


def test_a_call_is_bound_to_the_policy_under_which_it_ended() -> None:
    call = Call().fold(stories.call_ended())
    call.policy = POLICY.scaled(50)
    view = View(START_MS + MINUTE, call.policy, {POLICY.sha256: POLICY, call.policy.sha256: call.policy})
    assert call.state is not None
    assert view.policy_of(call.state) == POLICY


SIX = (
    stories.call_ended(expectedToolCalls=2, recording=None),
    stories.tool("t1", status="timed_out", number=1),
    stories.tool("t2", number=2),
    stories.artifact("recording"),
    stories.trace(),
    stories.evaluation(failed=True),
)


def last_content(documents: list[dict[str, Any]]) -> dict[str, Any]:
    call = Call().fold(*documents).time(MINUTE).time(20 * MINUTE)
    return content(call.orders[-1])


def test_all_720_arrival_orders_end_in_one_packet() -> None:
    wanted = last_content(list(SIX))
    for documents in itertools.permutations(SIX):
        assert last_content(list(documents)) == wanted


EXTRA = (
    stories.artifact("transcript", "second-transcript"),
    stories.event("call-reported", "reported"),
    stories.event("selection-requested", "asked", trigger="manual"),
    stories.evaluation("judged-again", failed=False, at=START_MS + SECOND),
    stories.tool("t1-other-source", status="succeeded", number=1),
    stories.evaluation("judged", failed=False, score=0.2),  # The same ID with other content: a conflict.
)


@settings(max_examples=150, deadline=None)
@given(
    extra=st.lists(st.sampled_from(EXTRA), unique_by=lambda one: (one["eventId"], str(one.get("score"))), max_size=6),
    repeats=st.integers(0, 5),
    seed=st.integers(0, 2**32),
    pauses=st.lists(st.integers(0, 14 * MINUTE), max_size=3),
)
def test_any_order_any_repeats_any_pauses_end_in_one_packet(
    extra: list[dict[str, Any]], repeats: int, seed: int, pauses: list[int]
) -> None:
    """Rule 3: the last version is a function of the set of events."""
    documents = [*SIX, *extra]
    wanted = last_content(documents)
    draw = random.Random(seed)
    shuffled = [*documents, *draw.choices(documents, k=repeats)]
    draw.shuffle(shuffled)
    call = Call()
    for document in shuffled:
        if pauses and draw.random() < 0.3:
            call.time(max((call.now or 0) - START_MS, pauses.pop()))
        call.fold(document, received=START_MS)
    call.time(20 * MINUTE).time(21 * MINUTE)
    assert content(call.orders[-1]) == wanted


def test_the_checker_of_orders_sees_a_lost_event() -> None:
    """Negative control: content() must tell two different packets apart."""
    assert last_content(list(SIX)) != last_content(list(SIX[:-1]))


def merged(into: str = "a:b") -> Heard:
    """The notice that call-1 is another call."""
    record = read_record(notices.merged("call-1", into, Place(9, 0, "call-ended"), START_MS).resolved("call-1"))
    assert isinstance(record, Heard)
    return record


def test_a_call_that_is_another_one_gives_its_evidence_away_and_all_that_still_comes() -> None:
    call = Call().fold(stories.call_ended(), stories.tool(), stories.tool(), stories.evaluation("judged"))
    call.fold(stories.evaluation("judged", failed=True)).time(2 * MINUTE)
    assert [state for _, state in call.alerts] == ["firing"]
    assert call.state is not None
    moved = join.fold_event(call.state, merged(), call.view())
    assert moved.state is not None
    assert {piece.offset for piece in moved.moved} == {0, 1, 3, 4}, "with both contents of a conflicting event"
    assert [place.offset for place in moved.state.duplicates] == [2], "repeats are known here alone"
    assert [alert.state for alert in moved.alerts] == ["resolved"]
    assert (moved.state.items, moved.state.merged_into, moved.orders) == ((), "a:b", ())
    call.state = moved.state
    call.fold(stories.trace())
    assert call.state == moved.state
    again = join.fold_event(moved.state, merged("x:y"), call.view())
    assert (again.state, again.moved) == (moved.state, ())


def test_a_merged_call_is_forgotten_like_any_other() -> None:
    unseen = join.fold_event(None, merged(), Call().view())
    assert unseen.state is not None
    assert unseen.moved == ()
    horizon = max(POLICY.timing.retention, POLICY.timing.late_horizon)
    assert unseen.due == START_MS + horizon
    assert join.pass_time(unseen.state, Call().time(horizon).view()).state is None
    timeless = Call()
    timeless.now = None
    waiting = join.fold_event(None, merged(), timeless.view()).state
    assert waiting is not None
    assert join.pass_time(waiting, Call().view()).due == START_MS + horizon
