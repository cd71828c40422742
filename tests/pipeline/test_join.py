"""The join stage in the line: time through the log, replays to the byte, restarts, and every position accounted for."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict

from stream_app.core.alias_rows import read_row
from stream_app.core.call_rows import read_call
from stream_app.core.evidence import ClockRecord, PolicyActivated
from stream_app.core.ordering import Order
from stream_app.core.wire import read_json
from stream_app.pipeline.join import PORTION, Ended, JoinPartition, Observer
from stream_app.pipeline.ports import Effects, Incoming, Outgoing
from stream_app.policy_file import default_policy
from stream_app.runtime.memory_rows import MemoryRows
from tests import stories
from tests.bad_input import BAD_INPUT
from tests.simulator import Simulator
from tests.stories import MINUTE, START_MS


def line(seed: int = 0) -> Simulator:
    simulator = Simulator(partitions=3, seed=seed)
    simulator.now = START_MS + 1000
    simulator.tick()
    return simulator


def many_calls(simulator: Simulator, count: int, first: int = 0) -> None:
    """Calls of every fate: complete, short of a piece, without a reason, with repeats."""
    draw = random.Random(simulator.random.random())
    documents: list[dict[str, Any]] = []
    for number in range(first, first + count):
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
            rows.commit([effects])
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


def sent(simulator: Simulator) -> dict[str, list[list[tuple[bytes | None, bytes | None, object]]]]:
    """All that the join sent, partition by partition, to the byte."""
    return {
        topic: [[(one.key, one.value, one.headers) for one in records] for records in simulator.log[topic]]
        for topic in ("seal-orders", "join-alerts", "dead-letters")
    }


def refold(simulator: Simulator, partition: int, cut: Callable[[], int], observe: Observer | None = None) -> Refolded:
    """The partition's records of the log, folded anew in batches of `cut()`."""
    rows = MemoryRows()
    stage = JoinPartition(partition, rows, simulator.policy, observe)
    records = simulator.log["evidence"][partition]
    sends: list[Outgoing] = []
    gauges = []
    at = 0
    while at < len(records):
        batch = records[at : at + cut()]
        at += len(batch)
        effects = stage.fold(batch)
        assert len(effects) == len(batch)
        rows.commit(effects)
        sends += [send for one in effects for send in one.sends]
        gauges.append(stage.open_calls())
    return Refolded(rows, sends, stage, gauges)


@dataclass
class Refolded:
    """What came of folding a log."""

    rows: MemoryRows
    sends: list[Outgoing]
    stage: JoinPartition
    gauges: list[tuple[int, int | None]]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_however_the_log_is_cut_into_batches_the_same_bytes_leave(seed: int, largest: int) -> None:
    simulator = busy_line()
    draw = random.Random(seed)
    for partition in range(simulator.partitions):
        wanted = one_by_one(partition)
        found = refold(simulator, partition, lambda: draw.randint(1, largest))
        assert found.sends == wanted.sends
        assert found.rows == wanted.rows
        assert found.gauges[-1] == wanted.gauges[-1]


@cache
def busy_line() -> Simulator:
    """A log with everything in it: reasons, gaps, repeats, conflicts, late evidence, junk, a change of policy."""
    simulator = line(seed=3)
    many_calls(simulator, 30)
    simulator.publish(stories.evaluation("call-2-judged", call="call-2", failed=True, score=0.9))
    simulator.publish(b"\x00junk", topic="evidence")
    strict = default_policy().scaled(2)
    record = PolicyActivated(sha256=strict.sha256, policy=strict.to_dict()).to_bytes()
    for partition in range(3):
        simulator._append(Outgoing("evidence", None, record, partition=partition))
    many_calls(simulator, 20, first=20)
    settle(simulator)
    simulator.tick(24 * 60 * MINUTE)
    for number in range(0, 30, 3):
        simulator.publish(stories.artifact("log", f"late-{number}", call=f"call-{number}"))
    settle(simulator)
    simulator.tick(80 * 60 * MINUTE)
    return simulator


