"""The only place that knows how long a seal order has waited for its sources, and when it is tried again.

Within a process time is what truly passed (a steady clock), so a wall clock that is set forward or back neither moves a
try nor spends the budget. Between processes only the wall clock's instants in the retry itself are left: a process that
takes an order over begins with them. A clock that was set between the two, or differs between two machines, is then
counted as time that passed (it may have: the worker may have been down), but bounded: an order waits no longer than its
attempt asks for, and has waited no less than its attempts before did.

The budget is each source's own. An order whose transcript never comes has spent its budget with it; a recording that
fails for the first time in that last try (the store was away for a moment) must not be called missing for it. And it is
spent by trying: where the stage was behind or away, two tries may lie further apart than the budget is long, and may
both have met a moment's outage; so a source is tried a few times at least, as it would have been without that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from math import inf

from stream_app.core.orders import SealOrder, SealRetry

FIRST_WAIT_MS = 1000
LONGEST_WAIT_MS = 60_000
"""Waits between tries of a source double from the first to the longest."""
FEWEST_TRIES = 4
"""A source is called missing after so many failures at the earliest, or as many as its budget has room for."""
MAX_KNOWN = 100_000
"""Orders remembered at a time, far more than can be under way: what is forgotten goes by the wall clock again."""


@dataclass(slots=True)
class _Course:
    """One order's way, by the steady clock."""

    began: int
    """When a source first failed it."""
    attempt: int
    due: int
    """When this attempt is to be made."""


class RetryClock:
    """Waits and budgets of the orders that this process has had in its hands. Both clocks are in ms."""

    def __init__(self, budget_ms: int, *, wall: Callable[[], int], steady: Callable[[], int]) -> None:
        self._budget_ms = budget_ms
        self._fewest = min(FEWEST_TRIES, _tries_in(budget_ms))
        self._wall = wall
        self._steady = steady
        self._courses: dict[str, _Course] = {}

    def remaining(self, retry: SealRetry) -> int:
        """Ms until this retry may be handled."""
        return max(0, self._course(retry).due - self._steady())

    def is_spent(self, retry: SealRetry | None, failing: Collection[str]) -> bool:
        """Whether the order has waited for each of the sources that fail now as long as it may; None fails for the
        first time."""
        if self._waited(retry) < self._budget_ms:
            return False
        if retry is None:
            return True
        return all(
            _waited_for(source, retry) >= self._budget_ms and _failures_of(source, retry) >= self._fewest
            for source in failing
        )

    def later(self, order: SealOrder, retry: SealRetry | None, failures: Mapping[str, str]) -> SealRetry:
        """The next try of an order that has just failed (what failed -> how), at the latest when its budget ends; if
        that has ended already, for a source that fails since then."""
        waited, wall, steady = self._waited(retry), self._wall(), self._steady()
        attempt = 1 if retry is None else retry.attempt + 1
        wait = _wait_of(attempt)
        if waited < self._budget_ms:
            wait = min(wait, self._budget_ms - waited)
        before = {} if retry is None else retry.failing
        self._keep(order.order_id, _Course(steady - waited, attempt, steady + wait))
        return SealRetry(
            # By the clock as it stands now, so that whoever takes over counts what truly passed.
            attempt=attempt,
            first_failed_at=wall - waited,
            not_before=wall + wait,
            failure="; ".join(f"{source}: {detail}" for source, detail in failures.items()),
            failing={source: before.get(source, attempt) for source in failures},
            order=order,
        )

    def forget(self, order: SealOrder) -> None:
        """The order waits no more."""
        self._courses.pop(order.order_id, None)

    def _waited(self, retry: SealRetry | None) -> int:
        return 0 if retry is None else self._steady() - self._course(retry).began

    def _course(self, retry: SealRetry) -> _Course:
        """The order's course; of one that comes from elsewhere, what its instants and its attempts say."""
        known = self._courses.get(retry.order.order_id)
        if known is not None and known.attempt == retry.attempt:
            return known
        wall, steady = self._wall(), self._steady()
        wait = _wait_of(retry.attempt)
        remaining = min(max(0, retry.not_before - wall), wait)
        if known is not None:
            began = known.began
        else:
            before = sum(_wait_of(attempt) for attempt in range(1, min(retry.attempt, 64)))
            began = steady - max(wall - retry.first_failed_at, min(before, self._budget_ms))
        course = _Course(began, retry.attempt, steady + remaining)
        self._keep(retry.order.order_id, course)
        return course

    def _keep(self, order_id: str, course: _Course) -> None:
        self._courses.pop(order_id, None)
        if len(self._courses) >= MAX_KNOWN:
            del self._courses[next(iter(self._courses))]
        self._courses[order_id] = course


def _waited_for(source: str, retry: SealRetry) -> float:
    """How long at least this source has failed without a break, ms: what the attempts since asked for. (The last wait
    of an order's budget is shorter than its attempt asks for: a source that began to fail with it is given up sooner.)
    """
    since = _since(source, retry)
    return inf if since == 1 else sum(_wait_of(attempt) for attempt in range(since, retry.attempt + 1))


def _failures_of(source: str, retry: SealRetry) -> int:
    """How often in a row this source has failed, with the try that has just been made."""
    return retry.attempt + 2 - _since(source, retry)


def _since(source: str, retry: SealRetry) -> int:
    """The attempt that this source's failures began before: the one that is made now, if it did not fail until then;
    the first, where the retry does not say (it was written before retries named their sources)."""
    return retry.failing.get(source, retry.attempt + 1) if retry.failing else 1


def _tries_in(budget_ms: int) -> int:
    """How often an order is tried within its budget where nothing holds it up: at once, and after each wait."""
    tries, waited = 1, 0
    while waited < budget_ms and tries < FEWEST_TRIES:
        waited += _wait_of(tries)
        tries += 1
    return tries


def _wait_of(attempt: int) -> int:
    """What an attempt waits for: twice as long as the one before, up to a limit."""
    return min(FIRST_WAIT_MS << min(max(attempt, 1) - 1, 16), LONGEST_WAIT_MS)
