"""The join's time: the minimum over every input partition, by way of every identity partition; it never goes back."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.clock import PartitionClock, advance
from stream_app.core.evidence import ClockRecord

HOLD = 1000
SOURCES = {"call-ended": 2, "tool-call": 1}
ALL = ("call-ended/0", "call-ended/1", "tool-call/0")


def record(via: int | None, marks: dict[str, int], sources: dict[str, int] = SOURCES) -> ClockRecord:
    return ClockRecord(via=via, worker="w", read_up_to=marks, sources=sources, vias=2)


def told(*records: ClockRecord, hold: int = HOLD) -> PartitionClock:
    clock = PartitionClock()
    for one in records:
        clock = advance(clock, one, hold)
    return clock


def test_there_is_no_time_before_every_source_was_heard_by_every_way() -> None:
    full = dict.fromkeys(ALL, 5000)
    assert told(record(0, full)).now is None
    assert told(record(0, full), record(1, {"call-ended/0": 5000, "call-ended/1": 5000})).now is None
    assert told(record(0, full), record(1, full)).now == 5000


def test_the_slowest_source_decides() -> None:
    clock = told(record(0, dict.fromkeys(ALL, 5000)), record(1, {**dict.fromkeys(ALL, 5400), "tool-call/0": 4900}))
    assert clock.now == 4900
    assert clock.unread == ()


def test_a_source_that_stays_behind_is_left_out_and_named_until_it_comes_back() -> None:
    clock = told(record(0, dict.fromkeys(ALL, 5000)), record(1, dict.fromkeys(ALL, 5000)))
    ahead = {"call-ended/0": 9000, "call-ended/1": 9000}
    for via in (0, 1):
        clock = advance(clock, record(via, ahead), HOLD)
    assert (clock.now, clock.unread) == (9000, ("tool-call/0",))
    for via in (0, 1):
        clock = advance(clock, record(via, {"tool-call/0": 8900}), HOLD)
    assert (clock.now, clock.unread) == (9000, ())  # Never back.


def test_a_source_that_was_never_heard_is_given_up_too() -> None:
    clock = told(*(record(via, {"call-ended/0": at, "call-ended/1": at}) for at in (5000, 5900) for via in (0, 1)))
    assert clock.now is None
    for via in (0, 1):
        clock = advance(clock, record(via, {"call-ended/0": 6100, "call-ended/1": 6100}), HOLD)
    assert (clock.now, clock.unread) == (6100, ("tool-call/0",))


def test_a_new_topic_holds_the_clock_until_it_is_heard() -> None:
    clock = told(record(0, dict.fromkeys(ALL, 5000)), record(1, dict.fromkeys(ALL, 5000)))
    more = {**SOURCES, "call-reported": 1}
    for via in (0, 1):
        clock = advance(clock, record(via, dict.fromkeys(ALL, 5500), more), HOLD)
    assert clock.now == 5000
    for via in (0, 1):
        clock = advance(clock, record(via, {"call-reported/0": 5400}, more), HOLD)
    assert clock.now == 5400


def test_a_source_is_given_up_only_beyond_the_hold() -> None:
    for ahead, unread in ((6000, ()), (6001, ("tool-call/0",))):
        clock = told(record(0, dict.fromkeys(ALL, 5000)), record(1, dict.fromkeys(ALL, 5000)))
        for via in (0, 1):
            clock = advance(clock, record(via, {"call-ended/0": ahead, "call-ended/1": ahead}), HOLD)
        assert (clock.now, clock.unread) == (5000 if not unread else ahead, unread)


def test_a_worker_that_knows_fewer_topics_forgets_none() -> None:
    clock = told(record(0, dict.fromkeys(ALL, 5000)), record(1, dict.fromkeys(ALL, 5000)))
    for via in (0, 1):
        clock = advance(clock, record(via, {"call-ended/0": 5900, "call-ended/1": 5900}, {"call-ended": 2}), HOLD)
    assert clock.now == 5000
    assert clock.sources == SOURCES


def test_partitions_that_join_late_hold_the_clock_too() -> None:
    clock = told(record(0, dict.fromkeys(ALL, 5000)), record(1, dict.fromkeys(ALL, 5000)))
    more = {**SOURCES, "tool-call": 2}
    for via in (0, 1):
        clock = advance(clock, record(via, dict.fromkeys(ALL, 5500), more), HOLD)
    assert clock.now == 5000
    for via in (0, 1):
        clock = advance(clock, record(via, {"tool-call/1": 5300}, more), HOLD)
    assert clock.now == 5300


def test_a_record_that_came_no_way_says_nothing() -> None:
    assert told(record(None, dict.fromkeys(ALL, 5000))) == PartitionClock()
    assert told(record(0, {})) == PartitionClock()


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from(ALL), st.integers(0, 900)), max_size=25), st.integers())
def test_order_and_repeats_of_records_do_not_matter_in_the_end(marks: list[tuple[int, str, int]], seed: int) -> None:
    records = [record(via, {source: at}) for via, source, at in marks]
    shuffled = records + records[: len(records) // 2]
    random.Random(seed).shuffle(shuffled)
    first, second = told(*records), told(*shuffled)
    assert first.marks == second.marks
    seen = [
        clock.now for clock in (told(*records[:count]) for count in range(len(records) + 1)) if clock.now is not None
    ]
    assert seen == sorted(seen)