@cache
def one_by_one(partition: int) -> Refolded:
    return refold(busy_line(), partition, lambda: 1)


def test_the_log_of_the_test_of_batches_has_everything_in_it() -> None:
    simulator = busy_line()
    orders = simulator.out("seal-orders")
    assert {order["completedBy"] for order in orders} >= {"all_evidence", "deadline"}
    assert {order["version"] for order in orders} >= {1, 2}
    assert {len(order["conflicts"]) for order in orders} == {0, 1}
    assert len({order["policy"]["sha256"] for order in orders}) == 2
    assert {(alert["kind"], alert["state"]) for alert in simulator.out("join-alerts")} >= {
        ("stuck", "firing"), ("stuck", "resolved"), ("timed_out", "firing"), ("timed_out", "resolved"),
    }  # fmt: skip
    assert max(count for partition in range(3) for count, _ in one_by_one(partition).gauges) > 3
    left = {key for partition in range(3) for key in one_by_one(partition).rows if key.startswith((b"call:", b"due/"))}
    assert left == set(), "every call was forgotten, with its timers"


def test_a_worker_without_its_disk_does_as_one_that_never_stopped() -> None:
    lines = [line(seed=9) for _ in range(3)]
    for simulator, wiped in zip(lines, (None, False, True), strict=True):
        many_calls(simulator, 30)
        for _ in range(6):
            if wiped is not None:
                simulator.restart(wiped=wiped)
            simulator.tick(3 * MINUTE)
        settle(simulator)
    assert sent(lines[0])["seal-orders"] != [[], [], []]
    assert sent(lines[1]) == sent(lines[0])
    assert sent(lines[2]) == sent(lines[0])


def test_a_timer_that_moved_fires_at_its_new_time_only() -> None:
    simulator = line()
    simulator.publish(stories.call_ended())
    simulator.publish(stories.trace())
    simulator.tick(1000)
    simulator.publish(stories.evaluation())  # Settled: neither stuck nor timed out.
    simulator.tick(1000)
    simulator.restart(wiped=True)  # Replays also the row that named the earlier time.
    simulator.tick(20 * MINUTE)
    assert simulator.out("join-alerts") == []
    index = [key for lane in simulator.lanes.values() for key in lane.rows if key.startswith(b"due/")]
    assert len(index) == 1, "the entry for the earlier time counts for nothing, and goes with the next rows"


def test_open_calls_are_counted_and_still_are_after_a_restart() -> None:
    simulator = line()
    begin = START_MS - 4 * MINUTE
    for number in range(4):
        simulator.publish(stories.call_ended(f"ended-{number}", call=f"call-{number}", end=begin + number * MINUTE))
    simulator.publish(stories.evaluation(call="call-0"))
    simulator.tick(1000)

    def gauges() -> tuple[int, int | None]:
        counted = [stage.open_calls() for stage in simulator.joins.values()]
        return sum(count for count, _ in counted), min((oldest for _, oldest in counted if oldest), default=None)

    assert gauges() == (3, begin + MINUTE), "call-0 is settled"
    simulator.restart()
    assert gauges() == (3, begin + MINUTE)
    simulator.restart(wiped=True)
    simulator.publish(stories.evaluation("j1", call="call-1"))
    simulator.tick(1000)
    assert gauges() == (2, begin + 2 * MINUTE)
    simulator.tick(20 * MINUTE)
    assert gauges() == (0, None)


def test_the_observer_hears_how_events_ended_and_what_time_ordered() -> None:
    seen: Counter[tuple[str, str]] = Counter()
    fired: list[str] = []

    def observe(ended: Mapping[tuple[str, Ended], int], orders: Sequence[Order]) -> None:
        seen.update(ended)
        fired.extend(order.completed_by for order in orders)

    simulator = line()
    simulator.publish(stories.call_ended())
    simulator.publish(stories.evaluation(failed=True))
    simulator.publish(stories.evaluation(failed=True))
    simulator.publish(stories.evaluation(failed=True, score=0.1))
    simulator.tick(1000)
    simulator.tick(15 * MINUTE)
    for partition in range(3):
        simulator.log["evidence"][partition] *= 2  # The second time all of them are repeats.
        refold(simulator, partition, lambda: 7, observe)
    assert seen == {
        ("call-ended", "used"): 1, ("evaluation-completed", "used"): 1,
        ("evaluation-completed", "duplicate"): 1, ("evaluation-completed", "conflict"): 1,
    }  # fmt: skip
    assert fired == ["deadline"]


