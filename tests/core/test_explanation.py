"""A call in plain facts, at each point of its life: who, what, where, what is missing; no value of the evidence."""

from __future__ import annotations

import json
from typing import Any

from stream_app.core.explanation import explain
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
    assert {"kind": "evaluation", "reason": "never_seen", "expectedFrom": "evaluation-completed"} in found["missing"]
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
