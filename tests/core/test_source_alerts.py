"""A silent source: one alert for the topic, resolved once, whatever the number of partitions, repeats and restarts."""

from __future__ import annotations

from stream_app.core.orders import JoinAlert
from stream_app.core.source_alerts import MAX_NAMED, SourceWatch

AFTER = 900_000
T = 1_780_000_000_000


def said(alerts: list[JoinAlert]) -> list[tuple[str, str]]:
    return [(alert.alert_id, alert.state) for alert in alerts]


def watch(**last: int) -> SourceWatch:
    made = SourceWatch()
    made.hear({name.replace("_", "-"): ms for name, ms in last.items()})
    return made


def test_a_topic_that_stops_while_calls_go_on_is_one_alert_until_it_speaks_again() -> None:
    one = watch(call_ended=T, evaluation_completed=T)
    assert one.judge(T + AFTER - 1, (), AFTER) == []
    one.hear({"call-ended": T + AFTER})
    (alert,) = one.judge(T + AFTER, (), AFTER)
    assert (alert.alert_id, alert.state) == (f"evaluation-completed/source_silent/{T + AFTER}", "firing")
    assert alert.detail == "nothing was appended to evaluation-completed for 15 min, while calls go on ending"
    one.hear({"call-ended": T + 2 * AFTER})
    assert one.judge(T + 2 * AFTER, (), AFTER) == [], "one alert for one cause"
    one.hear({"evaluation-completed": T + 2 * AFTER + 1})
    assert said(one.judge(T + 2 * AFTER + 2, (), AFTER)) == [
        (f"evaluation-completed/source_silent/{T + AFTER}", "resolved")
    ]


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


def test_a_restart_between_says_nothing_twice() -> None:
    one = watch(call_ended=T + AFTER, evaluation_completed=T)
    assert len(one.judge(T + AFTER, (), AFTER)) == 1
    again = SourceWatch.from_bytes(one.to_bytes())
    assert again.judge(T + AFTER, (), AFTER) == []
    again.hear({"evaluation-completed": T + AFTER + 5})
    assert [state for _, state in said(again.judge(T + AFTER + 5, (), AFTER))] == ["resolved"]
    assert SourceWatch.from_bytes(None).to_bytes() == SourceWatch().to_bytes()


def test_older_times_change_nothing() -> None:
    one = watch(call_ended=T + AFTER, tool_call=T + AFTER)
    one.hear({"tool-call": T})
    assert one.judge(T + AFTER, (), AFTER) == []
