"""A call in plain facts, at each point of its life: who, what, where, what is missing; no value of the evidence."""

from __future__ import annotations

import json
from typing import Any

from stream_app.core.alias_rows import EXPIRE, PARKED
from stream_app.core.calls import CallState
from stream_app.core.explanation import days_of, explain, explain_alias
from stream_app.core.identity import Alias
from tests import stories
from tests.folding import Call
from tests.stories import MINUTE, SECOND, START_MS


def told(call: Call) -> dict[str, Any]:
    """What is said of the call now."""
    assert call.state is not None
    return explain(call.state, call.view())


def test_a_call_without_a_reason() -> None:
    call = Call().fold(stories.call_ended(aliases={"twilioCallSid": "CA1"}), stories.trace())
    found = told(call)
    assert found["canonicalCallId"] == "call-1"
    assert found["aliases"] == {"twilioCallSid": "CA1", "traceId": "ab" * 16}
    assert found["reasons"] == []
    assert found["verdict"] == "no reason to review it: nothing is exported"
    assert found["endedAt"] == found["joinTime"] == "2026-06-03T18:40:00.000Z"
    assert found["versionsOrdered"] == 0


def test_a_call_that_waits_says_for_what_from_whom_and_until_when() -> None:
    found = told(Call().fold(stories.call_ended(), stories.tool(status="failed")))
    assert found["reasons"] == ["failed_tool_call"]
    assert found["verdict"] == "waiting for what is missing, until its deadline"
    assert not found["settled"]
    evaluation = {"kind": "evaluation", "reason": "never_seen", "expectedFrom": "evaluation-completed"}
    assert {**evaluation, "requiredBy": ["every packet"]} in found["missing"]
    assert {gap["kind"]: gap["requiredBy"] for gap in found["missing"]}["trace"] == ["failed_tool_call"]
    assert found["owner"]
    assert {gap["kind"] for gap in found["missing"]} <= set(found["required"])
    assert found["joinTime"] < found["nextLookAt"] <= found["deadlineAt"]
    assert [(one["kind"], one["eventId"], one["source"], one["position"]) for one in found["evidence"]] == [
        ("call", "ended", "test/call-ended", "call-ended/0/0"),
        ("tools", "tool", "test/tool-call", "tool-call/0/1"),
    ]


def test_a_sealed_call_and_what_comes_after() -> None:
    call = Call().fold(stories.call_ended(), stories.trace(), stories.evaluation(failed=True))
    found = told(call)
    assert (found["settled"], found["missing"], found["versionsOrdered"]) == (True, [], 1)
    assert found["verdict"] == "version 1 was ordered"
    again = told(call.fold(stories.tool()))
    assert again["verdict"] == "version 1 was ordered; new evidence came, the next version is due soon"
    assert told(call.time(10 * MINUTE))["verdict"] == "version 2 was ordered"


def test_alerts_duplicates_conflicts_and_further_names_are_told() -> None:
    call = Call().fold(
        stories.call_ended(aliases={"livekitEgress": "EG_2"}),
        stories.tool(),
        stories.tool(),
        stories.tool(status="failed"),
        stories.trace(aliases={"livekitEgress": "EG_1"}),
    )
    found = told(call.time(14 * MINUTE))
    assert found["duplicates"] == 1
    assert found["conflicts"] == ["tool"]
    assert found["aliases"]["livekitEgress"] == "EG_1"
    assert found["furtherAliases"] == {"livekitEgress": ["EG_2"]}
    assert found["alertsFiring"]
    assert all(alert.startswith("call-1/stuck/") for alert in found["alertsFiring"])


def test_without_call_ended_and_without_a_time_nothing_is_made_up() -> None:
    call = Call()
    call.now = None
    found = told(call.fold(stories.tool(status="failed")))
    assert (found["endedAt"], found["deadlineAt"], found["joinTime"], found["nextLookAt"]) == (None, None, None, None)
    known = told(call.time(SECOND))
    assert known["joinTime"] == "2026-06-03T18:40:01.000Z"
    assert known["endedAt"] is None
    assert known["nextLookAt"] is not None


def test_a_time_that_was_clamped_is_told_as_clamped() -> None:
    ahead = START_MS + 10 * 365 * 24 * 3600 * SECOND
    found = told(Call().fold(stories.call_ended(end=ahead), received=START_MS))
    assert found["endedAt"] == found["evidence"][0]["occurredAt"] == "2026-06-03T18:40:00.000Z"


def test_no_value_of_the_evidence_is_told() -> None:
    call = Call().fold(
        stories.call_ended(queue="cardiology", accountRef="hmac-x"),
        stories.tool(arguments={"diagnosis": "flu"}, result={"dose": 5}, status="failed", error="no flu shots"),
        stories.evaluation(failed=True),
    )
    text = json.dumps(told(call))
    for value in ("cardiology", "hmac-x", "diagnosis", "flu", "dose", "not_done", "lookup", "s3://", "digest"):
        assert value not in text, value


def test_a_merged_call_says_which_call_it_is_now() -> None:
    found = explain(CallState("call-1", version=2, merged_into="room:r"), Call().view())
    assert (found["mergedInto"], found["versionsOrdered"]) == ("room:r", 2)
    assert "same call as room:r" in found["verdict"]
    assert days_of(CallState("call-1", merged_into="room:r"), Call().view()) == []


def test_an_alias_says_whose_it_is_what_waits_there_and_when_that_ends() -> None:
    found = explain_alias(Alias("a:b", canonical_call_id="c", said_by="s", edges=("d:e",), own="x"), (EXPIRE, START_MS))
    assert (found["canonicalCallId"], found["saidBy"], found["edges"], found["own"]) == ("c", "s", ["d:e"], "x")
    assert found["forgottenAt"] == "2026-06-03T18:40:00.000Z"
    assert not {"mintAt", "orphanAt", "forgottenAt"} & explain_alias(Alias("a:b"), (PARKED, 0)).keys()


def test_each_alias_names_the_sources_that_name_it() -> None:
    call = Call().fold(
        stories.call_ended(aliases={"twilioCallSid": "CA1"}),
        stories.trace(),
        stories.tool(aliases={"twilioCallSid": "CA1"}),
    )
    assert told(call)["namedBy"] == {
        "traceId:" + "ab" * 16: ["test/trace-completed"],
        "twilioCallSid:CA1": ["test/call-ended", "test/tool-call"],
    }
