"""Open joins: which are listed, what is counted, and that partitions add up."""

from __future__ import annotations

from typing import Any

from stream_app.core.open_joins import OpenJoins, Wanted, horizon, merged
from tests import stories
from tests.folding import Call
from tests.stories import MINUTE, START_MS

NOW = START_MS + 12 * MINUTE


def waiting(*more: dict[str, Any]) -> Call:
    return Call().fold(stories.call_ended(), *more)


def listed(call: Call, **wanted: Any) -> dict[str, Any]:
    found = OpenJoins(Wanted(**{"now": NOW, **wanted}))
    assert call.state is not None
    found.add(call.state, call.view())
    return found.result()


def test_a_call_that_waits_is_listed_with_its_age_its_deadline_and_who_it_waits_for() -> None:
    found = listed(waiting(stories.tool(status="failed"), stories.trace()))
    assert found["count"] == 1
    (row,) = found["joins"]
    assert (row["canonicalCallId"], row["ageS"], row["ended"]) == ("call-1", 720.0, True)
    assert row["missing"] == [{"kind": "evaluation", "expectedFrom": "evaluation-completed"}]
    assert row["reasons"] == ["failed_tool_call"]
    assert row["openSince"] < row["deadlineAt"]
    assert found["by"]["source"] == {"evaluation-completed": 1}
    assert found["by"]["missing"] == {"evaluation": 1}
    assert list(found["by"]["policy"].values()) == [1]


def test_a_call_that_has_all_is_not() -> None:
    assert listed(waiting(stories.trace(), stories.evaluation()))["count"] == 0


def test_only_what_misses_any_of_the_kinds_and_only_what_is_as_old() -> None:
    call = waiting(stories.trace())
    assert listed(call, missing=("evaluation",))["count"] == 1
    assert listed(call, missing=("trace", "evaluation"))["count"] == 1
    assert listed(call, missing=("trace",))["count"] == 0
    assert listed(call, older_than_ms=12 * MINUTE)["count"] == 1
    assert listed(call, older_than_ms=12 * MINUTE + 1)["count"] == 0


def test_with_a_filter_only_its_sources_are_blamed() -> None:
    call = waiting(stories.tool(status="failed"))
    assert listed(call)["by"]["source"] == {"evaluation-completed": 1, "trace-completed": 1}
    assert listed(call, missing=("evaluation",))["by"]["source"] == {"evaluation-completed": 1}


def test_the_oldest_are_kept_and_all_are_counted() -> None:
    found = OpenJoins(Wanted(NOW, limit=2))
    for age in (3, 9, 1, 7):
        call = Call().fold(stories.call_ended(call="call-1", end=NOW - age * MINUTE))
        assert call.state is not None
        found.add(call.state, call.view())
    result = found.result()
    assert result["count"] == 4
    assert [row["ageS"] for row in result["joins"]] == [540.0, 420.0]
    both = merged([result, listed(waiting(stories.tool(status="failed")))], 2)
    assert (both["count"], [row["ageS"] for row in both["joins"]]) == (5, [720.0, 540.0])
    assert both["by"]["missing"] == {"evaluation": 5, "trace": 1}
    assert list(both["by"]["missing"]) == ["evaluation", "trace"], "the most frequent first"
    assert listed(waiting(), limit=0)["joins"] == []


def test_no_open_call_is_due_behind_the_horizon() -> None:
    call = waiting(stories.tool(status="failed"))
    assert call.state is not None
    assert call.state.due is not None
    assert call.state.due <= horizon(call.view())
