"""A silent source: one alert for the topic, resolved once, whatever the number of partitions, repeats and restarts."""

from __future__ import annotations

from stream_app.core.orders import JoinAlert
from stream_app.core.source_alerts import MAX_NAMED, MIN_CALLS, SourceWatch

AFTER = 900_000
T = 1_780_000_000_000


def said(alerts: list[JoinAlert]) -> list[tuple[str, str]]:
    return [(alert.alert_id, alert.state) for alert in alerts]


def watch(**last: int) -> SourceWatch:
    made = SourceWatch()
    made.hear({name.replace("_", "-"): ms for name, ms in last.items()})
    return made


def calls(one: SourceWatch, start: int, end: int, count: int = MIN_CALLS) -> None:
    """Calls that end at this many different times from `start` to `end`."""
    for number in range(count):
        one.hear({"call-ended": start + (end - start) * number // (count - 1)})


def test_a_topic_that_stops_while_calls_go_on_is_one_alert_until_it_speaks_again() -> None:
    one = watch(call_ended=T, evaluation_completed=T)
    calls(one, T + 1, T + AFTER)
    assert one.judge(T + AFTER, (), AFTER) == []
    calls(one, T + AFTER, T + AFTER + 1, 2)
    (alert,) = one.judge(T + AFTER + 1, (), AFTER)
    assert (alert.alert_id, alert.state) == (f"evaluation-completed/source_silent/{T + AFTER + 1}", "firing")
    assert alert.detail == "calls have gone on ending for 15 min, and nothing was appended to evaluation-completed"
    calls(one, T + AFTER + 2, T + 2 * AFTER)
    assert one.judge(T + 2 * AFTER, (), AFTER) == [], "one alert for one cause"
    one.hear({"evaluation-completed": T + 2 * AFTER + 1})
    assert said(one.judge(T + 2 * AFTER + 2, (), AFTER)) == [
        (f"evaluation-completed/source_silent/{T + AFTER + 1}", "resolved")
    ]


def test_the_first_call_in_the_morning_misses_nobody() -> None:
    one = watch(call_ended=T, evaluation_completed=T)
    one.hear({"call-ended": T + 10 * AFTER})
    assert one.judge(T + 10 * AFTER, (), AFTER) == []


def test_a_few_calls_without_tools_are_no_silence() -> None:
    one = watch(call_ended=T, tool_call=T)
    calls(one, T + 1, T + 3 * AFTER, MIN_CALLS - 1)
    assert one.judge(T + 3 * AFTER, (), AFTER) == []


def test_when_no_calls_end_nothing_else_is_expected() -> None:
    assert watch(call_ended=T, evaluation_completed=T).judge(T + 10 * AFTER, (), AFTER) == []


def test_a_topic_that_never_had_a_record_is_not_missed() -> None:
    assert watch(call_ended=T + AFTER).judge(T + AFTER, (), AFTER) == []


def test_partitions_that_are_not_read_are_one_alert_for_their_topic() -> None:
    one = watch(call_ended=T, tool_call=T)
    (alert,) = one.judge(T, ("tool-call/3", "tool-call/1"), AFTER)
    assert alert.detail == "not read any more, and deadlines go on without: tool-call/1, tool-call/3"
    assert one.judge(T + 1, ("tool-call/1",), AFTER) == []
    assert said(one.judge(T + 2, (), AFTER)) == [(f"tool-call/source_silent/{T}", "resolved")]


def test_very_many_partitions_are_counted() -> None:
    (alert,) = watch(call_ended=T).judge(T, [f"tool-call/{n:03}" for n in range(MAX_NAMED + 5)], AFTER)
    assert alert.detail is not None
    assert alert.detail.endswith("tool-call/015 and 5 more")


def test_a_restart_between_says_nothing_twice_and_forgets_nothing() -> None:
    one = watch(call_ended=T, evaluation_completed=T)
    calls(one, T + 1, T + AFTER + 1)
    one = SourceWatch.from_bytes(one.to_bytes())
    assert len(one.judge(T + AFTER + 1, (), AFTER)) == 1
    again = SourceWatch.from_bytes(one.to_bytes())
    assert again.judge(T + AFTER + 2, (), AFTER) == []
    again.hear({"evaluation-completed": T + AFTER + 5})
    assert [state for _, state in said(again.judge(T + AFTER + 5, (), AFTER))] == ["resolved"]
    assert SourceWatch.from_bytes(None).to_bytes() == SourceWatch().to_bytes()


def test_a_source_that_is_silent_stays_so_when_calls_end_no_more() -> None:
    one = watch(call_ended=T, evaluation_completed=T)
    calls(one, T + 1, T + AFTER + 1)
    assert len(one.judge(T + AFTER + 1, (), AFTER)) == 1
    assert one.judge(T + 50 * AFTER, (), AFTER) == []
    assert one.silent == {"evaluation-completed"}


def test_a_source_that_seldom_speaks_is_given_longer_and_a_long_silence_is_forgotten() -> None:
    one = watch(call_ended=T, call_reported=T)
    calls(one, T + 1, T + AFTER, 60)
    one.hear({"call-reported": T + AFTER + 1})
    calls(one, T + AFTER + 2, T + 3 * AFTER, 170)
    assert one.judge(T + 3 * AFTER, (), AFTER) == [], "60 calls without a report were usual"
    calls(one, T + 3 * AFTER + 1, T + 4 * AFTER, 20)
    assert len(one.judge(T + 4 * AFTER, (), AFTER)) == 1
    for number in range(60):  # It speaks often now.
        one.hear({"call-reported": T + 5 * AFTER + number})
    one.judge(T + 6 * AFTER, (), AFTER)
    assert one.silent == set()
    calls(one, T + 6 * AFTER, T + 8 * AFTER, 30)
    assert len(one.judge(T + 8 * AFTER, (), AFTER)) == 1


def test_a_row_of_release_0_1_is_read() -> None:
    one = SourceWatch.from_bytes(b'{"last":{"tool-call":5},"missed":{},"silent":{"tool-call":7}}')
    assert one.silent == {"tool-call"}


def test_older_times_change_nothing() -> None:
    one = watch(call_ended=T + AFTER, tool_call=T + AFTER)
    assert not one.hear({"tool-call": T})
    assert one.hear({"tool-call": T + AFTER + 1})
    assert one.judge(T + AFTER, (), AFTER) == []
