"""Events that are taken in without a judgement: the call fares as it would have, judged at every step."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core import join, waiting
from stream_app.core.calls import CallState
from stream_app.core.evidence import EventRecord, Position, event_digest, reduce_event
from stream_app.core.evidence_records import Heard
from stream_app.core.judgement import Outcome
from stream_app.core.policy import Policy
from stream_app.core.standing import View
from tests import stories
from tests.core.test_judgement import BASE, POOL
from tests.folding import MODELS, POLICY, heard
from tests.stories import MINUTE, SECOND, START_MS

FICKLE = Policy.from_dict(
    {
        **POLICY.scaled(2).to_dict(),
        "version": "fickle",
        "reasons": [
            {**row, "when": {"fact": "toolCalls", "below": 2}} if row["reason"] == "latency_or_silence"
            else {**row, "when": {"fact": "evaluationScore", "above": 0.6}} if row["reason"] == "low_confidence_turn"
            else row
            for row in POLICY.to_dict()["reasons"]
        ],
    }
)  # fmt: skip
"""A policy by which evidence takes reasons away."""
SHORT = POLICY.scaled(30)
POLICIES = (POLICY, FICKLE, SHORT)
DOCUMENTS: tuple[dict[str, Any], ...] = (
    BASE,
    *POOL,
    stories.evaluation("high", score=0.9),
    stories.call_ended("moved-back", end=START_MS - 9 * MINUTE, at=START_MS + SECOND),
    stories.call_ended("bare", transcript=None, recording=None, expectedToolCalls=None, at=START_MS + 4 * SECOND),
    stories.event("selection-requested", "asked-twice", trigger="executive"),
)

Step = tuple[str, int]
STEPS = st.lists(
    st.tuples(st.just("event"), st.integers(0, len(DOCUMENTS) - 1))
    | st.tuples(st.just("time"), st.sampled_from((0, 1, 1000, 20_000, 30_000, 60_000, 300_000, 900_000)))
    | st.tuples(st.just("policy"), st.integers(0, len(POLICIES) - 1)),
    max_size=18,
)


def records() -> list[Heard]:
    made = []
    for number, document in enumerate(DOCUMENTS):
        event = MODELS[document["type"]].from_dict(document)
        made.append(
            heard(
                EventRecord(
                    canonical_call_id="call-1",
                    position=Position(topic=event.TYPE, partition=0, offset=number),
                    received_at=START_MS + 5 * SECOND,
                    digest=event_digest(event),
                    event=reduce_event(event),
                )
            )
        )
    return made


RECORDS = records()


def again(record: Heard, offset: int) -> Heard:
    """The event sent again: another source position, the same content."""
    return heard(
        EventRecord(
            canonical_call_id="call-1",
            position=Position(topic="again", partition=0, offset=offset),
            received_at=record.piece.received_at,
            digest=record.piece.digest,
            event=record.piece.event,
        )
    )


def told(outcome: Outcome) -> tuple[object, ...]:
    """All that leaves, and all that decides when the call is looked at again."""
    orders = [order.to_bytes() for order in outcome.orders]
    alerts = [alert.to_bytes() for alert in outcome.alerts]
    return (orders, alerts, outcome.disposition, outcome.due, outcome.open_since, outcome.state is None)


class Lived:
    """One call, folded step by step; timers are looked at when they are due, as the stage does."""

    def __init__(self) -> None:
        self.state: CallState | None = None
        self.view = View(START_MS, POLICY, {policy.sha256: policy for policy in POLICIES})
        self.seen: list[tuple[object, ...]] = []
        self.unjudged = 0

    def step(self, step: Step, number: int) -> None:
        what, value = step
        if what == "event":
            record = RECORDS[value]
            if number % 5 == 4:
                record = again(record, number)
            self._take(join.fold_event(self.state, record, self.view))
            self.unjudged += bool(self.state and self.state.unweighed)
        elif what == "policy":
            self.view = View(self.view.now, POLICIES[value], self.view.policies)
        else:
            self.time(value)

    def time(self, ms: int) -> None:
        now = (self.view.now or 0) + ms
        self.view = View(now, self.view.active, self.view.policies)
        if self.state is not None and self.state.due is not None and self.state.due <= now:
            self._take(join.pass_time(self.state, self.view))

    def _take(self, outcome: Outcome) -> None:
        self.state = outcome.state
        self.seen.append(told(outcome))


def live(steps: list[Step]) -> Lived:
    """Let the steps happen, then everything fall due."""
    lived = Lived()
    for number, step in enumerate(steps):
        lived.step(step, number)
    for _ in range(8):
        lived.time(5 * MINUTE)
    return lived


def check(steps: list[Step]) -> int:
    """Both ways, compared at every step; how many events were taken in unjudged."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(waiting, "taken_in", lambda *_: None)
        slow = live(steps)
    fast = live(steps)
    assert fast.seen == slow.seen
    if fast.state is not None and not fast.state.unweighed:
        assert fast.state == slow.state
    assert slow.unjudged == 0
    return fast.unjudged


@settings(max_examples=500, deadline=None)
@given(STEPS)
def test_a_call_fares_as_it_would_have_judged_at_every_step(steps: list[Step]) -> None:
    check(steps)


def test_the_same_over_many_long_lives_and_most_events_need_no_judgement() -> None:
    draw = random.Random(5)
    unjudged = events = 0
    for _ in range(150):
        steps: list[Step] = [("event", draw.randrange(len(DOCUMENTS))) for _ in range(7)]
        for _ in range(draw.randint(0, 4)):
            steps.insert(draw.randrange(len(steps)), ("time", draw.choice((1000, 20_000, 60_000, 500_000))))
        if draw.random() < 0.3:
            steps.insert(draw.randrange(len(steps)), ("policy", draw.randrange(len(POLICIES))))
        unjudged += check(steps)
        events += 7
    assert unjudged > events / 5


def test_a_reason_counts_from_the_event_that_gave_it_though_nobody_looked() -> None:
    """Its deadline passed before the call-ended came that put it back: only by then is the moment of use."""
    lived = Lived()
    for step in (
        ("event", 0),
        ("time", 20_000),
        ("event", DOCUMENTS.index(stories.tool("t1-elsewhere", status="failed"))),
    ):
        lived.step(step, 0)
    assert lived.state is not None
    assert (lived.state.reason_since, lived.state.unweighed) == (None, (START_MS, START_MS + 20_000))
    lived.time(40_000)
    assert lived.state.reason_since == START_MS + 20_000


def test_without_the_times_of_unweighed_items_two_stories_would_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the comparison above sees a reason that is dated by the judgement instead of its event."""
    monkeypatch.setattr("stream_app.core.judgement._weighed", lambda *_: None)
    failed = DOCUMENTS.index(stories.tool("t1-elsewhere", status="failed"))
    with pytest.raises(AssertionError):
        check([("event", 0), ("event", failed), ("time", 60_000)])
