"""The contract's call through the whole line in memory: its alert, its order, in every order of arrival.

`test_line.py` sends the same call through the real broker and store; `tests/pipeline/test_seal.py` seals its order.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from stream_app.core.instants import parse_instant
from tests.examples import CONTRACT, SHARED_CONTRACT, contract_events, contract_order
from tests.folding import content
from tests.simulator import Simulator

EVENTS = [event for _, event in contract_events()]
AFTER = parse_instant("2026-06-03T18:44:02.500Z")


def started(at: int, seed: int = 0) -> Simulator:
    simulator = Simulator(partitions=3, seed=seed)
    simulator.now = at
    simulator.tick()
    return simulator


def comparable(order: dict[str, Any]) -> dict[str, Any]:
    """Without what depends on where and when a record was appended."""
    return content({**order, "items": [{**item, "traceparent": None} for item in order["items"]]})


def test_the_call_waits_for_its_evaluation_says_so_and_is_ordered_with_it() -> None:
    simulator = started(parse_instant("2026-06-03T18:42:40.500Z"))
    for event in EVENTS[:5]:
        simulator.publish(event)
    simulator.tick(parse_instant("2026-06-03T18:43:31.000Z") - simulator.now)
    (stuck,) = simulator.out("join-alerts")
    assert stuck == json.loads((CONTRACT / "join-alert.json").read_text())
    assert simulator.out("seal-orders") == []
    simulator.tick(AFTER - simulator.now)
    simulator.publish(EVENTS[5])
    simulator.tick()
    (order,) = simulator.out("seal-orders")
    assert comparable(order) == comparable(contract_order().to_dict())
    assert [(alert["alertId"], alert["state"]) for alert in simulator.out("join-alerts")] == [
        (stuck["alertId"], "firing"),
        (stuck["alertId"], "resolved"),
    ]
    assert simulator.out("dead-letters") == []


def test_all_720_arrival_orders_give_the_contracts_order_once() -> None:
    """Six events over four aliases of three partitions; any of them may be the first to name any alias."""
    wanted = comparable(contract_order().to_dict())
    for number, events in enumerate(itertools.permutations(EVENTS)):
        simulator = started(AFTER, seed=number)
        for event in events:
            simulator.publish(event)
        simulator.tick(1000)
        (order,) = simulator.out("seal-orders")
        assert comparable(order) == wanted, [event["eventId"] for event in events]
        assert len(simulator.out("dead-letters")) == 0


def test_our_copy_of_the_contract_is_the_contract() -> None:
    if not SHARED_CONTRACT.is_dir():
        pytest.skip("the contract's own home, ../shared/design/contract, does not lie beside this checkout")
    for path in SHARED_CONTRACT.glob("*.json"):
        assert json.loads((CONTRACT / path.name).read_text()) == json.loads(path.read_text()), path.name
