"""The identity stage in the line: aliases in any order, hops between partitions, and a clock that never overtakes."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from stream_app.core.alias_rows import local_rows, read_row
from stream_app.core.gates.identity import disputed_aliases
from stream_app.core.identity_records import ClockOnward
from stream_app.core.orders import Item
from stream_app.pipeline.identity import IdentityPartition
from stream_app.pipeline.ports import Effects, Incoming, Outgoing
from stream_app.policy_file import default_policy
from stream_app.runtime.bindings import REPEATABLE
from stream_app.runtime.pending_rows import PendingRows
from stream_app.topics import IDENTITY
from tests import stories
from tests.simulator import Lane, LoggedRows, Simulator
from tests.stories import MINUTE, START_MS


class Line(Simulator):
    """The line whose identity stage folds in batches, and may crash: what it had folded is then refolded."""

    def __init__(self, **options: Any) -> None:
        self.folded: dict[tuple[str, int], int] = {}
        super().__init__(**options)

    def stage(self, partition: int) -> IdentityPartition:
        handle: Any = self.lanes[IDENTITY.name, partition].handle
        stage: IdentityPartition = handle.__self__
        return stage

    def _deliver(self, key: tuple[str, int]) -> None:
        if key[0] != IDENTITY.name:
            super()._deliver(key)
            return
        lane, stage = self.lanes[key], self.stage(key[1])
        records = self.log[key[0]][key[1]][lane.read : lane.read + self.cuts.randint(1, 7)]
        lane.read += len(records)
        known = [record for record in records if record.offset < self.folded.get(key, 0)]
        again = stage.refold(known) if known else []
        assert not any(one.rows or one.local for one in again)
        assert {send.topic for one in again for send in one.sends} <= {IDENTITY.name}
        new = stage.fold(records[len(known) :])
        lane.rows.commit([*again, *new])
        self.folded[key] = max(self.folded.get(key, 0), lane.read)
        for effects in (*again, *new):
            self._done(lane, effects)

    def crash(self, partition: int, *, wiped: bool = False) -> None:
        """The partition is taken over from its rows; what was not done comes again."""
        lane = self.lanes[IDENTITY.name, partition]
        rows = LoggedRows()
        for key, row in lane.rows.changelog if wiped else ():
            rows.commit([Effects(rows=((key, row),), local=() if row is None else local_rows(key, row))])
        self._open_identity(partition, rows if wiped else lane.rows)
        self.lanes[IDENTITY.name, partition].read = lane.read - len(lane.undone)

    def rows(self) -> dict[bytes, bytes]:
        """Every row and local row of the identity stage."""
        return {key: row for p in range(self.partitions) for key, row in self.lanes[IDENTITY.name, p].rows.items()}

    def written(self) -> int:
        """How many rows the identity stage has written."""
        return sum(len(self.lanes[IDENTITY.name, p].rows.changelog) for p in range(self.partitions))


def line(seed: int = 0, partitions: int = 4, **options: Any) -> Line:
    simulator = Line(partitions=partitions, seed=seed, **options)
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


def backlog(simulator: Line, chain: int) -> None:
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


def read_after_the_outage(simulator: Line) -> None:
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


def test_a_clock_that_is_passed_on_at_once_does_overtake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: without turns and receipts some backlog must give a false incomplete."""

    def hasty(effects: Effects) -> Effects:
        return msgspec.structs.replace(effects, sends=(*effects.in_turn, *effects.sends), expects=(), in_turn=())

    class Hasty(IdentityPartition):
        def fold(self, batch: Sequence[Incoming]) -> list[Effects]:
            return [hasty(effects) for effects in super().fold(batch)]

    false_incompletes = 0
    monkeypatch.setattr("tests.simulator.IdentityPartition", Hasty)
    for seed in range(40):
        simulator = line(seed=seed)
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


def test_what_has_waited_goes_on_under_its_own_trace_and_not_under_that_of_what_freed_it() -> None:
    simulator = line()
    traces = {name: (("traceparent", f"00-{name:032x}-{name:016x}-01".encode()),) for name in (1, 2)}
    simulator.publish(stories.tool(call=None, aliases=ROOM), headers=traces[1])
    simulator.pump()
    simulator.publish(stories.call_ended(aliases=ROOM), headers=traces[2])
    simulator.pump()
    sent = {
        json.loads(record.value or b"")["event"]["type"]: record.headers
        for records in simulator.log["evidence"]
        for record in records
        if b'"record":"event"' in (record.value or b"")
    }
    # What is not held up gets its headers from the span around its record.
    assert sent == {"tool-call": traces[1], "call-ended": ()}


