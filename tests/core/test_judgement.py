"""Judging a call as it stands: the set of its evidence decides, however and whenever its pieces came."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stream_app.core import standing
from stream_app.core.standing import View
from tests import stories
from tests.folding import Call, content
from tests.stories import MINUTE, SECOND, START_MS

UNSURE: dict[str, Any] = {"measures": {"minAsrConfidence": 0.1}}

POOL: tuple[dict[str, Any], ...] = (
    stories.call_ended("corrected", at=START_MS + 3 * SECOND, expectedToolCalls=1, recording=None),
    stories.call_ended("early-word", at=START_MS - SECOND, **UNSURE),
    stories.call_ended("ended", **UNSURE),  # The same ID as the base's, other content.
    stories.trace(),
    stories.evaluation(),
    stories.evaluation("judged-again", failed=True, at=START_MS + SECOND),
    stories.evaluation("judged-again", score=0.9, at=START_MS + SECOND),
    stories.tool("t1", sideEffect={"kind": "write", "idempotencyKey": "k"}),
    stories.tool("t1-elsewhere", status="failed"),
    stories.tool("t2", number=2, sideEffect={"kind": "write", "idempotencyKey": "k"}),
    stories.artifact("recording"),
    stories.artifact("recording", "recording-never", never=True),
    stories.artifact("log"),
    stories.event("call-reported", "reported", at=START_MS + 2 * SECOND),
    stories.event("selection-requested", "asked", trigger="manual"),
)
BASE = stories.call_ended()
SURE = stories.call_ended(measures={"minAsrConfidence": 0.99, "minIntentConfidence": 0.99})
"""It says of the line what the earlier call-ended said otherwise."""
CHOICES = st.lists(st.sampled_from(range(len(POOL))), unique=True, max_size=8)


def play(documents: list[dict[str, Any]], pauses: list[int]) -> dict[str, Any] | None:
    """Fold the documents with these pauses (ms) between them, then let everything fall due; the last order."""
    call = Call()
    now = 0
    for document, pause in zip(documents, [*pauses, *[0] * len(documents)], strict=False):
        call.fold(document, received=START_MS)
        now += pause
        call.time(now)
    for _ in range(4):
        now += 30 * MINUTE
        call.time(now)
    return call.orders[-1] if call.orders else None


def shuffled(chosen: list[int], repeats: int, seed: int) -> list[dict[str, Any]]:
    draw = random.Random(seed)
    documents = [BASE, *(POOL[number] for number in chosen)]
    documents += draw.choices(documents, k=repeats)
    draw.shuffle(documents)
    return documents


def settled_result(order: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if order is None else content(order)


@settings(max_examples=200, deadline=None)
@given(CHOICES, st.integers(0, 3), st.integers(0, 2**32), st.lists(st.integers(0, 100 * SECOND), max_size=8))
@example([1, 3, 4], 0, 1, [40 * SECOND] * 3)
def test_before_the_deadline_any_order_and_any_pause_end_in_one_packet_or_in_none(
    chosen: list[int], repeats: int, seed: int, pauses: list[int]
) -> None:
    """Rule 3, with what may change a call's mind in it: corrections, contradictions, requirements that come later."""
    wanted = settled_result(play([BASE, *(POOL[number] for number in chosen)], []))
    assert settled_result(play(shuffled(chosen, repeats, seed), pauses)) == wanted


@settings(max_examples=200, deadline=None)
@given(CHOICES, st.integers(0, 3), st.integers(0, 2**32), st.lists(st.integers(0, 20 * MINUTE), max_size=8))
def test_evidence_that_comes_after_deadlines_ends_in_the_same_packet(
    chosen: list[int], repeats: int, seed: int, pauses: list[int]
) -> None:
    """As above; only when the last version was decided may then depend on when a reason came."""
    wanted = settled_result(play([BASE, *(POOL[number] for number in chosen)], []))
    found = settled_result(play(shuffled(chosen, repeats, seed), pauses))
    assert (found is None) == (wanted is None)
    if found and wanted:
        assert {**found, "decidedAt": None} == {**wanted, "decidedAt": None}