def test_clock_records_cost_one_row_a_batch_and_none_where_they_say_nothing_new() -> None:
    simulator = line()
    simulator.tick(1000)
    records = simulator.log["evidence"][0]
    rows = MemoryRows()
    stage = JoinPartition(0, rows, simulator.policy)
    assert len(records) > 4
    folded = stage.fold(records)
    assert [key for effects in folded for key, _ in effects.rows].count(b"clock/0") == 1
    assert sum(bool(effects.rows) for effects in folded) == 1
    assert stage.fold(records) == [Effects()] * len(records)


def test_recovering_reads_no_call() -> None:
    simulator = busy_line()
    rows = MemoryRows()
    rows.write(one_by_one(0).rows.items())
    rows[b"call:anything"] = b"not even a row"
    stage = JoinPartition(0, rows, default_policy())
    stage.recover()
    assert stage.now == one_by_one(0).stage.now == refold(simulator, 0, lambda: 9).stage.now


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
            if topic == "identity" and key not in lane.rows.local:
                for event in read_row(row).parked:
                    mark(asdict(event.position), "parked")
            elif key.startswith(b"call:"):
                state = read_call(row)
                conflicts = [position for conflict in state.conflicts for position in conflict.positions]
                for item in state.items:
                    if item.position.key() not in {position.key() for position in conflicts}:
                        mark(asdict(item.position), "used")
                for repeated in state.duplicates:
                    mark(asdict(repeated), "duplicate")
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


def test_a_clock_that_leaps_behind_an_outage_makes_no_orphan_of_what_came_just_now() -> None:
    """Seen under chaos: the wait for call-ended began at a clock that stood 40 s back, and was over before it began."""
    policy = default_policy()
    policy = policy.model_copy(update={"timing": policy.timing.model_copy(update={"orphan": 20_000})})
    simulator = Simulator(policy=policy)
    simulator.tick(1000)
    simulator.now += 40_000
    simulator.publish(stories.evaluation(failed=True, at=simulator.now))
    simulator.pump()
    simulator.tick(0)
    simulator.publish(stories.call_ended(end=simulator.now))
    simulator.pump()
    simulator.tick(40_000)
    written = [record for topic in ("join-alerts", "seal-orders") for part in simulator.log[topic] for record in part]
    assert not [record for record in written if b"orphan" in (record.value or b"")]


def test_a_source_that_falls_silent_while_calls_go_on_is_one_alert_over_restarts_and_ends_when_it_speaks() -> None:
    simulator = Simulator(partitions=2)
    simulator.publish(stories.evaluation("judged-0", call="call-0", at=simulator.now))
    for minute in range(24):
        ended = stories.call_ended(f"ended-{minute}", call=f"call-{minute}", end=simulator.now)
        simulator.publish(ended)
        simulator.tick(MINUTE)
        if minute in (12, 22):
            simulator.restart(rewind=3)

    def silent() -> list[tuple[str, str]]:
        alerts = [read_json(record.value or b"") for part in simulator.log["join-alerts"] for record in part]
        return [(one["alertId"].split("/")[0], one["state"]) for one in alerts if one["kind"] == "source_silent"]

    assert silent() == [("evaluation-completed", "firing")]
    simulator.publish(stories.evaluation("judged-1", call="call-4", at=simulator.now))
    simulator.tick(1000)
    assert silent() == [("evaluation-completed", "firing"), ("evaluation-completed", "resolved")]


