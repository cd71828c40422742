"""Which call a span is of: its own trace, its outermost name, and no trace ID that several calls share."""

from __future__ import annotations

from tests.providers.trying import Trying

OTEL = Trying("otel")


def test_two_calls_in_one_batch_stay_apart() -> None:
    events = OTEL.events(OTEL.own("two-calls-in-one-batch"))
    names = {(event.canonical_call_id, tuple(sorted(event.aliases.items()))) for event in events}
    assert len(names) >= 2


def test_the_trace_of_several_calls_is_the_name_of_none() -> None:
    events = OTEL.events(OTEL.own("evaluations-of-several-calls-in-one-trace"))
    assert len({(event.canonical_call_id, tuple(event.aliases.items())) for event in events}) > 1
    assert all(event.trace_id is None for event in events)
    assert all(event.canonical_call_id or event.aliases for event in events)


def test_a_name_of_no_known_form_is_none() -> None:
    events = OTEL.events(OTEL.own("ids-that-are-none-but-a-conversation"))
    assert all(set(event.aliases) <= {"genAiConversationId"} for event in events)
