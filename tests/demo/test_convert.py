from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stream_app.demo.conversations import Conversation, ToolUse, Turn, Verdict, read_conversations
from stream_app.demo.convert import (
    DEFAULT_DURATION_MS,
    LATE_MS,
    PLANS,
    ConvertedCall,
    Plan,
    convert,
    judged,
    tool_status,
)
from stream_app.demo.generator import generate
from stream_app.demo.validity import problems_of

PUBLIC = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "replay"


def told(call_id: str = "c-1", **fields: Any) -> Conversation:
    whole: dict[str, Any] = {
        "turns": (Turn(speaker="user", text="Hello?", t_ms=0),),
        "tool_calls": (ToolUse(id="t", name="lookup", args={"a": 1}, result={"b": 2}),),
        "outcome": Verdict(kind="judge", label="pass", score=0.9),
        "duration_ms": 60_000,
    }
    return Conversation(call_id=call_id, **{**whole, **fields})


def planned(plan: Plan) -> ConvertedCall:
    """Some call that has this plan."""
    return next(call for number in range(5_000) if (call := convert(told(f"c-{number}"), 1)).plan == plan)


def test_the_same_conversation_and_seed_give_the_same_and_another_seed_another() -> None:
    assert convert(told(), 3) == convert(told(), 3)
    assert convert(told(), 3).aliases != convert(told(), 4).aliases
    assert convert(told("c-1"), 3).aliases != convert(told("c-2"), 3).aliases


def test_a_complete_call_sends_everything_once_and_stores_what_it_points_at() -> None:
    calls = [convert(told(f"c-{number}"), 1, complete=True) for number in range(200)]
    for call in calls:
        assert call.plan == "all"
        assert not any(event.again for event in call.events)
        for topic in ("call-ended", "tool-call", "trace-completed", "evaluation-completed"):
            assert len(call.sent(topic)) == 1, topic
        ended = call.sent("call-ended")[0]
        references = [ended["transcript"], ended["recording"]]
        references += [one["reference"] for one in call.sent("artifact-ready")]
        stored = {uri for uri, _, _ in call.objects}
        assert {one["uri"] for one in references if one} == stored
        assert len(stored) == 2


def test_call_ended_names_the_call_by_its_canonical_id_and_every_alias() -> None:
    call = convert(told(), 1, complete=True)
    ended = call.sent("call-ended")[0]
    assert ended["canonicalCallId"] == call.call_id == "call_c-1"
    assert {**ended["aliases"], "traceId": ended["traceId"]} == call.aliases


def test_systems_name_calls_differently_some_by_alias_only_some_by_canonical_id_only() -> None:
    ways: Counter[tuple[bool, bool, bool]] = Counter()
    for number in range(300):
        for document in convert(told(f"c-{number}"), 1).sent("tool-call"):
            ways["canonicalCallId" in document, "aliases" in document, "traceId" in document] += 1
    assert set(ways) == {(True, False, False), (False, True, False), (False, False, True), (True, True, False)}


def test_tool_ids_that_repeat_inside_a_call_are_told_apart_by_occurrence_and_calls_do_not_mix() -> None:
    uses = tuple(ToolUse(id=name, name="get") for name in ("a", "b", "a", "a", "b"))
    for call_id in ("c-1", "c-2"):
        sent = convert(told(call_id, tool_calls=uses), 1, complete=True).sent("tool-call")
        keys = [(tool["toolCallId"], tool["occurrence"]) for tool in sent]
        assert keys == [("a", 1), ("b", 1), ("a", 2), ("a", 3), ("b", 2)]
        assert [tool["sequence"] for tool in sent] == [1, 2, 3, 4, 5]


def test_the_expected_number_of_tool_calls_is_the_true_one_also_where_one_is_withheld() -> None:
    call = planned("no_tool")
    assert call.sent("call-ended")[0]["expectedToolCalls"] == 1
    assert call.sent("tool-call") == []


@pytest.mark.parametrize(
    ("use", "status"),
    [
        (ToolUse(name="x", result={"ok": True}), "succeeded"),
        (ToolUse(name="x", is_error=True), "failed"),
        (ToolUse(name="x", error="no such order"), "failed"),
        (ToolUse(name="x", result="Error: user not found"), "failed"),
        (ToolUse(name="x", result="No Error: all is well"), "succeeded"),
        (ToolUse(name="x", status="timed_out", is_error=True), "timed_out"),
        (ToolUse(name="x", status="invalid_result"), "invalid_result"),
        (ToolUse(name="x", status="who knows"), "succeeded"),
    ],
)
def test_the_status_of_a_tool_call_comes_from_whichever_sign_there_is(use: ToolUse, status: str) -> None:
    assert tool_status(use) == status


def test_the_verdict_is_the_datas_own() -> None:
    def sent(**outcome: Any) -> list[dict[str, Any]]:
        call = convert(told(outcome=Verdict(**outcome)), 1, complete=True)
        return call.sent("evaluation-completed")

    failed = sent(kind="reward", label="fail", reward=0.0)[0]
    assert (failed["rubric"], failed["label"], failed["score"]) == ("reward", "task_failed", 0.0)
    assert failed["failureLabel"]
    assert failed["assertions"][0]["passed"] is False
    passed = sent(kind="questionnaire", label="pass")[0]
    assert (passed["label"], passed["score"], passed["failureLabel"]) == ("task_completed", 1.0, None)
    assert sent(kind="none", label=None) == []