def test_a_dead_source_is_one_alert_and_not_one_a_call_or_a_partition() -> None:
    simulator = Simulator(partitions=2)
    for number in range(80):
        at = simulator.now
        simulator.publish(stories.call_ended(f"ended-{number}", call=f"call-{number}", end=at))
        if number < 10:
            simulator.publish(stories.evaluation(f"judged-{number}", call=f"call-{number}", at=at))
            simulator.publish(stories.trace(f"trace-{number}", call=f"call-{number}", traceId=f"{number:032x}"))
        else:
            simulator.publish(stories.trace(f"trace-{number}", call=f"call-{number}", traceId=f"{number:032x}"))
        simulator.tick(2000)
    simulator.tick(20 * MINUTE)
    alerts = [read_json(record.value or b"") for part in simulator.log["join-alerts"] for record in part]
    silent = [one["alertId"] for one in alerts if one["kind"] == "source_silent"]
    assert len(silent) == 1
    assert silent[0].startswith("evaluation-completed/")
    without = [one for one in alerts if [gap["kind"] for gap in one["missing"]] == ["evaluation"]]
    assert without == []


def crowd(portion: int, cuts: int = 0) -> Simulator:
    """Thirty calls that lack their evaluation fall due together, some of them by one and the same moment."""
    simulator = Simulator(partitions=1, portion=portion, cuts=cuts)
    simulator.tick(1000)
    start = simulator.now
    for number in range(30):
        end = start + 100 * (number % 7)
        simulator.publish(stories.call_ended(f"ended-{number}", call=f"call-{number}", end=end))
        simulator.publish(stories.tool(f"failed-{number}", call=f"call-{number}", status="failed"))
    simulator.tick(1000)
    return simulator


@pytest.mark.parametrize("portion", [1, 2, 7, 29, 30, 31])
def test_calls_that_fall_due_together_are_taken_in_portions_and_come_to_the_same(portion: int) -> None:
    whole, parts = crowd(PORTION), crowd(portion, cuts=portion)
    for simulator in (whole, parts):
        for _ in range(2):
            simulator.tick(20 * MINUTE)
    assert len(whole.log["seal-orders"][0]) == 30
    for topic in ("seal-orders", "join-alerts"):
        assert [one.value for one in parts.log[topic][0]] == [one.value for one in whole.log[topic][0]]
    lane, other = parts.lanes["evidence", 0], whole.lanes["evidence", 0]
    assert dict(lane.rows) == dict(other.rows)


def test_a_fault_between_two_portions_loses_nothing_and_repeats_nothing() -> None:
    whole = crowd(PORTION)
    whole.tick(20 * MINUTE)
    broken = crowd(4)
    broken.now += 20 * MINUTE
    rows = broken.lanes["evidence", 0].rows
    orders: list[bytes | None] = []
    begun = len(broken.log["evidence"][0])
    for record in whole.log["evidence"][0][begun:]:
        parts = 0
        while True:  # After every portion a worker dies, and its successor knows only what is durable.
            stage = JoinPartition(0, rows, broken.policy, portion=4)
            stage.recover()
            effects = stage.fold((record,))
            rows.commit(effects)
            orders += [send.value for one in effects for send in one.sends if send.topic == "seal-orders"]
            parts += 1
            if not effects[-1].unfinished:
                break
        assert parts < 20
    assert orders == [one.value for one in whole.log["seal-orders"][0]]


def test_a_clock_before_one_that_is_not_finished_is_kept() -> None:
    simulator = crowd(4)
    first, second = (
        ClockRecord(
            via=0, worker="w", read_up_to={f"{topic}/0": simulator.now + ms for topic in simulator.sources},
            sources=simulator.sources, vias=1,
        ).to_bytes()
        for ms in (1, 20 * MINUTE)
    )  # fmt: skip
    stage, rows = simulator.joins[0], simulator.lanes["evidence", 0].rows
    batch = [Incoming("evidence", 0, 900 + number, 0, None, value) for number, value in enumerate((first, second))]
    effects = stage.fold(batch)
    rows.commit(effects)
    assert (len(effects), effects[1].unfinished) == (2, True)
    again = JoinPartition(0, rows, simulator.policy)
    again.recover()
    assert again.now == simulator.now + 1
