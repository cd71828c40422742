"""The bench's policies: what they select, what they wait for."""

from __future__ import annotations

import pytest

from bench.calls import Feed, call_id
from bench.line import policy
from bench.selection import is_selected
from stream_app.core.policy import Policy
from stream_app.pipeline.join import JoinPartition
from stream_app.pipeline.ports import Incoming
from stream_app.runtime.memory_rows import MemoryRows


def orders(chosen: Policy, call: str, pieces: slice) -> int:
    """How many orders the product's own join makes of these pieces of a call."""
    stage = JoinPartition(0, MemoryRows(), chosen)
    records = Feed().call(call)[pieces]
    batch = [Incoming("evidence", 0, offset, 1, one.key, one.value) for offset, one in enumerate(records)]
    return sum(sent.topic == "seal-orders" for effects in stage.fold(batch) for sent in effects.sends)


def test_every_complete_call_is_ordered_once_and_no_other() -> None:
    chosen = policy(selected=1.0)
    assert orders(chosen, call_id("aa", 1), slice(0, 4)) == 1
    assert orders(chosen, call_id("aa", 1), slice(0, 3)) == 0
    assert orders(chosen, call_id("aa", 1), slice(1, 4)) == 0


@pytest.mark.parametrize("rate", [0.0, 0.1, 1.0])
def test_what_the_bench_expects_is_what_the_join_selects(rate: float) -> None:
    chosen = policy(selected=rate)
    calls = [call_id("aa", number) for number in range(300)]
    drawn = [call for call in calls if is_selected(chosen, call)]
    assert abs(len(drawn) / len(calls) - rate) < 0.06
    for call in calls[:60]:
        assert orders(chosen, call, slice(0, 4)) == (call in drawn)


def test_a_short_deadline_is_a_valid_policy() -> None:
    assert policy(selected=1.0, deadline_ms=3000).timing.deadline == 3000