def conflicts(simulator: Simulator) -> list[str]:
    return [alert["state"] for alert in simulator.out("join-alerts") if alert["kind"] == "identity_conflict"]


def blocked(simulator: Simulator, call: str) -> list[str]:
    """Disputed aliases in the last order of a call."""
    return disputed_aliases(Item.from_dict(item) for item in simulator.last_orders()[call]["items"])


def test_an_alias_given_to_two_calls_is_disputed_and_nothing_is_lost() -> None:
    simulator = line()
    judged = {"measures": {"minAsrConfidence": 0.1}}
    for name, call in (("ended", "call-1"), ("thief", "call-2")):
        simulator.publish(stories.call_ended(name, call=call, aliases=ROOM, **judged))
        simulator.publish(stories.evaluation(f"judged-{name}", call=call))
        simulator.tick(1000)
    simulator.publish(stories.trace(call=None, aliases=ROOM))
    simulator.publish(stories.trace("again", call="call-2", aliases=ROOM, traceId="cd" * 16))
    simulator.tick(MINUTE)
    assert conflicts(simulator) == ["firing"]
    assert simulator.out("dead-letters") == []
    assert {call: blocked(simulator, call) for call in ("call-1", "call-2")} == {
        call: ["livekitRoom:r-1"] for call in ("call-1", "call-2")
    }
    simulator.publish(stories.event("identity-linked", "decided", source="operator/ada", aliases=ROOM))
    simulator.tick(MINUTE)
    simulator.tick(MINUTE)
    assert conflicts(simulator) == ["firing", "resolved"]
    assert [blocked(simulator, call) for call in ("call-1", "call-2")] == [[], []]
    orders = simulator.last_orders()
    assert "traced" in {item["eventId"] for item in orders["call-1"]["items"]}
    assert "again" in {item["eventId"] for item in orders["call-2"]["items"]}


def test_a_dispute_is_said_once_however_often_intake_sends_the_claim() -> None:
    simulator = line()
    simulator.publish(stories.call_ended(aliases=ROOM))
    simulator.publish(stories.call_ended("thief", call="call-2", aliases=ROOM))
    simulator.tick(1000)
    sent = [record for part in simulator.log["identity"] for record in part if b"thief" in (record.value or b"")]
    assert sent
    for again in range(2):
        for record in sent:  # As a killed intake does, which had not acknowledged its input.
            key, value, partition = record.key, record.value, record.partition
            simulator._append(Outgoing("identity", key, value, partition=partition))
        if again:
            simulator.restart()
        simulator.tick(1000)
    assert conflicts(simulator) == ["firing"]
    notices = [one for one in simulator.out("evidence") if one.get("event", {}).get("type") == "identity-disputed"]
    assert len(notices) == 2


UNNAMED: tuple[dict[str, Any], ...] = tuple(
    {name: value for name, value in document.items() if name != "canonicalCallId"} for document in FIVE
)


def test_all_120_orders_of_five_events_that_name_no_call_end_in_one_minted_call() -> None:
    for number, documents in enumerate(itertools.permutations(UNNAMED)):
        simulator = line(seed=number)
        for document in documents:
            simulator.publish(document)
            if number % 2:
                simulator.tick(50)
        simulator.tick(MINUTE - 1000)
        assert simulator.last_orders() == {}, "a system may still name it"
        simulator.tick(1000)
        simulator.tick(MINUTE)
        (order,) = simulator.last_orders().values()
        assert order["canonicalCallId"] == "twilioCallSid:CA-1"
        assert order["missing"] == []
        assert {item["eventId"] for item in order["items"]} >= {"ended", "recording-ready", "judged", "traced"}
        assert simulator.out("dead-letters") == []


def test_a_systems_own_id_that_comes_after_minting_becomes_an_alias() -> None:
    simulator = line()
    for document in UNNAMED[:2]:
        simulator.publish(document)
    simulator.tick(MINUTE)
    simulator.publish(stories.event("identity-linked", "named", call="call-1", aliases=SID))
    simulator.publish(stories.evaluation(failed=True, call="call-1"))  # By its own ID alone.
    simulator.tick(1000)
    for document in UNNAMED[2:]:
        simulator.publish(document)
    simulator.tick(MINUTE)
    (order,) = simulator.last_orders().values()
    assert order["canonicalCallId"] == "twilioCallSid:CA-1"
    assert order["aliases"]["canonicalCallId"] == "call-1"
    assert {item["eventId"] for item in order["items"]} >= {"ended", "judged", "traced", "recording-ready"}
    assert order["missing"] == []


