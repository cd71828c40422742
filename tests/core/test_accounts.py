"""Accounts: which call a report means that names an account and a time, told once, whatever came first."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from stream_app.core import accounts
from stream_app.core.accounts import Account, CallTimes, account_key, fold_call, fold_report, is_account, settle
from stream_app.core.events import CallEnded, CallReported, Event
from stream_app.core.evidence import AcceptedEvent, Position, event_digest, reduce_event
from stream_app.core.identity_records import (
    AccountCallRecord,
    AccountReportRecord,
    CandidatesRecord,
    LinkRecord,
    PassingEvent,
    Place,
)
from tests import stories
from tests.stories import MINUTE, START_MS

PLACE = Place(9, 3, "call-reported")
WINDOW, SETTLE, HORIZON = 30 * MINUTE, 5 * MINUTE, 24 * 60 * MINUTE
NONE = Account("acc")


def call(name: str, end: int, minutes: int = 3) -> AccountCallRecord:
    return AccountCallRecord(account="acc", began=end - minutes * MINUTE, call=name, ended=end)


def report(around: int, *, name: str = "callReport:r", received: int = START_MS) -> AccountReportRecord:
    return AccountReportRecord(account="acc", alias=name, around=around, position=PLACE, received_at=received)


def told(state: Account, *records: AccountCallRecord | AccountReportRecord, now: int) -> tuple[Account, list[Any]]:
    answers: list[Any] = []
    for record in records:
        if isinstance(record, AccountReportRecord):
            state = fold_report(state, record, WINDOW, SETTLE)
        else:
            state, more = fold_call(state, record)
            answers += more
    left, more = settle(state, now, HORIZON)
    assert left is not None
    return left, answers + list(more)


LATER = START_MS + WINDOW + SETTLE


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_one_call_of_the_account_in_the_window_is_linked_whatever_came_first(order: tuple[int, ...]) -> None:
    records = [report(START_MS), call("near", START_MS - 10 * MINUTE), call("far", START_MS - 60 * MINUTE)]
    _, answers = told(NONE, *(records[index] for index in order), now=LATER)
    assert answers == [
        LinkRecord(alias="callReport:r", canonical_call_id="near", said_by=accounts.SAID_BY, position=PLACE)
    ]


def test_several_calls_in_the_window_are_told_and_none_is_guessed() -> None:
    _, answers = told(NONE, call("b", START_MS), call("a", START_MS - MINUTE), report(START_MS), now=LATER)
    assert answers == [CandidatesRecord(alias="callReport:r", candidates=("a", "b"), position=PLACE)]


@pytest.mark.parametrize(
    ("began", "end", "fits"),
    [(-60, -31, False), (-60, -30, True), (30, 90, True), (31, 90, False), (-90, 90, True)],
)
def test_a_call_counts_where_any_of_it_lies_in_the_window(began: int, end: int, fits: bool) -> None:
    one = AccountCallRecord(account="acc", began=START_MS + began * MINUTE, call="c", ended=START_MS + end * MINUTE)
    _, answers = told(NONE, one, report(START_MS), now=LATER)
    assert bool(answers) is fits


def test_nothing_is_told_before_the_window_has_settled_nor_before_the_report_has() -> None:
    state, answers = told(NONE, call("a", START_MS), report(START_MS), now=LATER - 1)
    assert answers == []
    assert state.next_due(HORIZON) == LATER
    old = report(START_MS - 24 * 60 * MINUTE)
    assert told(NONE, old, now=START_MS)[0].next_due(HORIZON) == START_MS + SETTLE


def test_a_call_that_comes_late_answers_a_report_that_had_none_and_tells_of_one_that_had() -> None:
    state, answers = told(NONE, report(START_MS), now=LATER)
    assert answers == []
    state, answers = fold_call(state, call("a", START_MS))  # type: ignore[assignment]
    assert [type(answer) for answer in answers] == [LinkRecord]
    state, answers = fold_call(state, call("b", START_MS))  # type: ignore[assignment]
    assert [answer.candidates for answer in answers if isinstance(answer, CandidatesRecord)] == [("a", "b")]
    assert fold_call(state, call("b", START_MS)) == (state, ())


def test_a_call_that_two_events_tell_of_is_one_call_and_was_as_long_as_both_say() -> None:
    state, _ = fold_call(NONE, call("a", START_MS, minutes=1))
    state, _ = fold_call(state, call("a", START_MS + MINUTE, minutes=5))
    assert state.calls == (CallTimes(START_MS + MINUTE, START_MS - 4 * MINUTE, "a"),)


def test_what_was_forgotten_may_have_been_meant() -> None:
    state = NONE
    for number in range(accounts.MAX_CALLS + 1):
        state, _ = fold_call(state, call(f"c{number:03}", START_MS - 20 * MINUTE + number * 60 * MINUTE))
    assert len(state.calls) == accounts.MAX_CALLS
    _, answers = told(state, report(START_MS), now=LATER)
    assert answers == [CandidatesRecord(alias="callReport:r", candidates=(), more=True, position=PLACE)]
    _, answers = told(state, report(START_MS + 10 * MINUTE), now=LATER + HORIZON // 2)
    assert [answer.candidates for answer in answers] == [("c001",)]
    _, answers = told(state, report(START_MS + 15 * MINUTE), now=LATER + HORIZON // 2)
    assert [answer.canonical_call_id for answer in answers] == ["c001"]


def test_calls_and_reports_are_forgotten_and_then_the_account_is() -> None:
    state, _ = told(NONE, call("a", START_MS), report(START_MS), now=LATER)
    assert state.next_due(HORIZON) == LATER + HORIZON
    state, _ = told(state, call("b", LATER + MINUTE), now=START_MS + HORIZON)
    assert [one.call for one in state.calls] == ["b"]
    assert state.forgotten_until == START_MS
    assert settle(state, LATER + 2 * MINUTE + HORIZON, HORIZON) == (None, ())


def test_further_reports_than_are_remembered_wait_unanswered() -> None:
    state = NONE
    for number in range(accounts.MAX_REPORTS + 1):
        state = fold_report(state, report(START_MS, name=f"callReport:{number:03}"), WINDOW, SETTLE)
    assert len(state.reports) == accounts.MAX_REPORTS
    assert fold_report(state, report(START_MS, name="callReport:000"), WINDOW, SETTLE) is state


def passing(model: type[Event], document: dict[str, Any], received: int = START_MS + MINUTE) -> PassingEvent:
    event = model.from_dict(document)
    where = Position(topic=model.TYPE, partition=3, offset=9)
    return PassingEvent.of(
        AcceptedEvent(position=where, received_at=received, digest=event_digest(event), event=reduce_event(event))
    )


def test_a_call_ended_tells_of_its_account_and_no_other_event_does() -> None:
    ended = stories.call_ended(accountRef="acc")
    assert accounts.call_record(passing(CallEnded, ended), "c") == call("c", START_MS)
    short = {**ended, "durationMs": 60_000}
    del short["startedAt"]
    assert accounts.call_record(passing(CallEnded, short), "c") == call("c", START_MS, minutes=1)
    assert accounts.call_record(passing(CallEnded, stories.call_ended(queue='"accountRef"')), "c") is None
    reported = stories.event("call-reported", "r", accountRef="acc")
    assert accounts.call_record(passing(CallReported, reported), "c") is None
    ahead = accounts.call_record(passing(CallEnded, stories.call_ended(end=START_MS * 2, accountRef="acc")), "c")
    assert ahead is not None
    assert (ahead.began, ahead.ended) == (START_MS + MINUTE, START_MS + MINUTE)


def test_a_report_asks_for_the_time_it_states_or_that_of_itself_and_never_for_the_future() -> None:
    for stated, around in ((None, START_MS), (START_MS - 5, START_MS - 5), (START_MS * 2, START_MS + MINUTE)):
        fields = {} if stated is None else {"around": stories.format_instant(stated)}
        event = passing(CallReported, stories.event("call-reported", "r", call=None, accountRef="acc", **fields))
        assert accounts.report_record(event, "callReport:r") == report(around, received=START_MS + MINUTE)
        assert accounts.report_record(event, "sipCallId:r") is None
    assert accounts.report_record(passing(CallEnded, stories.call_ended(accountRef="acc")), "callReport:r") is None


def test_keys_of_accounts_are_no_aliases_and_names_of_reports_are_told_apart() -> None:
    assert account_key("hmac:1") == b"@account:hmac:1"
    assert len(account_key("a" * 5000)) < 300
    assert is_account(account_key("a"))
    assert not is_account(b"account:a")
    assert not is_account(None)
    names = {accounts.report_name(source, event) for source in ("a", "b") for event in ("1", "x" * 256)}
    assert len(names) == 4
    assert max(map(len, names)) <= 256
