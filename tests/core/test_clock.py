"""The join's time: the minimum over every input partition, by way of every identity partition; it never goes back."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.clock import ClockError, PartitionClock
from stream_app.core.evidence import ClockRecord

HOLD = 1000
SOURCES = {"call-ended": 2, "tool-call": 1}
ALL = ("call-ended/0", "call-ended/1", "tool-call/0")


def record(via: int | None, marks: dict[str, int], sources: dict[str, int] = SOURCES) -> ClockRecord:
    return ClockRecord(via=via, worker="w", read_up_to=marks, sources=sources, vias=2)


def told(*records: ClockRecord, hold: int = HOLD) -> PartitionClock:
    clock = PartitionClock()
    for one in records:
        clock.hear(one, hold)
    return clock


def go_on(clock: PartitionClock, marks: dict[str, int], *, since: int, vias: int = 2, hold: int = HOLD) -> None:
    """Hear that these sources moved on from `since` to their marks, in steps as intake tells the time."""
    last = max(marks.values())
    for now in (*range(since + hold // 4, last, hold // 4), last):
        for via in range(vias):
            clock.hear(record(via, {source: min(now, at) for source, at in marks.items()}), hold)


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
    go_on(clock, {"call-ended/0": 9000, "call-ended/1": 9000}, since=5000)
    assert (clock.now, clock.unread) == (9000, ("tool-call/0",))
    for via in (0, 1):
        clock.hear(record(via, {"tool-call/0": 8900}), HOLD)
    assert (clock.now, clock.unread) == (9000, ())  # Never back.


def test_a_source_that_was_never_heard_is_given_up_too() -> None:
    clock = told(*(record(via, {"call-ended/0": 5000, "call-ended/1": 5000}) for via in (0, 1)))
    go_on(clock, {"call-ended/0": 5900, "call-ended/1": 5900}, since=5000)
    assert clock.now is None
    go_on(clock, {"call-ended/0": 6100, "call-ended/1": 6100}, since=5900)
    assert (clock.now, clock.unread) == (6100, ("tool-call/0",))


def test_an_outage_makes_no_source_unread_however_long_it_was() -> None:
    for back in (6000, 5000 + 3600 * HOLD):
        clock = told(record(0, dict.fromkeys(ALL, 5000)), record(1, dict.fromkeys(ALL, 5000)))
        go_on(clock, {"call-ended/0": back}, since=back, vias=1)  # The others have a backlog to be read first.
        go_on(clock, {"call-ended/0": back + HOLD // 2}, since=back)
        assert (clock.now, clock.unread) == (5000, ())
        go_on(clock, {"call-ended/0": back + HOLD // 2, "call-ended/1": back, "tool-call/0": back}, since=back)
        assert (clock.now, clock.unread) == (back, ())


def test_what_is_still_not_read_after_an_outage_is_given_up_all_the_same() -> None:
    clock = told(record(0, dict.fromkeys(ALL, 5000)), record(1, dict.fromkeys(ALL, 5000)))
    go_on(clock, {"call-ended/0": 90_000, "call-ended/1": 90_000}, since=90_000, vias=2)
    assert clock.unread == ()
    go_on(clock, {"call-ended/0": 91_000, "call-ended/1": 91_000}, since=90_000)
    assert (clock.now, clock.unread) == (91_000, ("tool-call/0",))


def test_a_source_that_is_read_is_never_given_up_however_far_behind() -> None:
    clock = told(record(0, dict.fromkeys(ALL, 5000)), record(1, dict.fromkeys(ALL, 5000)))
    for step in range(1, 200):
        at = 5000 + step * HOLD // 2
        go_on(clock, {"call-ended/0": at, "call-ended/1": at, "tool-call/0": 5000 + step}, since=at)
        assert (clock.now, clock.unread) == (5000 + step, ())


def test_a_new_topic_holds_the_clock_until_it_is_heard() -> None:
    clock = told(record(0, dict.fromkeys(ALL, 5000)), record(1, dict.fromkeys(ALL, 5000)))
    more = {**SOURCES, "call-reported": 1}
    for via in (0, 1):
        clock.hear(record(via, dict.fromkeys(ALL, 5500), more), HOLD)
    assert clock.now == 5000
    for via in (0, 1):
        clock.hear(record(via, {"call-reported/0": 5400}, more), HOLD)
    assert clock.now == 5400


def test_a_source_is_given_up_only_beyond_the_hold() -> None:
    for ahead, unread in ((6000, ()), (6001, ("tool-call/0",))):
        clock = told(record(0, dict.fromkeys(ALL, 5000)), record(1, dict.fromkeys(ALL, 5000)))
        go_on(clock, {"call-ended/0": ahead, "call-ended/1": ahead}, since=5000)
        assert (clock.now, clock.unread) == (5000 if not unread else ahead, unread)


def test_a_worker_that_knows_fewer_topics_forgets_none() -> None:
    clock = told(record(0, dict.fromkeys(ALL, 5000)), record(1, dict.fromkeys(ALL, 5000)))
    for via in (0, 1):
        clock.hear(record(via, {"call-ended/0": 5900, "call-ended/1": 5900}, {"call-ended": 2}), HOLD)
    assert clock.now == 5000


def test_partitions_that_join_late_hold_the_clock_too() -> None:
    clock = told(record(0, dict.fromkeys(ALL, 5000)), record(1, dict.fromkeys(ALL, 5000)))
    more = {**SOURCES, "tool-call": 2}
    for via in (0, 1):
        clock.hear(record(via, dict.fromkeys(ALL, 5500), more), HOLD)
    assert clock.now == 5000
    for via in (0, 1):
        clock.hear(record(via, {"tool-call/1": 5300}, more), HOLD)
    assert clock.now == 5300


def test_a_topic_made_anew_with_fewer_partitions_waits_for_those_alone() -> None:
    clock = told(*(record(via, dict.fromkeys(ALL, 5000), {**SOURCES, "tool-call": 2}) for via in (0, 1)))
    assert clock.now is None
    for via in (0, 1):
        clock.hear(record(via, dict.fromkeys(ALL, 5100), {"tool-call": 1}), HOLD)
    assert (clock.now, clock.unread) == (5100, ())


def test_a_record_that_came_no_way_says_nothing() -> None:
    nothing = PartitionClock().to_bytes()
    assert told(record(None, dict.fromkeys(ALL, 5000))).to_bytes() == nothing
    assert told(record(0, {})).to_bytes() == nothing


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from(ALL), st.integers(0, 900)), max_size=25), st.integers())
def test_order_and_repeats_of_records_do_not_matter_in_the_end(marks: list[tuple[int, str, int]], seed: int) -> None:
    records = [record(via, {source: at}) for via, source, at in marks]
    shuffled = records + records[: len(records) // 2]
    random.Random(seed).shuffle(shuffled)
    first, second = told(*records), told(*shuffled)
    assert first._marks == second._marks
    seen = [
        clock.now for clock in (told(*records[:count]) for count in range(len(records) + 1)) if clock.now is not None
    ]
    assert seen == sorted(seen)


class Reference:
    """The clock as simple as it can be: everything worked out anew from all marks, at each record."""

    def __init__(self) -> None:
        self.marks: dict[str, int] = {}
        self.sources: dict[str, int] = {}
        self.vias = 0
        self.began: int | None = None
        self.now: int | None = None
        self.unread: tuple[str, ...] = ()
        self.lived = 0
        self.slowest: dict[str, int] = {}
        self.moved: dict[str, int] = {}

    def hear(self, one: ClockRecord, max_hold: int) -> None:
        if one.via is None or not one.read_up_to:
            return
        newest = max(self.marks.values(), default=None)
        for source, ms in one.read_up_to.items():
            key = f"{one.via}|{source}"
            self.marks[key] = max(ms, self.marks.get(key, ms))
        if newest is not None:
            self.lived += min(max(self.marks.values()) - newest, max_hold // 4)
        self.began = self.began if self.began is not None else max(one.read_up_to.values())
        self.sources |= one.sources
        self.vias = max(self.vias, one.vias)
        ways = range(self.vias)
        expected = [f"{topic}/{number}" for topic, count in self.sources.items() for number in range(count)]
        slowest = {source: min(self.marks.get(f"{via}|{source}", self.began) for via in ways) for source in expected}
        self.moved |= {source: self.lived for source, ms in slowest.items() if self.slowest.get(source) != ms}
        self.slowest = slowest
        self.unread = tuple(sorted(source for source in slowest if self.lived - self.moved[source] > max_hold))
        counted = [source for source in expected if source not in self.unread]
        if counted and all(f"{via}|{source}" in self.marks for source in counted for via in ways):
            time = min(slowest[source] for source in counted)
            self.now = time if self.now is None else max(self.now, time)


RECORDS = st.builds(
    lambda via, marks, sources, vias: ClockRecord(via=via, worker="w", read_up_to=marks, sources=sources, vias=vias),
    st.none() | st.integers(0, 3),
    st.dictionaries(st.sampled_from((*ALL, "call-reported/0", "elsewhere/7")), st.integers(0, 3000), max_size=4),
    st.sampled_from((SOURCES, {"call-ended": 2}, {"tool-call": 2}, {**SOURCES, "call-reported": 1}, {})),
    st.integers(1, 3),
)


@settings(max_examples=300)
@given(st.lists(RECORDS, max_size=25), st.lists(st.sampled_from((500, HOLD)), min_size=1, max_size=3), st.booleans())
def test_it_tells_the_time_that_all_marks_together_tell(
    records: list[ClockRecord], holds: list[int], restarts: bool
) -> None:
    clock, simple = PartitionClock(), Reference()
    for number, one in enumerate(records):
        before = clock.to_bytes()
        changed = clock.hear(one, holds[number % len(holds)])
        simple.hear(one, holds[number % len(holds)])
        assert (clock.now, clock.unread) == (simple.now, simple.unread)
        assert changed or clock.to_bytes() == before
        if restarts:
            clock = PartitionClock.from_bytes(clock.to_bytes())


def test_a_row_of_another_version_is_refused() -> None:
    row = told(record(0, dict.fromkeys(ALL, 5000))).to_bytes()
    assert PartitionClock.from_bytes(row).to_bytes() == row
    with pytest.raises(ClockError, match="version 7b, this release reads 01"):
        PartitionClock.from_bytes(b'{"marks":{}}')
    with pytest.raises(ClockError, match="cannot be read"):
        PartitionClock.from_bytes(row[:-2])