@pytest.mark.parametrize(
    ("fields", "duration_ms"),
    [
        ({"duration_ms": 5_000}, 5_000),
        ({"duration_ms": None, "started_at": 1_000, "ended_at": 9_000}, 8_000),
        ({"duration_ms": None, "turns": (Turn(speaker="u", text="x", t_ms=7_000),)}, 7_000),
        ({"duration_ms": None}, DEFAULT_DURATION_MS),
        ({"duration_ms": None, "started_at": 9_000, "ended_at": 1_000}, DEFAULT_DURATION_MS),
    ],
)
def test_the_duration_comes_from_the_best_the_data_has(fields: dict[str, Any], duration_ms: int) -> None:
    call = convert(told(**{"tool_calls": (), **fields}), 1, complete=True)
    assert call.duration_ms == duration_ms
    assert call.sent("call-ended")[0]["durationMs"] == duration_ms


def test_call_ids_become_safe_names_and_stay_different() -> None:
    names = [convert(told(call_id), 1).call_id for call_id in ("a-b_c.1", "a b", "a/b", "../../etc", "é")]
    assert names[0] == "call_a-b_c.1"
    assert len(set(names)) == len(names)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.") for name in names)


@pytest.mark.parametrize("plan", [plan for plan, _ in PLANS])
def test_each_plan_withholds_what_it_says(plan: Plan) -> None:
    call = planned(plan)
    stored = {uri.rsplit("/", 1)[1] for uri, _, _ in call.objects}
    ended = call.sent("call-ended")
    artifacts = {one["artifact"]: one["availability"] for one in call.sent("artifact-ready")}
    shown = {kind for kind in ("transcript", "recording") if (ended and ended[0][kind]) or kind in artifacts}
    assert bool(ended) == (not plan.startswith("no_call_ended"))
    assert ("evaluation-completed" in {event.topic for event in call.events}) == (plan != "no_evaluation")
    assert ("tool-call" in {event.topic for event in call.events}) == (plan != "no_tool")
    assert ("transcript" in shown) == (plan != "no_transcript" and (bool(ended) or "transcript" in artifacts))
    if plan == "no_recording":
        assert "recording" not in shown
    if plan == "transcript_lost":
        assert stored == {"audio.wav"}
        assert "transcript" in shown
    if plan == "never_recording":
        assert artifacts["recording"] == "never"
    if plan == "late_evaluation":
        assert min(event.at_ms for event in call.events if event.topic == "evaluation-completed") > LATE_MS
    if plan == "no_call_ended_aliases":
        assert not any("canonicalCallId" in event.document for event in call.events)
    if plan == "no_call_ended_canonical":
        assert all("canonicalCallId" in event.document for event in call.events)


def test_shares_are_about_as_announced() -> None:
    calls = [convert(told(f"c-{number}"), 1) for number in range(4_000)]
    plans = Counter(call.plan for call in calls)
    for plan, share in PLANS:
        assert 0.5 * share < plans[plan] / len(calls) < 1.6 * share, plan
    events = [event for call in calls for event in call.events]
    assert 0.035 < sum(event.again for event in events) / len(events) < 0.06


def test_a_plan_that_does_not_fit_withholds_nothing() -> None:
    for number in range(500):
        call = convert(told(f"c-{number}", tool_calls=(), outcome=Verdict()), 1)
        assert call.plan not in ("no_tool", "no_evaluation", "late_evaluation")
        assert not judged(call.conversation)


def test_a_resend_is_the_same_event_a_little_later() -> None:
    for call in (convert(told(f"c-{number}"), 1) for number in range(300)):
        first = {event.document["eventId"]: event for event in call.events if not event.again}
        for event in call.events:
            if event.again:
                original = first[event.document["eventId"]]
                assert (event.document, event.instants, event.topic) == (
                    original.document, original.instants, original.topic,
                )  # fmt: skip
                assert event.at_ms > original.at_ms


def test_event_ids_are_unique_in_a_call() -> None:
    for conversation in generate(200, 5):
        sent = [event.document["eventId"] for event in convert(conversation, 5).events if not event.again]
        assert len(set(sent)) == len(sent)


def test_every_event_of_generated_calls_meets_the_contract() -> None:
    assert [problem for told in generate(300, 2) for problem in problems_of(convert(told, 2))] == []


@pytest.mark.skipif(not PUBLIC.is_dir(), reason="the public conversations (../shared/data/replay) are not here")
def test_every_event_of_the_public_conversations_meets_the_contract() -> None:
    conversations = list(read_conversations(sorted(PUBLIC.glob("*.jsonl"))))
    assert len(conversations) >= 1_000
    calls = [convert(told, 7) for told in conversations]
    assert [problem for call in calls for problem in problems_of(call)] == []
    assert len({call.call_id for call in calls}) == len(calls)
