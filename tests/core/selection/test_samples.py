"""Samples: the same seed draws the same calls, at the rate that was asked, in every stratum."""

from __future__ import annotations

from hashlib import sha256
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.conditions import Value
from stream_app.core.policy import Sample
from stream_app.core.selection.samples import Strata, draw, is_drawn, rate_of, stratum_of

STRATUM: dict[str, str | None] = {"queue": "billing"}


def sample(rate: float, seed: str = "s", **more: object) -> Sample:
    return Sample.from_dict({"rate": rate, "by": ["queue"], "seed": seed, **more})


def test_the_draw_is_fixed_for_ever() -> None:
    text = b'["s","scheduled_sample",{"queue":"billing"},"call-1"]'
    expected = int(sha256(text).hexdigest()[:16], 16) / 2**64
    assert draw("s", "scheduled_sample", STRATUM, "call-1") == pytest.approx(expected, abs=2**-52)
    assert draw("s", "scheduled_sample", STRATUM, "call-1") == 0.4700507233646358


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("queue", ["billing", "sales", None])
@pytest.mark.parametrize("seed", ["2026", "2027"])
def test_a_stratum_gets_the_rate_that_was_asked(rate: float, queue: str | None, seed: str) -> None:
    calls = 5_000
    drawn = sum(
        is_drawn(sample(rate, seed), "scheduled_sample", {"queue": queue}, f"call-{number}") for number in range(calls)
    )
    # Four standard deviations: with fixed seeds this either holds for ever or not at all.
    assert abs(drawn - calls * rate) <= 4 * sqrt(calls * rate * (1 - rate))


def test_samples_of_different_seeds_reasons_and_strata_are_independent() -> None:
    def drawn(seed: str, reason: str, queue: str) -> set[int]:
        return {
            number
            for number in range(10_000)
            if is_drawn(sample(0.1, seed), reason, {"queue": queue}, f"call-{number}")
        }

    base = drawn("a", "scheduled_sample", "x")
    for other in (
        drawn("b", "scheduled_sample", "x"),
        drawn("a", "executive_report_sample", "x"),
        drawn("a", "scheduled_sample", "y"),
    ):
        # Of about 1,000, about 100 are expected in both by chance (standard deviation 9.5).
        assert 60 <= len(base & other) <= 140


@given(st.text(min_size=1, max_size=40), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_rate_only_adds_calls(call_id: str, one: float, two: float) -> None:
    low, high = sorted((one, two))
    if is_drawn(sample(low), "scheduled_sample", STRATUM, call_id):
        assert is_drawn(sample(high), "scheduled_sample", STRATUM, call_id)


@given(st.text(min_size=1, max_size=40))
def test_rate_0_draws_none_and_rate_1_all(call_id: str) -> None:
    assert not is_drawn(sample(0), "scheduled_sample", STRATUM, call_id)
    assert is_drawn(sample(1), "scheduled_sample", STRATUM, call_id)


def test_single_strata_may_have_their_own_rate() -> None:
    drawn = Sample.from_dict(
        {
            "rate": 0.1,
            "by": ["queue", "language"],
            "seed": "s",
            "strata": [
                {"match": {"queue": "billing", "language": "de"}, "rate": 0.9},
                {"match": {"queue": "billing"}, "rate": 0.5},
            ],
        }
    )
    assert rate_of(drawn, {"queue": "billing", "language": "de"}) == 0.9
    assert rate_of(drawn, {"queue": "billing", "language": None}) == 0.5
    assert rate_of(drawn, {"queue": None, "language": "de"}) == 0.1


def test_a_call_that_does_not_say_is_a_stratum_of_its_own() -> None:
    assert stratum_of(sample(0.1), {"language": "de"}) == {"queue": None}
    assert stratum_of(sample(0.1), {"queue": "sales", "language": "de"}) == {"queue": "sales"}


def test_strata_that_are_remembered_draw_as_those_that_are_not() -> None:
    asked = sample(0.3, strata=[{"match": {"queue": "vip"}, "rate": 1.0}, {"match": {"queue": "off"}, "rate": 0.0}])
    strata = Strata(asked, "scheduled_sample")
    for number in range(600):
        values: dict[str, Value] = {"queue": ("vip", "off", "billing")[number % 3]} if number % 4 else {}
        stratum, call_id = stratum_of(asked, values), f"call-{number}"
        drawn = strata.drawn(values, call_id)
        assert (drawn is not None) is is_drawn(asked, "scheduled_sample", stratum, call_id)
        assert drawn is None or drawn == (rate_of(asked, stratum), stratum)
