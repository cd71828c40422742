from __future__ import annotations

from stream_app.demo.conversations import Conversation, ToolUse
from stream_app.demo.convert import convert
from stream_app.demo.validity import problem_of, problems_of


def test_a_good_call_has_no_problems() -> None:
    assert problems_of(convert(Conversation(call_id="c"), 1)) == []


def test_what_the_contract_refuses_is_named_once_with_its_call_and_field() -> None:
    uses = (ToolUse(id="t", name=""), ToolUse(id="u", name=""))
    problems = problems_of(convert(Conversation(call_id="c", tool_calls=uses), 1, complete=True))
    assert len(problems) == 1
    assert problems[0].startswith("call_id 'c' makes no valid event: tool-call: name: ")


def test_measures_of_the_wrong_type_are_found() -> None:
    told = Conversation(call_id="c", measures={"minAsrConfidence": "high"})
    assert "call-ended: measures.minAsrConfidence" in problems_of(convert(told, 1, complete=True))[0]


def test_a_missing_field_is_found() -> None:
    assert "eventId" in (problem_of("trace-completed", {"schemaVersion": 1, "type": "trace-completed"}) or "")


def test_an_event_larger_than_intake_takes_is_found() -> None:
    told = Conversation(call_id="c", tool_calls=(ToolUse(id="t", name="read", result="x" * (1 << 20)),))
    assert "tool-call: " in (found := problems_of(convert(told, 1, complete=True)))[0]
    assert "at most 1048576" in found[0]


def test_an_event_on_the_wrong_topic_or_without_a_name_of_its_call_is_found() -> None:
    event = next(one for one in convert(Conversation(call_id="c"), 1).events if one.topic == "trace-completed")
    document = {**event.document, "occurredAt": "2026-06-03T18:00:00Z"}
    assert problem_of("trace-completed", document) is None
    assert "on topic tool-call" in (problem_of("tool-call", document) or "")
    nameless = {name: document[name] for name in document if name not in ("canonicalCallId", "aliases", "traceId")}
    assert "neither canonicalCallId" in (problem_of("trace-completed", nameless) or "")