def test_two_minted_calls_that_a_late_link_names_as_one_are_merged() -> None:
    for seed in range(20):
        simulator = line(seed=seed)
        simulator.publish(stories.call_ended(call=None, recording=None, aliases=ROOM))
        simulator.publish(stories.call_ended("ended-2", call=None, recording=None, aliases=SID))
        simulator.publish(stories.evaluation(failed=True, call=None, aliases=ROOM))
        simulator.tick(MINUTE)
        simulator.tick(1000)
        simulator.publish(stories.event("identity-linked", "linked", call=None, aliases={**ROOM, **SID}))
        simulator.publish(stories.artifact("recording", call=None, aliases=ROOM))
        simulator.publish(stories.trace(call=None, aliases=SID))
        simulator.tick(1000)
        simulator.tick(MINUTE)
        last = simulator.last_orders()["twilioCallSid:CA-1"]
        assert {item["eventId"] for item in last["items"]} >= {"ended", "ended-2", "judged", "recording-ready"}, seed
        assert last["missing"] == []


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


def arrived(simulator: Simulator) -> Counter[str]:
    """Source positions of what has come to the join, notices among them, and how often."""
    records = [one for one in simulator.out("evidence") if one["record"] == "event"]
    return Counter(f"{one['canonicalCallId']}: {one['position']}" for one in records)


def told(positions: Counter[str]) -> set[str]:
    """Those of events that producers sent."""
    return {position for position in positions if "identity:" not in position}


def parked(simulator: Line) -> int:
    """Events that wait: here, at the alias that is disputed, or at one that only a disputed one knows."""
    rows = [read_row(row) for key, row in simulator.rows().items() if b":" in key and b"/" not in key[:8]]
    assert any(alias.disputed for alias in rows) or not any(alias.parked for alias in rows)
    return sum(len(alias.parked) for alias in rows)


@pytest.mark.parametrize("wiped", [False, True])
def test_crashes_anywhere_lose_nothing_repeat_nothing_and_leave_nobody_waiting(wiped: bool) -> None:
    for seed in range(40):
        draw = random.Random(seed)
        simulator = line(seed=seed)
        documents = [*FIVE, stories.call_ended("thief", call="call-2", aliases=ROOM)]
        draw.shuffle(documents)
        for document in documents:
            simulator.publish(document)
            for _ in range(draw.randint(0, 4)):
                busy = [key for key, lane in simulator.lanes.items() if lane.read < len(simulator.log[key[0]][key[1]])]
                if busy:
                    simulator._deliver(draw.choice(busy))
            simulator.crash(draw.randrange(simulator.partitions), wiped=wiped)
        simulator.tick(1000)
        for partition in range(simulator.partitions):
            simulator.crash(partition, wiped=wiped)
        simulator.tick(MINUTE)
        positions = arrived(simulator)
        assert set(positions.values()) == {1}, seed
        assert len(told(positions)) + parked(simulator) == len(documents), seed
        alerts = Counter((one["alertId"], one["state"]) for one in simulator.out("join-alerts"))
        assert max(alerts.values(), default=1) == 1, seed
        assert not any(simulator.lanes[IDENTITY.name, p].undone for p in range(simulator.partitions)), seed
        assert max(one["readUpTo"]["call-ended/0"] for one in simulator.out("evidence") if one["record"] == "clock")
        assert parked(simulator) or not any(simulator.stage(p).parked() for p in range(simulator.partitions)), seed


