"""Latency: what counts when an outcome does not come."""

from __future__ import annotations

from bench.figures.latency import Load, Watch


def test_a_call_without_outcome_counts_with_its_waiting() -> None:
    watch = Watch()
    watch.sent = {"early": 1.0, "a": 10.0, "b": 11.0, "c": 12.0, "after": 20.0}
    watch.seen = {"early": 1.1, "a": 10.1, "b": 11.2, "after": 20.1}
    latencies, unseen = watch.milliseconds(10, 20, now=25.0)
    assert [round(one) for one in latencies] == [100, 200, 13000]
    assert unseen == 1


def test_a_load_says_what_was_not_in_time() -> None:
    load = Load([10.0] * 98 + [20.0, 900.0], 1, 0.25)
    assert load.to_dict() == {
        "samples": 100, "unseen": 1, "p50": 10.0, "p90": 10.0, "p99": 20.0, "max": 900.0, "cpuShare": 0.25,
    }  # fmt: skip
    assert str(load) == "p50 10 ms, p99 20 ms, 1 of 100 not in time, 25% of a core"
    assert "in time" not in str(Load([1.0], 0, 0.1))
