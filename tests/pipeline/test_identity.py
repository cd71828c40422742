"""The identity stage in the line: aliases in any order, hops between partitions, and a clock that never overtakes."""

from __future__ import annotations

import itertools
import random
from typing import Any

import msgspec
import pytest

from stream_app.pipeline.ports import Effects, Outgoing
from tests import stories
from tests.simulator import Simulator
from tests.stories import MINUTE, START_MS


def line(seed: int = 0, partitions: int = 4) -> Simulator:
    simulator = Simulator(partitions=partitions, seed=seed)
    simulator.now = START_MS + 1000
    simulator.tick()
    return simulator


ROOM, EGRESS, SID = {"livekitRoom": "r-1"}, {"livekitEgress": "EG-1"}, {"twilioCallSid": "CA-1"}

FIVE: tuple[dict[str, Any], ...] = (
    stories.call_ended(recording=None, aliases=SID),
    stories.event("identity-linked", "linked", call=None, aliases={**ROOM, **SID}),
    stories.artifact("recording", call=None, aliases={**ROOM, **EGRESS}),
    stories.evaluation(failed=True, call=None, aliases=EGRESS),
    stories.trace(call=None, aliases=ROOM),
)


def test_all_120_orders_of_five_events_over_three_aliases_end_in_one_call() -> None:
    for number, documents in enumerate(itertools.permutations(FIVE)):
        simulator = line(seed=number)
        for document in documents:
            simulator.publish(document)
            if number % 2:
                simulator.tick(50)
        simulator.tick(MINUTE)
        (order,) = simulator.last_orders().values()
        assert order["missing"] == []
        assert {item["eventId"] for item in order["items"]} >= {"ended", "recording-ready", "judged", "traced"}
        assert order["aliases"] == {**SID, **ROOM, **EGRESS, "traceId": "ab" * 16}
        assert simulator.out("dead-letters") == []


def backlog(simulator: Simulator, chain: int) -> None:
    """An outage's backlog: the evaluation is known by an alias at the far end of a chain of links."""
    schemes = [{f"scheme{number}": f"v-{number}"} for number in range(chain)]
    documents = [
        stories.call_ended(aliases=schemes[0], measures={"minAsrConfidence": 0.1}),
        stories.trace(call=None, aliases=schemes[0]),
        stories.evaluation(call=None, aliases=schemes[-1]),
    ]
    documents += [
        stories.event(
            "identity-linked", f"link-{number}", call=None, aliases={**schemes[number], **schemes[number + 1]}
        )
        for number in range(chain - 1)
    ]
    simulator.random.shuffle(documents)
    for document in documents:
        simulator.publish(document)


def read_after_the_outage(simulator: Simulator) -> None:
    """Twenty minutes later intake reads everything and says so, before the identity stage has read a record."""
    simulator.now += 20 * MINUTE
    partitions = range(simulator.partitions)
    ends = {f"{topic}/{p}": len(simulator.log[topic][p]) for topic in simulator.sources for p in partitions}
    simulator.clock.note(simulator.now, ends)
    for topic in simulator.sources:
        for partition in partitions:
            while simulator.lanes[topic, partition].read < len(simulator.log[topic][partition]):
                simulator._deliver((topic, partition))
            simulator.clock.confirm(f"{topic}/{partition}", simulator.lanes[topic, partition].read)
    record = simulator.clock.record(simulator.sources, simulator.partitions).to_bytes()
    for partition in partitions:
        simulator._append(Outgoing("identity", None, record, partition=partition))
    simulator.pump()
    simulator.tick(1000)


@pytest.mark.parametrize("seed", range(40))
def test_the_clock_never_overtakes_an_event_on_its_way(seed: int) -> None:
    """A backlog is read after the deadline has passed: a false incomplete would mean that time ran ahead."""
    simulator = line(seed=seed)
    backlog(simulator, chain=5)
    read_after_the_outage(simulator)
    (order,) = [order for order in simulator.out("seal-orders") if order["version"] == 1]
    assert order["completedBy"] == "all_evidence"
    assert order["missing"] == []


