"""When a partition's records are too bad to read on: by run, by share, and not before."""

from __future__ import annotations

import random

from stream_app.core.poison import WINDOW, Poison


def verdicts(poison: Poison, refused: list[bool]) -> list[int]:
    return [index for index, one in enumerate(refused) if poison.observe(one) is not None]


def test_a_run_of_refused_records_breaks_the_limit_and_one_good_record_begins_it_anew() -> None:
    assert verdicts(Poison(5, 1.0), [True] * 5) == [4]
    assert verdicts(Poison(5, 1.0), ([True] * 4 + [False]) * 100) == []


def test_the_reason_says_how_many() -> None:
    poison = Poison(3, 1.0)
    assert [poison.observe(True) for _ in range(3)] == [None, None, "3 records in a row could not be used"]


def test_a_share_counts_only_over_a_full_window() -> None:
    alternating = [True, False, True] * WINDOW
    broken = verdicts(Poison(1000, 0.5), alternating)
    assert broken[0] >= WINDOW - 1
    assert verdicts(Poison(1000, 0.5), alternating[: WINDOW - 1]) == []
    assert verdicts(Poison(1000, 0.7), alternating) == []


def test_one_percent_of_poison_never_pauses() -> None:
    drawn = random.Random(3)
    assert verdicts(Poison(100, 0.5), [drawn.random() < 0.01 for _ in range(50_000)]) == []


def test_what_left_the_window_is_forgotten() -> None:
    poison = Poison(1000, 0.5)
    assert verdicts(poison, [True] * 90 + [False] * 300 + [True] * 90) == []