class Lazy(Line):
    """The line whose identity stage commits rows late, as its lane does, and so loses some in a crash.

    What may repeat has left by then. Without `again` the records of lost rows do not come again: the negative control.
    """

    def __init__(self, *, again: bool = True, **options: Any) -> None:
        self.again = again
        self.pending: dict[int, PendingRows] = {}
        self.waiting: dict[int, list[Effects]] = {}
        super().__init__(**options)

    def _open_identity(self, partition: int, rows: LoggedRows) -> None:
        self.pending[partition], self.waiting[partition] = PendingRows(rows), []
        stage = IdentityPartition(partition, self.partitions, self.pending[partition], self.policy)
        stage.recover()
        self.lanes[IDENTITY.name, partition] = Lane(stage.handle, rows)

    def _deliver(self, key: tuple[str, int]) -> None:
        if key[0] != IDENTITY.name:
            super()._deliver(key)
            return
        lane, records = self.lanes[key], self._next(key)
        lane.read += len(records)
        effects = self._folded(key, records)
        self.waiting[key[1]] += effects
        for one in effects:
            self.pending[key[1]].hold(dict(one.rows))
            self.pending[key[1]].hold(dict(one.local))
        if self.cuts.random() < 0.3 or any(send.topic not in REPEATABLE for one in effects for send in one.sends):
            for one in self.waiting[key[1]]:
                lane.rows.commit([one])
            self.pending[key[1]].settle()
            self.waiting[key[1]] = []
            self.folded[key] = max(self.folded.get(key, 0), lane.read)
        for one in effects:
            self._done(lane, one)

    def _next(self, key: tuple[str, int]) -> list[Incoming]:
        read = self.lanes[key].read
        return self.log[key[0]][key[1]][read : read + self.cuts.randint(1, 7)]

    def _folded(self, key: tuple[str, int], records: list[Incoming]) -> list[Effects]:
        stage = self.stage(key[1])
        known = [record for record in records if record.offset < self.folded.get(key, 0)]
        return [*(stage.refold(known) if known else []), *stage.fold(records[len(known) :])]

    def crash(self, partition: int, *, wiped: bool = False) -> None:
        """In the midst of a commit: what may repeat of the next batch has been sent, and nothing else."""
        key = (IDENTITY.name, partition)
        for one in self._folded(key, self._next(key)):
            for send in one.sends:
                if send.topic in REPEATABLE:
                    self._append(send)
        lane = self.lanes[key]
        read = min(lane.read - len(lane.undone), self.folded.get(key, 0) if self.again else lane.read)
        assert not wiped
        self._open_identity(partition, lane.rows)
        self.lanes[key].read = read


def crashed(seed: int, kind: type[Line], **options: Any) -> Line:
    """Six documents, delivered in part and in seeded order, with a crash after each, and one of every partition."""
    draw = random.Random(seed)
    simulator = kind(partitions=4, seed=seed, **options)
    simulator.now = START_MS + 1000
    simulator.tick()
    documents = [*FIVE, stories.call_ended("thief", call="call-2", aliases=ROOM)]
    draw.shuffle(documents)
    for document in documents:
        simulator.publish(document)
        for _ in range(draw.randint(0, 4)):
            busy = [key for key, lane in simulator.lanes.items() if lane.read < len(simulator.log[key[0]][key[1]])]
            if busy:
                simulator._deliver(draw.choice(busy))
        simulator.crash(draw.randrange(simulator.partitions))
    simulator.tick(1000)
    for partition in range(simulator.partitions):
        simulator.crash(partition)
    simulator.tick(MINUTE)
    simulator.tick(MINUTE)
    return simulator


def test_rows_that_were_lost_with_a_crash_are_made_anew_and_what_left_before_may_repeat() -> None:
    repeated = 0
    for seed in range(60):
        simulator = crashed(seed, Lazy)
        positions = arrived(simulator)
        repeated += sum(positions.values()) - len(positions)
        assert len(told(positions)) + parked(simulator) == 6, seed
        assert simulator.out("dead-letters") == [], seed
        alerts = Counter((one["alertId"], one["state"]) for one in simulator.out("join-alerts"))
        assert max(alerts.values(), default=1) == 1, seed
        assert not any(simulator.lanes[IDENTITY.name, p].undone for p in range(simulator.partitions)), seed
        assert parked(simulator) or not any(simulator.stage(p).parked() for p in range(simulator.partitions)), seed
        orders = simulator.last_orders().values()
        assert parked(simulator) or all(order["missing"] == [] for order in orders), seed
        ids = [(order["orderId"], item["eventId"]) for order in orders for item in order["items"]]
        assert len(ids) == len(set(ids)), f"the join knows a repeat by its position (seed {seed})"
    assert repeated > 0, "no crash came between what left and its rows: the test shows nothing"


def test_lost_rows_whose_records_do_not_come_again_are_missed() -> None:
    def sound(seed: int) -> bool:
        simulator = crashed(seed, Lazy, again=False)
        return len(told(arrived(simulator))) + parked(simulator) == 6

    assert not all(sound(seed) for seed in range(60))


def short_memory(hours: int = 1) -> Any:
    policy = default_policy()
    hour = 60 * MINUTE
    timing = policy.timing.model_copy(update={"retention": hours * hour, "late_horizon": hour})
    return policy.model_copy(update={"timing": timing})


