"""The arithmetic of measurements."""

from __future__ import annotations

import pytest

from bench.spread import Spread, percentile, ratio


def test_a_spread_says_minimum_median_and_maximum() -> None:
    assert Spread.of([3.0, 1.0, 2.0, 10.0]) == Spread(1.0, 2.5, 10.0, 4)
    assert Spread.of([5]).to_dict() == {"min": 5, "median": 5.0, "max": 5, "runs": 1}


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [float("inf")]])
def test_no_value_and_no_number_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"measured|numbers"):
        Spread.of(values)


def test_a_percentile_is_the_nearest_rank() -> None:
    values = [float(one) for one in range(200, 0, -1)]
    assert percentile(values, 0.5) == 100
    assert percentile(values, 0.99) == 198
    assert percentile(values, 1) == 200
    assert percentile([7.0], 0.01) == 7
    for share in (0, 1.01):
        with pytest.raises(ValueError, match="share"):
            percentile(values, share)
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 0.5)


def test_a_ratio_pairs_interleaved_runs() -> None:
    # The machine was slow in the second round, for both: paired, the ratio does not notice.
    assert ratio([40, 20, 40], [10, 5, 10]) == Spread(4, 4, 4, 3)
    assert ratio([40, 20, 40], [10]) == Spread(4, 4, 4, 1)
