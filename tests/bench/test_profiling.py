"""Profiles: what the collapsed stacks add up to."""

from __future__ import annotations

import os

from bench.profiling import costs, profiled


def test_own_time_and_time_below_add_up() -> None:
    text = costs(
        ["main (a.py:1);fold (b.py:2) 30", "main (a.py:1);fold (b.py:2);parse (c.py:3) 60", "main (a.py:1) 10"]
    )
    assert text.startswith("100 samples\n")
    own, below = text.split("with what it calls")
    assert " 60.0 %  parse (c.py:3)" in own
    assert " 30.0 %  fold (b.py:2)" in own
    assert " 90.0 %  fold (b.py:2)" in below
    assert "100.0 %  main (a.py:1)" in below


def test_a_frame_that_calls_itself_counts_once() -> None:
    assert "100.0 %  walk (a.py:1)" in costs(["walk (a.py:1);walk (a.py:1) 5"])


def test_no_samples_are_no_error_and_no_file_is_no_profile() -> None:
    assert costs([]).startswith("0 samples")
    with profiled(os.getpid(), None):
        pass
