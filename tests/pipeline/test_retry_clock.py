"""Waits and budgets: by the time that passes here; by the retry's own instants where an order comes from elsewhere."""

from __future__ import annotations

import pytest

from stream_app.core.orders import SealRetry
from stream_app.pipeline import retry_clock
from stream_app.pipeline.retry_clock import FEWEST_TRIES, FIRST_WAIT_MS, LONGEST_WAIT_MS, RetryClock
from tests.examples import changed, contract_order

HOUR_MS = 3_600_000
BUDGET_MS = 6 * HOUR_MS


class World:
    """A process: the time that passes, and what its wall clock makes of it."""

    def __init__(self, wall: int = 1_800_000_000_000, budget_ms: int = BUDGET_MS) -> None:
        self.steady, self.offset = 5000, wall - 5000
        self.clock = RetryClock(budget_ms, wall=lambda: self.steady + self.offset, steady=lambda: self.steady)

    def later(self, retry: SealRetry | None = None) -> SealRetry:
        return self.clock.later(contract_order(), retry, {"transcript": "gone"})

    def wait(self, retry: SealRetry) -> SealRetry:
        """Wait for the retry, fail again."""
        self.steady += self.clock.remaining(retry)
        return self.later(retry)


def test_waits_double_up_to_a_limit_and_the_last_ends_with_the_budget() -> None:
    world = World(budget_ms=5 * 60_000)
    began, waits, retry = world.steady, [], world.later()
    while not world.clock.is_spent(retry, ["transcript"]):
        waits.append(world.clock.remaining(retry))
        world.steady += waits[-1]
        if world.clock.is_spent(retry, ["transcript"]):
            break
        retry = world.later(retry)
    assert waits[:7] == [1000, 2000, 4000, 8000, 16_000, 32_000, LONGEST_WAIT_MS]
    assert sum(waits) == world.steady - began == 5 * 60_000


def test_a_retry_says_how_long_it_has_waited_by_the_clock_as_it_stands() -> None:
    world = World()
    second = world.wait(world.later())
    assert second.not_before - second.first_failed_at == FIRST_WAIT_MS + 2 * FIRST_WAIT_MS
    world.offset += HOUR_MS
    third = world.wait(second)
    assert third.not_before - third.first_failed_at == (1 + 2 + 4) * FIRST_WAIT_MS
    assert third.not_before == world.steady + world.offset + 4 * FIRST_WAIT_MS


@pytest.mark.parametrize(("offset", "expected"), [(-HOUR_MS, 2000), (-500, 2000), (0, 2000), (500, 1500), (HOUR_MS, 0)])
def test_an_order_from_elsewhere_waits_by_the_wall_clock_but_no_longer_than_its_attempt_asks(
    offset: int, expected: int
) -> None:
    first = World()
    retry = first.wait(first.later())
    other = World(wall=first.steady + first.offset + offset)
    assert other.clock.remaining(retry) == expected
    other.steady += 300
    assert other.clock.remaining(retry) == max(0, expected - 300)


def test_elsewhere_what_passed_between_is_taken_from_the_wall_clock() -> None:
    first = World()
    retry = first.wait(first.wait(first.later()))
    assert not World(wall=retry.first_failed_at + BUDGET_MS - 1).clock.is_spent(retry, ["transcript"])
    assert World(wall=retry.first_failed_at + BUDGET_MS).clock.is_spent(retry, ["transcript"])


def test_elsewhere_attempts_count_as_time_even_where_the_clock_was_set_back() -> None:
    """So a budget always ends, whatever the clocks say."""
    retry = World().later()
    tries = 0
    while True:
        fresh = World(wall=retry.first_failed_at - HOUR_MS, budget_ms=60_000)
        fresh.steady += fresh.clock.remaining(retry)
        if fresh.clock.is_spent(retry, ["transcript"]):
            break
        retry, tries = fresh.later(retry), tries + 1
        assert tries < 20


