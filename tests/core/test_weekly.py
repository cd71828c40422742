"""The weekly report: counts that add up, and nothing from which a small group could be told."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.weekly import MIN_GROUP, Table, report_of, week_bounds

WEEK = "2026-W23"


def packet(number: int, *, version: int = 1, at: str = "2026-06-03T10:00:00.000Z", **fields: Any) -> dict[str, Any]:
    evaluation = {"label": fields.pop("label", "task_failed"), "failureLabel": fields.pop("failure", None)}
    return {
        "canonicalCallId": f"call-{number}", "version": version, "sealedAt": at, "status": "complete",
        "selectionReason": "scheduled_sample", "agentVersion": "agent@1", "evaluationResult": evaluation, **fields,
    }  # fmt: skip


def table(packets: list[dict[str, Any]], name: str) -> Table:
    return next(one for one in report_of(packets, WEEK).tables if one.name == name)


def by_label(**counts: int) -> list[dict[str, Any]]:
    labels = [label for label, count in counts.items() for _ in range(count)]
    return [packet(number, failure=label) for number, label in enumerate(labels)]


def test_calls_are_counted_once_by_their_last_version_in_their_week() -> None:
    packets = [packet(number) for number in range(6)]
    packets += [packet(0, version=2, status="blocked"), packet(9, at="2026-06-08T00:00:00.000Z")]
    made = report_of(packets, WEEK)
    assert made.calls == 6
    assert made.to_dict()["exportLevel"] == "aggregate_only"
    assert not [name for name in ("call-", "s3://", "evt-") if name in str(made.to_dict())]


def test_a_week_is_seven_days_from_monday() -> None:
    begin, end = week_bounds(WEEK)
    assert end - begin == 7 * 86_400_000
    edge = [packet(number, at="2026-06-01T00:00:00.000Z") for number in range(5)]
    assert report_of(edge, WEEK).calls == 5
    assert report_of(edge, "2026-W22").calls is None


@pytest.mark.parametrize("week", ["2026-23", "2026-W60", "W23", ""])
def test_what_is_no_week_is_an_error(week: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        week_bounds(week)


def test_fewer_than_five_calls_are_not_told_at_all() -> None:
    assert report_of([packet(number) for number in range(MIN_GROUP - 1)], WEEK).to_dict()["calls"] is None
    assert report_of([packet(number) for number in range(MIN_GROUP)], WEEK).calls == MIN_GROUP


def test_a_small_group_is_withheld_and_with_it_one_that_would_give_it_away() -> None:
    assert table(by_label(late=20, wrong=8, rude=2), "failureLabel").groups == {"late": 20}
    assert table(by_label(late=20, wrong=8, rude=2), "failureLabel").withheld == 2
    assert table(by_label(late=20, wrong=8, lost=5), "failureLabel").withheld == 0
    # Two groups of one call each: together they are two calls, which the total would give away.
    assert table(by_label(late=20, wrong=8, rude=1, lost=1), "failureLabel").groups == {"late": 20}


def test_labels_that_may_name_somebody_are_other() -> None:
    packets = [packet(number, label="caller Ann", agentVersion="+15005550100") for number in range(5)]
    assert table(packets, "label").groups == {"other": 5}
    assert table(packets, "agentVersion").groups == {"other": 5}
    blocked = [packet(number, evaluationResult=None, agentVersion=None) for number in range(5)]
    assert table(blocked, "label").groups == table(blocked, "agentVersion").groups == {"none": 5}


@settings(max_examples=200)
@given(st.lists(st.sampled_from("abcdefg"), min_size=MIN_GROUP, max_size=60))
def test_no_group_below_the_minimum_is_told_or_follows_from_the_total(labels: list[str]) -> None:
    told = table([packet(number, failure=label) for number, label in enumerate(labels)], "failureLabel")
    counts = Counter(labels)
    assert all(count >= MIN_GROUP and counts[label] == count for label, count in told.groups.items())
    hidden = [count for label, count in counts.items() if label not in told.groups]
    assert len(hidden) == told.withheld
    if hidden and len(hidden) < len(counts):
        assert len(hidden) > 1
        assert sum(hidden) >= MIN_GROUP


def test_calls_are_counted_by_the_groups_that_they_belong_to() -> None:
    groups = {"agentId": "billing", "queue": "q-1", "language": "en-US", "cohort": "launch"}
    packets = [packet(number, segment=groups) for number in range(6)] + [packet(number) for number in range(6, 12)]
    for name, group in groups.items():
        assert dict(table(packets, name).groups) == {group: 6, "none": 6}
    named = [packet(number, segment={**groups, "cohort": "Ana Ruiz +15005550142"}) for number in range(6)]
    assert dict(table(named, "cohort").groups) == {"other": 6}
