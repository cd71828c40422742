"""Intake claims only what is confirmed: a broker time counts once all that was there before it is durable."""

from __future__ import annotations

from stream_app.pipeline.input_clock import MAX_PENDING, InputClock


def clock(*sources: str) -> InputClock:
    made = InputClock("w")
    made.own(set(sources))
    return made


def marks(made: InputClock) -> dict[str, int]:
    return made.record({"t": 2}, vias=4).read_up_to


def test_a_time_counts_when_everything_before_its_end_is_confirmed() -> None:
    made = clock("t/0", "t/1")
    made.note(1000, {"t/0": 5, "t/1": 0})
    assert marks(made) == {}
    made.confirm("t/0", 4)
    made.confirm("t/1", 0)
    assert marks(made) == {"t/1": 1000}
    made.confirm("t/0", 5)
    assert marks(made) == {"t/0": 1000, "t/1": 1000}


def test_later_times_wait_for_later_ends() -> None:
    made = clock("t/0")
    made.note(1000, {"t/0": 5})
    made.note(2000, {"t/0": 9})
    made.confirm("t/0", 8)
    assert marks(made) == {"t/0": 1000}
    made.confirm("t/0", 20)
    assert marks(made) == {"t/0": 2000}


def test_a_partition_that_is_gone_is_no_longer_spoken_for() -> None:
    made = clock("t/0", "t/1")
    made.note(1000, {"t/0": 0, "t/1": 0})
    made.confirm("t/0", 0)
    made.confirm("t/1", 0)
    made.own({"t/1"})
    assert marks(made) == {"t/1": 1000}
    made.own({"t/0", "t/1"})
    made.confirm("t/0", 100)
    assert marks(made) == {"t/1": 1000}  # Nothing was noted since it came back.


def test_what_is_not_owned_is_neither_noted_nor_confirmed() -> None:
    made = clock("t/0")
    made.note(1000, {"t/9": 0})
    made.confirm("t/9", 0)
    assert marks(made) == {}


def test_a_partition_that_stands_still_is_remembered_within_bounds() -> None:
    made = clock("t/0")
    for number in range(MAX_PENDING * 2):
        made.note(number, {"t/0": 10})
    made.confirm("t/0", 10)
    assert marks(made) == {"t/0": MAX_PENDING - 1}


def test_the_record_says_who_and_over_what() -> None:
    record = clock().record({"call-ended": 3}, vias=4)
    assert (record.worker, record.sources, record.vias, record.via) == ("w", {"call-ended": 3}, 4, None)
