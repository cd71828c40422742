"""The join stage in the line: time through the log, replays to the byte, restarts, and every position accounted for."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

from stream_app.core.calls import CallState
from stream_app.core.evidence import PolicyActivated
from stream_app.core.identity import AliasState
from stream_app.pipeline.join import JoinPartition
from stream_app.pipeline.ports import Outgoing
from stream_app.policy_file import default_policy
from tests import stories
from tests.bad_input import BAD_INPUT
from tests.simulator import MemoryRows, Simulator
from tests.stories import MINUTE, START_MS


def line(seed: int = 0) -> Simulator:
    simulator = Simulator(partitions=3, seed=seed)
    simulator.now = START_MS + 1000
    simulator.tick()
    return simulator


def many_calls(simulator: Simulator, count: int) -> None:
    """Calls of every fate: complete, short of a piece, without a reason, with repeats."""
    draw = random.Random(simulator.random.random())
    documents: list[dict[str, Any]] = []
    for number in range(count):
        call = f"call-{number}"
        names: dict[str, Any] = {"call": call}
        if number % 3 == 0:
            names = {"call": None, "aliases": {"livekitRoom": f"room-{number}"}}
        pieces = [
            stories.call_ended(f"{call}-ended", call=call, aliases={"livekitRoom": f"room-{number}"}),
            stories.trace(f"{call}-trace", traceId=f"{number:032x}", **names),
            stories.evaluation(f"{call}-judged", failed=number % 2 == 0, **names),
        ]
        if number % 5 == 0:
            pieces.pop(draw.randrange(1, 3))
        documents += pieces + ([draw.choice(pieces)] if number % 4 == 0 else [])
    draw.shuffle(documents)
    for document in documents:
        simulator.publish(document)
        if draw.random() < 0.2:
            simulator.tick(draw.randint(0, 2000))


def settle(simulator: Simulator) -> None:
    for minutes in (1, 5, 10, 10):
        simulator.tick(minutes * MINUTE)


def test_the_same_log_gives_the_same_orders_to_the_byte() -> None:
    simulator = line()
    many_calls(simulator, 40)
    settle(simulator)
    assert len(simulator.out("seal-orders")) > 15
    for partition in range(simulator.partitions):
        rows = MemoryRows()
        again = JoinPartition(partition, rows, simulator.policy)
        replayed = []
        for record in simulator.log["evidence"][partition]:
            effects = again.handle(record)
            rows.write(effects.rows)
            replayed += [send.value for send in effects.sends if send.topic == "seal-orders"]
        keys = {record.key for record in simulator.log["evidence"][partition] if record.key}
        first_run = [r.value for p in range(3) for r in simulator.log["seal-orders"][p] if r.key in keys]
        assert sorted(first_run) == sorted(replayed)  # type: ignore[type-var]


def test_restarts_with_redelivery_lose_nothing_and_never_lower_a_version() -> None:
    undisturbed = line(seed=5)
    many_calls(undisturbed, 30)
    settle(undisturbed)
    disturbed = line(seed=5)
    many_calls(disturbed, 30)
    for rewind in (0, 1, 5, 50):
        disturbed.restart(rewind=rewind)
        disturbed.tick(MINUTE)
    settle(disturbed)
    wanted = {call: (order["version"], len(order["items"])) for call, order in undisturbed.last_orders().items()}
    seen = {call: (order["version"], len(order["items"])) for call, order in disturbed.last_orders().items()}
    assert seen == wanted


def test_a_deadline_fires_after_a_restart_without_new_input() -> None:
    simulator = line()
    simulator.publish(stories.call_ended())
    simulator.publish(stories.evaluation(failed=True))
    simulator.tick(MINUTE)
    simulator.restart()
    simulator.tick(15 * MINUTE)
    (order,) = simulator.out("seal-orders")
    assert order["completedBy"] == "deadline"


def test_a_policy_holds_from_its_record_on() -> None:
    simulator = line()
    simulator.publish(stories.call_ended("old"))
    simulator.publish(stories.evaluation(failed=True))
    simulator.tick(1000)
    strict = default_policy().scaled(50)
    record = PolicyActivated(sha256=strict.sha256, policy=strict.to_dict()).to_bytes()
    for partition in range(3):
        simulator._append(Outgoing("evidence", None, record, partition=partition))
    simulator.pump()
    end = simulator.now
    simulator.publish(stories.call_ended("new", call="call-2", end=end))
    simulator.publish(stories.evaluation("new-judged", call="call-2", at=end, failed=True))
    simulator.tick(20_000)
    assert set(simulator.last_orders()) == {"call-2"}
    simulator.restart()
    simulator.tick(15 * MINUTE)
    orders = simulator.last_orders()
    assert orders["call-1"]["policy"]["sha256"] == default_policy().sha256
    assert orders["call-2"]["policy"]["sha256"] == strict.sha256


def endings(simulator: Simulator) -> dict[str, list[str]]:
    """Input position -> how it ended, from dead letters and from what the stages remember."""
    found: dict[str, list[str]] = {}

    def mark(position: dict[str, Any], ending: str) -> None:
        found.setdefault(f"{position['topic']}/{position['partition']}/{position['offset']}", []).append(ending)

    for letter in simulator.out("dead-letters"):
        mark(letter["position"], "dead_letter")
    for (topic, _), lane in simulator.lanes.items():
        for key, row in lane.rows.items():
            if topic == "identity":
                for event in AliasState.from_dict(json.loads(row)).parked:
                    mark(event.position.to_dict(), "parked")
            elif key.startswith(b"call:"):
                state = CallState.from_dict(json.loads(row))
                conflicts = [position for conflict in state.conflicts for position in conflict.positions]
                for item in state.items:
                    if item.position not in conflicts:
                        mark(item.position.to_dict(), "used")
                for position in state.duplicates:
                    mark(position.to_dict(), "duplicate")
                for position in conflicts:
                    mark(position.to_dict(), "conflict")
    return found


def test_bad_input_stops_nothing_and_every_position_ends_once() -> None:
    simulator = line()
    for number, case in enumerate(BAD_INPUT):
        good = f"good-{number}"
        simulator.publish(stories.call_ended(f"{good}-ended", call=good, aliases={"livekitRoom": good}))
        record = Outgoing(case.topic, str(number).encode(), case.value, case.headers)
        simulator._append(record)
        simulator.publish(stories.evaluation(f"{good}-judged", call=None, aliases={"livekitRoom": good}, failed=True))
        simulator.publish(stories.trace(f"{good}-trace", call=good, traceId=f"{number:032x}"))
    simulator.publish(stories.tool(call=None, aliases={"livekitRoom": "nobody-knows"}))
    simulator.publish(stories.evaluation("good-0-judged", call="good-0", score=0.9))
    simulator.publish(stories.trace("good-1-trace", call="good-1", traceId=f"{1:032x}"))
    simulator.tick(1000)
    simulator.tick(MINUTE)
    orders = simulator.last_orders()
    assert len(orders) == len(BAD_INPUT)
    assert all(not order["missing"] for order in orders.values())
    positions = {
        f"{topic}/{partition}/{record.offset}"
        for topic in simulator.sources
        for partition, records in enumerate(simulator.log[topic])
        for record in records
    }
    found = endings(simulator)
    assert set(found) == positions
    assert {position: ways for position, ways in found.items() if len(ways) != 1} == {}
    counts = Counter(way for ways in found.values() for way in ways)
    assert counts == {
        "used": 3 * len(BAD_INPUT) - 1, "dead_letter": len(BAD_INPUT), "parked": 1, "conflict": 2, "duplicate": 1,
    }  # fmt: skip


def test_what_is_no_evidence_record_is_a_dead_letter() -> None:
    simulator = line()
    simulator.publish(b"\x00junk", topic="evidence")
    simulator.publish(None, topic="evidence")
    simulator.pump()
    assert [letter["reason"] for letter in simulator.out("dead-letters")] == ["invalid_internal"] * 2
