"""Aims and verdicts."""

from __future__ import annotations

import pytest

from bench.targets import TARGETS, Target, row


@pytest.mark.parametrize(
    ("better", "measured", "verdict"),
    [
        ("higher", 6.0, "stretch reached"), ("higher", 4.0, "must reached"), ("higher", 3.9, "not reached"),
        ("lower", 3.0, "stretch reached"), ("lower", 3.5, "must reached"), ("lower", 5.0, "not reached"),
    ],
)  # fmt: skip
def test_a_verdict_knows_which_way_is_good(better: str, measured: float, verdict: str) -> None:
    aims = {"higher": (4.0, 6.0), "lower": (4.0, 3.0)}[better]
    target = Target("k", "t", "x", better, *aims)  # type: ignore[arg-type]
    assert target.verdict(measured) == verdict


def test_without_stretch_and_without_any_aim() -> None:
    assert Target("k", "t", "s", "lower", 1.0).verdict(0.1) == "must reached"
    assert Target("k", "t", "s", "higher", None).verdict(0.1) == "no aim"


def test_rows_come_by_key() -> None:
    assert row("join.quix", 3.0)["verdict"] == "not reached"
    with pytest.raises(KeyError):
        row("join.nobody", 1.0)


def test_the_aims_are_consistent() -> None:
    assert len({target.key for target in TARGETS}) == len(TARGETS)
    for target in TARGETS:
        if target.must is not None and target.stretch is not None:
            assert (target.stretch > target.must) == (target.better == "higher"), target.key
