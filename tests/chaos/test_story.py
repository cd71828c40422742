"""The plan of a run: the same from the same seed, in the shares that are asked for, every record a real event."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from stream_app.pipeline.intake import Intake
from stream_app.pipeline.ports import Incoming
from tests.chaos.story import DUPLICATED, FATES, Plan, Timing, Truth, plan

EPOCH = 1_780_512_000_000
LIMIT = 50_000
TIMING = Timing()


def test_one_seed_is_one_plan_and_another_is_another() -> None:
    first, again, other = (plan(seed, 200, 8.0, EPOCH, TIMING, oversize=LIMIT + 1) for seed in (4, 4, 5))
    assert first == again
    events, others = ({one.value for one in made.sends if one.event_id} for made in (first, other))
    assert events.isdisjoint(others)


def test_shares_are_as_asked() -> None:
    made = plan(4, 4000, 8.0, EPOCH, TIMING, oversize=LIMIT + 1)
    fates = Counter(truth.fate for truth in made.truths.values())
    assert abs(fates["missing"] / 4000 - 0.10) < 0.02
    assert abs(fates["late"] / 4000 - 0.05) < 0.015
    assert abs(fates["conflict"] / 4000 - 0.02) < 0.01
    assert fates == {fate: round(share * 4000) for fate, share in FATES} | {"complete": fates["complete"]}
    events = Counter(one.event_id for one in made.sends if one.event_id and "stray" not in one.event_id)
    conflicting = {truth.conflicting for truth in made.truths.values()}
    twice = sum(count > 1 for event, count in events.items() if event not in conflicting)
    assert abs(twice / len(events) - DUPLICATED) < 0.02
    assert len(made.strays) > 10
    assert Counter(made.claims.values()) == {True: fates["settled"], False: fates["disputed"]}
    refused = Counter(one.refusal[1] for one in made.sends if one.refusal is not None)
    assert set(refused) == {
        "not_json", "invalid_event", "unknown_type", "wrong_topic", "unknown_schema_version", "identity_missing",
        "tombstone", "oversize", "identity_conflict",
    }  # fmt: skip
    assert {one.refusal[0] for one in made.sends if one.refusal is not None} == {"intake"}


def test_a_short_plan_has_every_fate() -> None:
    assert {truth.fate for truth in plan(4, 60, 8.0, EPOCH, TIMING).truths.values()} == {"complete", *dict(FATES)}


def _sends(made: Plan, truth: Truth) -> dict[str, dict[str, Any]]:
    """What is sent of the call, and of the call that claims its name, by the rest of their event IDs."""
    call = truth.ended_by.removesuffix("-call")
    documents = [json.loads(one.value or b"{}") for one in made.sends if (one.event_id or "").startswith(call)]
    return {one["eventId"].removeprefix(f"{call}-"): one for one in documents}


def test_a_call_without_a_name_is_known_by_its_sid_and_renamed_only_when_it_has_left() -> None:
    made = plan(4, 600, 8.0, EPOCH, TIMING)
    for call, truth in made.truths.items():
        if truth.fate not in ("unnamed", "renamed"):
            continue
        own = truth.ended_by.removesuffix("-call")
        assert call == f"twilioCallSid:CA{own}"
        stating = {piece for piece, one in _sends(made, truth).items() if "canonicalCallId" in one}
        assert stating == ({"own-name", "own-log"} if truth.fate == "renamed" else set())
        waits = {one.event_id for one in made.sends if one.call == call and one.after == f"{call}/1"}
        assert waits == truth.later - set(truth.notices)
        assert set(truth.notices) == ({f"identity-linked:{call}={own}"} if truth.fate == "renamed" else set())


def test_nothing_of_a_call_hangs_on_the_name_in_dispute_but_what_waits_for_an_operator() -> None:
    made = plan(4, 2000, 8.0, EPOCH, TIMING)
    decided = Counter[str]()
    for call, truth in made.truths.items():
        if truth.fate not in ("disputed", "settled"):
            continue
        alias, sent = f"twilioCallSid:CA{call}", _sends(made, truth)
        knowing = {piece for piece, one in sent.items() if list(one.get("aliases", ())) == ["twilioCallSid"]}
        assert knowing == {"claim-call", "waits"} | ({"word"} if truth.fate == "settled" else set())
        after = {one.event_id: one.after for one in made.sends if one.after and (one.event_id or "").startswith(call)}
        alert = f"{alias}/identity_conflict/{call}-claim"
        assert after.pop(f"{call}-claim-call") == f"{call}/1"
        assert set(after.values()) == {alert}
        assert made.claims[alert] == (truth.fate == "settled") == ("word" in sent)
        assert (f"{call}-waits" in made.waiting) == (truth.fate == "disputed")
        decided[sent["word"]["canonicalCallId"].removeprefix(call) if "word" in sent else "nobody"] += 1
        assert (f"{call}-waits" in truth.events) == ("word" in sent and sent["word"]["canonicalCallId"] == call)
        assert truth.status == ("complete" if truth.fate == "settled" else "blocked")
    assert min(decided[who] for who in ("", "-claim", "nobody")) > 3


def test_a_report_by_account_names_no_call_and_means_one_or_too_many() -> None:
    made = plan(4, 2000, 8.0, EPOCH, TIMING)
    sent = [json.loads(one.value or b"{}") for one in made.sends if one.topic == "call-reported"]
    calls = Counter(
        json.loads(one.value)["accountRef"]
        for one in made.sends
        if one.topic == "call-ended" and one.call and one.value
    )
    named = {one["eventId"]: calls[one["accountRef"]] for one in sent if "accountRef" in one}
    assert not [one for one in sent if "accountRef" in one and {"aliases", "canonicalCallId"} & set(one)]
    means_one = {event_id for event_id, count in named.items() if count in (1, 2)}  # One may have been sent twice.
    assert {event_id.rpartition("-")[2] for event_id in means_one} == {"report"}
    assert {event_id.rpartition("-")[2] for event_id in set(named) - means_one} == {"vague"}
    assert len(means_one) > 10
    assert {alert.removeprefix("callReport:").rpartition(".")[0] for alert in made.vague} == set(named) - means_one


def test_records_stand_in_time_order_and_late_ones_behind_the_deadline() -> None:
    made = plan(4, 1000, 8.0, EPOCH, TIMING)
    assert [one.at for one in made.sends] == sorted(one.at for one in made.sends)
    for one in made.sends:
        if one.call is None:
            continue
        truth = made.truths[one.call]
        late = one.event_id in truth.later or (one.event_id or "").endswith("-report")
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