def test_what_is_forgotten_goes_by_the_wall_clock_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_clock, "MAX_KNOWN", 2)
    world = World()
    orders = [changed(contract_order(), order_id=f"call-{number}/1") for number in range(3)]
    retries = [world.clock.later(order, None, {"x": "y"}) for order in orders]
    world.offset += 400
    assert [world.clock.remaining(one) for one in reversed(retries)] == [1000, 1000, 600]
    world.clock.forget(orders[2])
    assert world.clock.remaining(retries[2]) == 600


def failing(world: World, retry: SealRetry | None, *sources: str) -> SealRetry | None:
    """Wait for the retry and fail with these; None where the order has waited long enough."""
    if retry is not None:
        world.steady += world.clock.remaining(retry)
        if world.clock.is_spent(retry, sources):
            return None
    return world.clock.later(contract_order(), retry, dict.fromkeys(sources, "gone"))


def spent_with(world: World, *sources: str) -> SealRetry:
    """The retry of an order that is handled next when its budget has just ended."""
    retry = failing(world, None, *sources)
    began = world.steady
    while retry is not None:
        last = retry
        if world.steady + world.clock.remaining(retry) - began >= 60_000:
            return last
        retry = failing(world, retry, *sources)
    raise AssertionError("spent before its time")


def test_a_source_that_fails_for_the_first_time_in_the_last_try_is_tried_again() -> None:
    world = World(budget_ms=60_000)
    last = spent_with(world, "transcript")
    again = failing(world, last, "transcript", "recording")
    assert again is not None
    assert again.failing == {"transcript": 1, "recording": again.attempt}
    assert world.clock.remaining(again) > 0, "it waits, as for any other attempt"
    assert failing(world, again, "transcript") is None, "the recording is there: what remains has had its time"


def test_a_source_that_goes_on_failing_is_given_up_in_the_end() -> None:
    world = World(budget_ms=60_000)
    retry: SealRetry | None = spent_with(world, "transcript")
    more = 0
    while (retry := failing(world, retry, "transcript", "recording")) is not None:
        more += 1
        assert more < 10
    assert more >= 1


def test_what_fails_anew_after_a_success_begins_anew_and_what_another_worker_began_goes_on() -> None:
    world = World(budget_ms=60_000)
    first = failing(world, None, "transcript", "recording")
    second = failing(world, first, "transcript")
    third = failing(world, second, "transcript", "recording")
    assert third is not None
    assert third.failing == {"transcript": 1, "recording": 3}
    elsewhere = World(budget_ms=60_000)
    fourth = failing(elsewhere, SealRetry.from_dict(third.to_dict()), "recording")
    assert fourth is not None
    assert fourth.failing == {"recording": 3}


def test_a_retry_of_an_older_release_has_one_budget_for_all() -> None:
    world = World(budget_ms=60_000)
    old = changed(spent_with(world, "transcript"), failing={})
    assert failing(world, old, "transcript", "recording") is None


def test_a_budget_that_passed_between_two_tries_is_not_spent_before_a_few_more() -> None:
    """The stage was behind or away: both tries may have met a moment's outage."""
    first = World(budget_ms=60_000)
    retry: SealRetry | None = first.later()
    assert retry is not None
    failures, waits = 1, []
    other = World(wall=retry.first_failed_at + HOUR_MS, budget_ms=60_000)
    while retry is not None:
        waits.append(other.clock.remaining(retry))
        retry = failing(other, retry, "transcript")
        failures += 1
    assert failures == FEWEST_TRIES
    assert waits == [0, 2000, 4000], "at once, and then as ever"


@pytest.mark.parametrize(("budget_ms", "tries"), [(1, 2), (1000, 2), (1001, 3), (3000, 3), (7000, 4), (600_000, 4)])
def test_a_small_budget_asks_for_no_more_tries_than_it_has_room_for(budget_ms: int, tries: int) -> None:
    retry: SealRetry | None = World(budget_ms=budget_ms).later()
    assert retry is not None
    other = World(wall=retry.first_failed_at + HOUR_MS, budget_ms=budget_ms)
    failures = 1
    while retry is not None:
        retry = failing(other, retry, "transcript")
        failures += 1
    assert failures == tries
