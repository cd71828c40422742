"""Reports that name an account alone, through the line: any order, crashes, several calls, and a person's word."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from typing import Any

import pytest

from stream_app.core import accounts
from stream_app.core.alias_rows import read_account_row
from stream_app.topics import IDENTITY
from tests import stories
from tests.pipeline.test_identity import Lazy, Line, line
from tests.stories import MINUTE, START_MS

HOUR = 60 * MINUTE
SID = {"twilioCallSid": "CA-1"}


def reported(event_id: str = "complaint", **fields: Any) -> dict[str, Any]:
    stated = {"accountRef": "hmac:1", "around": stories.format_instant(START_MS - MINUTE), "symptom": "double_charge"}
    return stories.event("call-reported", event_id, call=None, **{**stated, **fields})


STORY: tuple[dict[str, Any], ...] = (
    stories.call_ended(call=None, aliases=SID, accountRef="hmac:1", recording=None, channels=0),
    stories.event("identity-linked", "linked", aliases=SID),
    stories.evaluation(),
    stories.call_ended("other", call="call-2", end=START_MS - 2 * HOUR, accountRef="hmac:1"),
    reported(),
)


def pages(simulator: Line) -> list[accounts.Account]:
    return [read_account_row(row) for key, row in simulator.rows().items() if accounts.is_account(key)]


def given(simulator: Line) -> dict[str, list[str]]:
    """Call -> the reports it was given."""
    found: dict[str, list[str]] = {}
    for record in simulator.out("evidence"):
        if record["record"] == "event" and record["event"]["type"] == "call-reported":
            found.setdefault(record["canonicalCallId"], []).append(record["event"]["eventId"])
    return found


def ambiguous(simulator: Line) -> list[str]:
    return [one["state"] for one in simulator.out("join-alerts") if one["kind"] == "report_ambiguous"]


def test_all_120_orders_of_a_story_find_the_one_call_that_the_report_means() -> None:
    for number, documents in enumerate(itertools.permutations(STORY)):
        simulator = line(seed=number)
        for document in documents:
            simulator.publish(document)
            if number % 2:
                simulator.tick(50)
        simulator.tick(MINUTE)
        assert given(simulator) == {}, "nothing is told before the window has settled"
        simulator.tick(HOUR)
        simulator.tick(MINUTE)
        assert given(simulator) == {"call-1": ["complaint"]}
        simulator.tick(HOUR)
        order = simulator.last_orders()["call-1"]
        assert order["selection"]["reason"] == "customer_reported"
        assert {item["eventId"] for item in order["items"]} >= {"ended", "judged", "complaint"}
        assert ambiguous(simulator) == []
        assert simulator.out("dead-letters") == []


def two_calls(simulator: Line) -> None:
    for call in ("call-1", "call-2"):
        simulator.publish(stories.call_ended(f"ended-{call}", call=call, accountRef="hmac:1"))
    simulator.publish(reported())
    simulator.tick(HOUR)
    simulator.tick(MINUTE)


def waits_at(simulator: Line) -> str:
    (page,) = pages(simulator)
    (report,) = page.reports
    return report.alias


def test_several_calls_are_an_alert_with_the_candidates_until_a_person_says_which() -> None:
    simulator = line()
    two_calls(simulator)
    (alert,) = [one for one in simulator.out("join-alerts") if one["kind"] == "report_ambiguous"]
    assert "call-1 or call-2" in alert["detail"]
    assert waits_at(simulator) in alert["detail"]
    assert given(simulator) == {}
    scheme, _, value = waits_at(simulator).partition(":")
    said = stories.event("identity-linked", "said", call="call-2", source="operator/ada", aliases={scheme: value})
    simulator.publish(said)
    simulator.tick(MINUTE)
    assert given(simulator) == {"call-2": ["complaint"]}
    assert ambiguous(simulator) == ["firing", "resolved"]
    simulator.publish(stories.call_ended("third", call="call-3", accountRef="hmac:1"))
    simulator.tick(HOUR)
    assert ambiguous(simulator) == ["firing", "resolved"], "what a person has said stands"


@pytest.mark.parametrize("said", ["call-1", "call-2"])
def test_a_call_that_comes_after_the_answer_is_an_alert_and_a_person_may_say_either(said: str) -> None:
    simulator = line()
    simulator.publish(stories.call_ended(accountRef="hmac:1"))
    simulator.publish(reported())
    simulator.tick(HOUR)
    simulator.tick(MINUTE)
    assert given(simulator) == {"call-1": ["complaint"]}
    simulator.publish(stories.call_ended("late", call="call-2", accountRef="hmac:1"))
    simulator.tick(MINUTE)
    assert ambiguous(simulator) == ["firing"]
    scheme, _, value = waits_at(simulator).partition(":")
    link = stories.event("identity-linked", "said", call=said, source="operator/ada", aliases={scheme: value})
    simulator.publish(link)
    simulator.tick(MINUTE)
    assert ambiguous(simulator) == ["firing", "resolved"]


def test_a_report_without_a_call_is_an_orphan_and_adopted_by_a_call_that_comes_yet() -> None:
    simulator = line()
    simulator.publish(reported())
    for _ in range(4):
        simulator.tick(HOUR)
    orphans = [one["state"] for one in simulator.out("join-alerts") if one["kind"] == "orphan"]
    assert orphans == ["firing"]
    simulator.publish(stories.call_ended(accountRef="hmac:1"))
    simulator.tick(MINUTE)
    assert given(simulator) == {"call-1": ["complaint"]}
    orphans = [one["state"] for one in simulator.out("join-alerts") if one["kind"] == "orphan"]
    assert orphans == ["firing", "resolved"]


def test_a_report_sent_again_is_one_question_and_one_reason() -> None:
    simulator = line()
    simulator.publish(stories.call_ended(accountRef="hmac:1"))
    for _ in range(5):
        simulator.publish(reported())
    for _ in range(3):
        simulator.tick(HOUR)
    assert len(pages(simulator)[0].reports) == 1
    assert [item["eventId"] for item in simulator.last_orders()["call-1"]["items"]].count("complaint") == 1


def test_accounts_are_forgotten_and_leave_nothing() -> None:
    simulator = line()
    two_calls(simulator)
    assert pages(simulator)
    for _ in range(4):
        simulator.tick(40 * 24 * HOUR)
    assert pages(simulator) == []
    assert not [key for key in simulator.rows() if key.startswith(b"lookup/")]


@pytest.mark.parametrize("kind", [Line, Lazy])
def test_crashes_anywhere_repeat_no_alert_and_lose_no_answer(kind: type[Line]) -> None:
    for seed in range(40):
        draw = random.Random(seed)
        simulator = kind(partitions=4, seed=seed)
        simulator.now = START_MS + 1000
        simulator.tick()
        documents = [
            *STORY,
            reported("vague", around=stories.format_instant(START_MS - 3 * HOUR), accountRef="hmac:2"),
            stories.call_ended("a", call="call-a", end=START_MS - 3 * HOUR, accountRef="hmac:2"),
            stories.call_ended("b", call="call-b", end=START_MS - 3 * HOUR, accountRef="hmac:2"),
        ]
        draw.shuffle(documents)
        for document in documents:
            simulator.publish(document)
            for _ in range(draw.randint(0, 4)):
                busy = [key for key, lane in simulator.lanes.items() if lane.read < len(simulator.log[key[0]][key[1]])]
                if busy:
                    simulator._deliver(draw.choice(busy))
            simulator.crash(draw.randrange(simulator.partitions))
        for _ in range(3):
            simulator.tick(HOUR // 2)
            for partition in range(simulator.partitions):
                simulator.crash(partition)
        simulator.tick(MINUTE)
        assert {call: set(ids) for call, ids in given(simulator).items()} == {"call-1": {"complaint"}}, seed
        alerts = Counter((one["alertId"], one["state"]) for one in simulator.out("join-alerts"))
        assert max(alerts.values()) == 1, seed
        assert ambiguous(simulator) == ["firing"], seed
        assert not any(simulator.lanes[IDENTITY.name, p].undone for p in range(simulator.partitions)), seed
