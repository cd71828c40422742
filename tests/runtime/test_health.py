"""What makes a stage ready and what does not, over a clock that the test turns."""

from __future__ import annotations

import pytest

from stream_app.runtime.health import MAX_NAMED, RECENT_S, STALL_S, StageHealth


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> StageHealth:
    """A stage that owns two partitions, has recovered them, and whose broker has just answered."""
    made = StageHealth("join", clock=clock)
    made.assigned(["evidence/0", "evidence/1"])
    made.recovered(["evidence/0", "evidence/1"])
    made.answered("broker")
    return made


def causes(health: StageHealth) -> list[tuple[str, str | None]]:
    return [(reason.cause, reason.partition) for reason in health.reasons()]


def test_a_stage_that_has_just_begun_is_not_ready(clock: Clock) -> None:
    health = StageHealth("seal", needs_store=True, clock=clock)
    assert causes(health) == [("unassigned", None), ("broker_unreachable", None), ("store_unreachable", None)]


def test_it_is_ready_when_every_partition_has_recovered(clock: Clock) -> None:
    health = StageHealth("join", clock=clock)
    health.answered("broker")
    health.assigned(["evidence/0", "evidence/1"])
    assert causes(health) == [("recovering", "evidence/0"), ("recovering", "evidence/1")]
    health.recovered(["evidence/1"])
    assert causes(health) == [("recovering", "evidence/0")]
    health.recovered(["evidence/0"])
    assert causes(health) == []


def test_a_spare_is_ready(clock: Clock) -> None:
    health = StageHealth("join", clock=clock)
    health.answered("broker")
    health.assigned([])
    assert causes(health) == []


def test_a_rebalance_takes_readiness_and_what_was_recovered(health: StageHealth) -> None:
    health.revoked()
    assert causes(health) == [("unassigned", None)]
    health.assigned(["evidence/0"])
    assert causes(health) == [("recovering", "evidence/0")]


@pytest.mark.parametrize("whom", ["broker", "store"])
def test_an_answer_holds_for_a_while_and_the_reason_names_what_went_wrong(
    health: StageHealth, clock: Clock, whom: str
) -> None:
    health.needs_store = True
    health.answered("broker")
    health.answered("store")
    other = "store" if whom == "broker" else "broker"
    clock.now += RECENT_S
    assert causes(health) == []
    health.failed(whom, "Refused: no")  # type: ignore[arg-type]
    assert causes(health) == [], "one lost answer is no outage"
    health.answered(other)  # type: ignore[arg-type]
    clock.now += 1
    (reason,) = health.reasons()
    assert (reason.cause, reason.detail) == (
        f"{whom}_unreachable",
        f"the {whom} has not answered for {RECENT_S + 1:.0f} s: Refused: no",
    )
    health.answered(whom)  # type: ignore[arg-type]
    assert causes(health) == []


def test_a_store_that_the_stage_does_not_need_is_not_asked_for(health: StageHealth) -> None:
    health.failed("store", "away")
    assert causes(health) == []


def keep_answering(health: StageHealth, clock: Clock, seconds: float) -> None:
    clock.now += seconds
    health.answered("broker")


def test_records_ahead_and_nothing_done_is_a_standstill(health: StageHealth, clock: Clock) -> None:
    keep_answering(health, clock, 500)
    health.lag("evidence/1", 7)
    assert causes(health) == [], "they have only just come"
    keep_answering(health, clock, STALL_S - 1)
    assert causes(health) == []
    keep_answering(health, clock, 1)
    (reason,) = health.reasons()
    assert (reason.cause, reason.partition) == ("stalled", "evidence/1")
    assert reason.detail == f"7 offsets ahead of it, and none was done for {STALL_S:.0f} s"


def test_what_moves_does_not_stand_however_much_lies_ahead(health: StageHealth, clock: Clock) -> None:
    for done in range(100, 110):
        health.lag("evidence/0", 1_000_000)
        health.progress("evidence/0", done)
        keep_answering(health, clock, STALL_S - 1)
        assert causes(health) == []
    health.progress("evidence/0", 109)
    keep_answering(health, clock, 1)
    assert causes(health) == [("stalled", "evidence/0")], "to say the same again is no movement"
    health.progress("evidence/0", 110)
    assert causes(health) == []


def test_with_nothing_ahead_it_may_stand_for_ever(health: StageHealth, clock: Clock) -> None:
    health.lag("evidence/0", 3)
    keep_answering(health, clock, STALL_S)
    assert causes(health) == [("stalled", "evidence/0")]
    health.lag("evidence/0", 0)
    keep_answering(health, clock, 10 * STALL_S)
    assert causes(health) == []


def test_a_call_sealed_behind_a_slow_one_counts_as_movement(health: StageHealth, clock: Clock) -> None:
    health.lag("evidence/0", 3)
    keep_answering(health, clock, STALL_S)
    health.moved("evidence/0")
    assert causes(health) == []


def test_what_is_said_of_a_partition_that_is_not_owned_changes_nothing(health: StageHealth, clock: Clock) -> None:
    health.progress("evidence/9", 4)
    health.lag("evidence/9", 4)
    health.moved("evidence/9")
    keep_answering(health, clock, 2 * STALL_S)
    assert causes(health) == []
    assert set(health.owned()) == {"evidence/0", "evidence/1"}


def test_only_what_has_recovered_is_measured(clock: Clock) -> None:
    health = StageHealth("join", clock=clock)
    assert health.owned() == {}
    health.assigned(["evidence/0", "evidence/1"])
    health.recovered(["evidence/1"])
    health.progress("evidence/1", 5)
    assert health.owned() == {"evidence/1": 5}


def test_the_report_counts_everything_and_names_the_first(clock: Clock) -> None:
    health = StageHealth("join", clock=clock)
    health.answered("broker")
    assert health.report()["assigned"] is None
    health.assigned([f"evidence/{number}" for number in range(MAX_NAMED + 3)])
    health.recovered(["evidence/0"])
    health.lag("evidence/0", 5)
    report = health.report()
    assert (report["stage"], report["assigned"], report["recovered"], report["lag"]) == ("join", MAX_NAMED + 3, 1, 5)
    assert len(report["reasons"]) == MAX_NAMED
    assert report["reasons"][0] == {
        "cause": "recovering",
        "partition": "evidence/1",
        "detail": "its rows are not back yet",
    }
    assert report["unnamed"] == 2
