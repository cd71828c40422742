"""The plan of a run: the same from the same seed, in the shares that are asked for, every record a real event."""

from __future__ import annotations

import json
from collections import Counter

from stream_app.pipeline.intake import Intake
from stream_app.pipeline.ports import Incoming
from tests.chaos.story import DUPLICATED, Timing, plan

EPOCH = 1_780_512_000_000
LIMIT = 50_000
TIMING = Timing()


def test_one_seed_is_one_plan_and_another_is_another() -> None:
    first, again, other = (plan(seed, 200, 8.0, EPOCH, TIMING, oversize=LIMIT + 1) for seed in (4, 4, 5))
    assert first == again
    assert {one.value for one in first.sends}.isdisjoint({one.value for one in other.sends if one.value})


def test_shares_are_as_asked() -> None:
    made = plan(4, 4000, 8.0, EPOCH, TIMING, oversize=LIMIT + 1)
    fates = Counter(truth.fate for truth in made.truths.values())
    assert abs(fates["missing"] / 4000 - 0.10) < 0.02
    assert abs(fates["late"] / 4000 - 0.05) < 0.015
    assert abs(fates["conflict"] / 4000 - 0.02) < 0.01
    events = Counter(one.event_id for one in made.sends if one.event_id and "stray" not in one.event_id)
    conflicting = {truth.conflicting for truth in made.truths.values()}
    twice = sum(count > 1 for event, count in events.items() if event not in conflicting)
    assert abs(twice / len(events) - DUPLICATED) < 0.02
    assert len(made.strays) > 10
    assert len(made.claims) > 10
    refused = Counter(one.refusal[1] for one in made.sends if one.refusal is not None)
    assert set(refused) == {
        "not_json", "invalid_event", "unknown_type", "wrong_topic", "unknown_schema_version", "identity_missing",
        "tombstone", "oversize", "identity_conflict",
    }  # fmt: skip


def test_records_stand_in_time_order_and_late_ones_behind_the_deadline() -> None:
    made = plan(4, 1000, 8.0, EPOCH, TIMING)
    assert [one.at for one in made.sends] == sorted(one.at for one in made.sends)
    for one in made.sends:
        if one.call is None:
            continue
        truth = made.truths[one.call]
        late = one.event_id == truth.late or (one.event_id or "").endswith("-report")
        assert (one.at > truth.end + TIMING.deadline) == late, one


def test_intake_takes_what_the_plan_calls_an_event_and_refuses_the_rest_for_the_reason_it_names() -> None:
    intake = Intake(LIMIT)
    made = plan(4, 600, 8.0, EPOCH, TIMING, oversize=LIMIT + 1)
    for number, one in enumerate(made.sends):
        record = Incoming(one.topic, 0, number, one.at, one.key, one.value)
        sends = intake.handle(record).sends
        letters = [json.loads(sent.value or b"") for sent in sends if sent.topic == "dead-letters"]
        if one.refusal is not None and one.refusal[0] == "intake":
            assert [letter["reason"] for letter in letters] == [one.refusal[1]]
        else:
            assert letters == [], one