def test_a_clock_that_is_passed_on_at_once_does_overtake() -> None:
    """Negative control: without turns and receipts some backlog must give a false incomplete."""

    def hasty(effects: Effects) -> Effects:
        return msgspec.structs.replace(effects, sends=(*effects.in_turn, *effects.sends), expects=(), in_turn=())

    false_incompletes = 0
    for seed in range(40):
        simulator = line(seed=seed)
        for (topic, _), lane in simulator.lanes.items():
            if topic == "identity":
                handle = lane.handle
                lane.handle = lambda record, handle=handle: hasty(handle(record))  # type: ignore[misc]
        backlog(simulator, chain=5)
        read_after_the_outage(simulator)
        false_incompletes += any(order["completedBy"] == "deadline" for order in simulator.out("seal-orders"))
    assert false_incompletes > 0


def test_an_alias_nobody_knows_is_parked_alerted_once_and_released_by_a_late_link() -> None:
    simulator = line()
    simulator.publish(stories.tool(call=None, aliases=ROOM, status="failed"))
    simulator.tick(14 * MINUTE)
    assert simulator.out("evidence") == [one for one in simulator.out("evidence") if one["record"] == "clock"]
    assert simulator.out("join-alerts") == []
    simulator.tick(2 * MINUTE)
    simulator.tick(10 * MINUTE)
    (alert,) = simulator.out("join-alerts")
    assert (alert["kind"], alert["alertId"]) == ("orphan", "livekitRoom:r-1/orphan/1")
    end = simulator.now
    simulator.publish(stories.call_ended(end=end, aliases=ROOM, expectedToolCalls=1))
    simulator.publish(stories.evaluation(at=end))
    simulator.publish(stories.trace(at=end))
    simulator.tick(1000)
    (order,) = simulator.last_orders().values()
    assert order["missing"] == []
    assert "tool" in {item["eventId"] for item in order["items"]}
    assert [(one["alertId"], one["state"]) for one in simulator.out("join-alerts")] == [
        (alert["alertId"], "firing"),
        (alert["alertId"], "resolved"),
    ]


def test_a_claim_on_another_calls_alias_is_refused_and_accounted_for() -> None:
    simulator = line()
    simulator.publish(stories.call_ended(aliases=ROOM))
    simulator.tick(1000)
    simulator.publish(stories.call_ended("thief", call="call-2", aliases=ROOM))
    simulator.tick(1000)
    (letter,) = simulator.out("dead-letters")
    assert letter["reason"] == "identity_conflict"
    assert letter["position"]["topic"] == "call-ended"
    (alert,) = [alert for alert in simulator.out("join-alerts") if alert["kind"] == "identity_conflict"]
    assert alert["canonicalCallId"] == "call-1"


def test_what_is_no_identity_record_is_a_dead_letter() -> None:
    simulator = line()
    simulator.publish(b"junk", topic="identity")
    simulator.publish(b'{"record": "park"}', topic="identity")
    simulator.pump()
    assert [letter["reason"] for letter in simulator.out("dead-letters")] == ["invalid_internal"] * 2


def test_restarts_and_redeliveries_in_the_middle_change_nothing() -> None:
    for seed in range(30):
        draw = random.Random(seed)
        simulator = line(seed=seed)
        documents = list(FIVE)
        draw.shuffle(documents)
        for document in documents:
            simulator.publish(document)
            for _ in range(draw.randint(0, 6)):
                busy = [key for key, lane in simulator.lanes.items() if lane.read < len(simulator.log[key[0]][key[1]])]
                if busy:
                    simulator._deliver(draw.choice(busy))
            simulator.restart(rewind=draw.randint(0, 2))
        simulator.tick(1000)
        simulator.tick(MINUTE)
        (order,) = simulator.last_orders().values()
        assert order["missing"] == [], seed