def test_an_alias_that_nobody_uses_is_forgotten_after_the_horizon_and_not_before() -> None:
    simulator = line(policy=short_memory())
    simulator.publish(stories.call_ended(aliases={**ROOM, **SID}))
    simulator.publish(stories.event("identity-linked", "edge", call=None, aliases={"our.own": "1", "their.own": "1"}))
    simulator.publish(stories.trace(call=None, aliases={"livekitRoomSid": "nobody's"}))
    simulator.tick(1000)
    assert {b"livekitRoom:r-1", b"twilioCallSid:CA-1", b"our.own:1", b"their.own:1"} <= set(simulator.rows())
    simulator.tick(61 * MINUTE)
    assert {b"livekitRoom:r-1", b"twilioCallSid:CA-1"} <= set(simulator.rows())
    simulator.tick(31 * MINUTE)
    # Events wait for as long as it takes: what was parked is still accounted for.
    left = set(simulator.rows())
    assert b"livekitRoomSid:nobody's" in left
    assert {key for key in left if not key.startswith(b"traceId:")} - {b"livekitRoomSid:nobody's"} <= {b"our.own:1"}
    assert not {key for key in left if key.startswith((b"expire/", b"orphan/"))}


def test_use_prolongs_the_memory_and_writes_a_row_only_once_in_a_while() -> None:
    simulator = line(policy=short_memory())
    simulator.publish(stories.call_ended(aliases=ROOM))
    simulator.tick(1000)
    before = simulator.written()
    for number in range(100):
        simulator.publish(stories.tool(f"tool-{number}", call=None, aliases=ROOM))
        simulator.tick(5 * MINUTE)
    assert b"livekitRoom:r-1" in simulator.rows()
    assert 10 <= simulator.written() - before <= 20
    simulator.tick(90 * MINUTE)
    assert simulator.rows() == {}


def test_what_was_lost_with_the_disk_is_due_when_it_was_and_old_times_are_thrown_away() -> None:
    simulator = line(policy=short_memory(), partitions=1)
    simulator.publish(stories.tool(call=None, aliases=ROOM, status="failed"))
    simulator.publish(stories.tool("other", call=None, aliases=SID))
    simulator.tick(1000)
    simulator.publish(stories.call_ended(aliases=SID))
    simulator.tick(MINUTE)
    simulator.crash(0, wiped=True)
    stale = [key for key in simulator.rows() if key.startswith(b"orphan/") and key.endswith(b"CA-1")]
    assert len(stale) == 1, "a replay brings the time at which the linked alias would have been an orphan"
    assert simulator.stage(0).parked() == 1
    simulator.tick(15 * MINUTE)
    assert stale[0] not in simulator.rows()
    orphans = [one["alertId"] for one in simulator.out("join-alerts") if one["kind"] == "orphan"]
    assert orphans == ["livekitRoom:r-1/orphan/1"]
    assert simulator.stage(0).parked() == 0


def test_a_batch_writes_a_row_once_however_often_it_changes() -> None:
    simulator = line(partitions=1)
    for document in FIVE:
        simulator.publish(document)
    for key in [key for key in simulator.lanes if key[0] not in ("identity", "evidence")]:
        while simulator.lanes[key].read < len(simulator.log[key[0]][key[1]]):
            simulator._deliver(key)
    stage, lane = simulator.stage(0), simulator.lanes["identity", 0]
    one_by_one = LoggedRows()
    other = IdentityPartition(0, 1, one_by_one, simulator.policy)
    sent = []
    records = simulator.log["identity"][0]
    for record in records:
        effects = other.handle(record)
        one_by_one.commit([effects])
        sent.append(effects.sends)
    folded = stage.fold(records[lane.read :])
    lane.rows.commit(folded)
    assert [effects.sends for effects in folded] == sent[lane.read :]
    keys = [key for effects in folded for key, _ in effects.rows]
    assert len(keys) == len(set(keys))


def test_the_clock_goes_to_every_partition_with_the_way_it_came_by() -> None:
    stage = IdentityPartition(2, 3, LoggedRows(), default_policy())
    record = ClockOnward(worker="w", read_up_to={"call-ended/0": 7}, sources={"call-ended": 1}, vias=9)
    incoming = Incoming("identity", 2, 5, 0, None, record.to_bytes())
    for effects in (stage.fold([incoming])[0], stage.refold([incoming])[0]):
        assert [send.partition for send in effects.in_turn] == [0, 1, 2]
        (value,) = {send.value for send in effects.in_turn}
        assert value == msgspec.structs.replace(record, via=2, vias=3).to_bytes()
        assert (effects.sends, effects.rows, effects.local) == ((), (), ())
