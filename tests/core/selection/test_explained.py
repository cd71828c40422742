"""Why each reason holds of a call, or does not: as `reasons_of` has it, and without what anybody said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.orders import Item
from stream_app.core.policy import REASONS
from stream_app.core.selection import facts_of, reasons_of
from stream_app.core.selection.explained import explained
from stream_app.policy_file import default_policy
from tests.core.selection.test_reasons import HITS
from tests.evidence import call, evaluation, request, tool

POLICY = default_policy()


def told(*items: Item, call_id: str = "call-1") -> dict[str, dict[str, Any]]:
    return {one["reason"]: one for one in explained(POLICY, facts_of(call_id, items))}


@pytest.mark.parametrize(("reason", "items"), HITS)
def test_each_reason_that_holds_says_what_decided_it(reason: str, items: tuple[Item, ...]) -> None:
    one = told(*items)[reason]
    assert one["holds"]
    assert one["askedForBy"] or any(test["holds"] for test in one["tests"])


def test_every_reason_is_told_and_one_is_chosen() -> None:
    found = told(call(), tool("t", status="failed"), evaluation(label="failed"))
    assert set(found) == set(REASONS)
    assert [one["reason"] for one in found.values() if one["chosen"]] == ["failed_tool_call"]
    assert found["regression_candidate"]["holds"]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from([item for _, items in HITS for item in items]), max_size=6), st.integers(0, 10**6))
def test_it_never_says_anything_but_what_decides(items: list[Item], number: int) -> None:
    facts = facts_of(f"call-{number}", items)
    hits = [hit.row.reason for hit in reasons_of(POLICY, facts)]
    found = explained(POLICY, facts)
    assert [one["reason"] for one in found if one["holds"]] == hits
    assert [one["reason"] for one in found if one["chosen"]] == hits[:1]
    for one in found:
        sample = one["sample"]
        drawn = sample is not None and sample["inPopulation"] and sample["draw"] < sample["rate"]
        tests = [test["holds"] for test in one["tests"]]
        met = bool(tests) and (any(tests) if one["joinedBy"] == "any" else all(tests))
        assert one["holds"] == (drawn or met or bool(one["askedForBy"]))


def test_thresholds_are_shown_with_the_figure() -> None:
    (test, *_) = told(call(measures={"minAsrConfidence": 0.55}))["low_confidence_turn"]["tests"]
    assert (test["fact"], test["operator"], test["operand"]) == ("minAsrConfidence", "below", 0.6)
    assert (test["value"], test["known"], test["holds"]) == (0.55, True, True)


def test_words_that_somebody_chose_are_not_shown() -> None:
    secret = "Ana Ruiz +15005550142"
    found = told(call(queue=secret), evaluation(label=secret, failureLabel=secret, policyFlags=[secret]))
    shown = json.dumps([test for one in found.values() for test in one["tests"]])
    assert secret not in shown
    assert found["unsafe_or_noncompliant"]["tests"][0]["known"]


def test_a_request_is_named() -> None:
    found = told(call(), request(trigger="failure_cluster"))
    (asked,) = [one for one in found.values() if one["askedForBy"]]
    assert asked["holds"]
    assert asked["askedForBy"] == ["failure_cluster"]


def test_without_call_ended_there_is_no_stratum() -> None:
    sample = told(tool("t"))["scheduled_sample"]["sample"]
    assert sample == {"inPopulation": False, "stratum": None, "rate": None, "draw": None}