def test_a_reason_that_only_an_outdated_call_ended_gave_counts_in_every_order() -> None:
    documents = [SURE, POOL[1], stories.trace(), stories.evaluation()]
    results = [play(list(order), [40 * SECOND] * 4) for order in itertools.permutations(documents)]
    assert {result and result["selection"]["reason"] for result in results} == {"low_confidence_turn"}


def test_without_the_outdated_reading_the_order_would_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the same 24 orders tell two stories apart."""
    monkeypatch.setattr(standing, "_readings", lambda _state: iter(()))
    documents = [SURE, POOL[1], stories.trace(), stories.evaluation()]
    results = [play(list(order), [40 * SECOND] * 4) for order in itertools.permutations(documents)]
    assert {result is None for result in results} == {True, False}


def test_a_later_version_waits_for_what_its_new_reason_requires() -> None:
    call = Call().fold(stories.call_ended(**UNSURE), stories.evaluation())
    assert [order["missing"] for order in call.orders] == [[]], "low confidence needs no trace"
    call.time(MINUTE).fold(stories.event("call-reported", "reported"))  # This one does.
    call.time(5 * MINUTE)
    assert len(call.orders) == 1, "the trace may still come: it is not missing yet"
    call.fold(stories.trace()).time(6 * MINUTE)
    assert [order["missing"] for order in call.orders] == [[], []]
    assert call.orders[1]["completedBy"] == "all_evidence"


def test_a_later_version_does_not_wait_beyond_the_deadline() -> None:
    call = Call().fold(stories.call_ended(**UNSURE), stories.evaluation())
    call.time(MINUTE).fold(stories.event("call-reported", "reported"))
    call.time(15 * MINUTE - 1)
    assert len(call.orders) == 1
    call.time(15 * MINUTE)
    assert [order["completedBy"] for order in call.orders] == ["all_evidence", "deadline"]
    assert call.missing() == [("trace", "never_seen")]
    call.fold(stories.artifact("log", at=START_MS + 16 * MINUTE)).time(17 * MINUTE)
    assert [order["version"] for order in call.orders] == [1, 2, 3], "afterwards only the settling time counts"


def test_every_timer_that_decides_is_announced() -> None:
    """Only calls that say when they are due are looked at again: replaying just those moments must miss nothing."""
    draw = random.Random(11)
    for _ in range(20):
        documents = shuffled(draw.sample(range(len(POOL)), draw.randint(0, 6)), 1, draw.randint(0, 999))
        eager, lazy = Call(), Call()
        now = 0
        for document in documents:
            step = draw.choice((0, 10 * SECOND, 10 * MINUTE))
            for call in (eager, lazy):
                _advance(call, now, now + step, every=call is eager)
                call.fold(document, received=START_MS)
            now += step
        for call in (eager, lazy):
            _advance(call, now, now + 60 * MINUTE, every=call is eager)
        assert [order["orderId"] for order in eager.orders] == [order["orderId"] for order in lazy.orders]
        assert [content(order) for order in eager.orders] == [content(order) for order in lazy.orders]
        assert eager.alerts == lazy.alerts


def _advance(call: Call, start: int, end: int, *, every: bool) -> None:
    """Look at the call every ten seconds, or only when it asked to be looked at."""
    for now in range(start + 10 * SECOND, end + 1, 10 * SECOND):
        if every or (call.due is not None and call.due <= START_MS + now):
            call.time(now)
    call.now = START_MS + end


def test_the_policy_of_a_call_that_has_not_ended_is_the_one_in_force() -> None:
    call = Call().fold(stories.trace())
    assert call.state is not None
    later = call.policy.scaled(50)
    assert View(START_MS, later, {later.sha256: later}).policy_of(call.state) == later
