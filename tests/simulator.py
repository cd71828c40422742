"""The whole line in memory with a virtual clock: the production stages, topics as lists, delivery in any seeded order.

It keeps the lanes' contract (sends, rows, receipts, turns) without Kafka or asyncio, so a property test can run
thousands of stories; `scenarios` run the same stories on the real broker.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka.partitioner import murmur2

from stream_app.core.policy import Policy
from stream_app.pipeline.identity import IdentityPartition
from stream_app.pipeline.input_clock import InputClock
from stream_app.pipeline.intake import Intake
from stream_app.pipeline.join import PORTION, JoinPartition, local_rows
from stream_app.pipeline.ports import Effects, Headers, Incoming, Outgoing
from stream_app.policy_file import default_policy
from stream_app.runtime.instruments import join_observer
from stream_app.runtime.memory_rows import MemoryRows
from stream_app.telemetry.export import disabled
from stream_app.topics import EVIDENCE, IDENTITY, INTAKE_TOPICS, TOPICS

START_MS = 1_780_511_951_000
"""The simulator's first broker time: 2026-06-03T18:39:11Z, a second before the contract's call began."""


class LoggedRows(MemoryRows):
    """Rows in memory with the changelog that a replay would read."""

    def __init__(self) -> None:
        super().__init__()
        self.changelog: list[tuple[bytes, bytes | None]] = []
        self.local: set[bytes] = set()
        """Keys that were written to the local store alone."""

    def commit(self, effects: Iterable[Effects]) -> None:
        """Write rows and local rows, as a lane does for a batch. A batch names each row once."""
        batch = list(effects)
        rows = [row for one in batch for row in one.rows]
        assert len({key for key, _ in rows}) == len(rows), "a batch wrote a row twice"
        self.changelog += rows
        for one in batch:
            self.local |= {key for key, _ in one.local}
        super().commit(batch)

    def replayed(self) -> LoggedRows:
        """The rows as a worker without a local store gets them: every row there ever was, and what follows from it."""
        rows = LoggedRows()
        for key, value in self.changelog:
            rows.commit([Effects(rows=((key, value),), local=() if value is None else local_rows(key, value))])
        return rows


@dataclass
class Lane:
    """One partition of one stage: how far it has read, and the entries that wait for receipts or their turn."""

    handle: Callable[[Incoming], Effects]
    rows: LoggedRows
    fold: Callable[[Sequence[Incoming]], list[Effects]] | None = None
    """Takes several records at a time; None: the stage knows single ones only."""
    read: int = 0
    undone: deque[tuple[Effects, set[str], list[bool]]] = field(default_factory=deque)


class Simulator:
    """Publish events, let time pass, look at what came out. The same seed gives the same run.

    The join gets its records in batches of 1 to `batch` records, cut by a generator of their own.
    """

    def __init__(
        self, *, policy: Policy | None = None, partitions: int = 2, seed: int = 0, batch: int = 5, cuts: int = 0,
        portion: int = PORTION,
    ) -> None:  # fmt: skip
        self.policy = policy or default_policy()
        self.partitions = partitions
        self.now = START_MS
        self.random = random.Random(seed)
        self.cuts = random.Random(f"{seed}/{cuts}")
        self.batch = batch
        self.portion = portion
        self.log: dict[str, list[list[Incoming]]] = {topic.name: [[] for _ in range(partitions)] for topic in TOPICS}
        self.lanes: dict[tuple[str, int], Lane] = {}
        self.joins: dict[int, JoinPartition] = {}
        intake = Intake(max_event_bytes=1 << 20)
        for topic in INTAKE_TOPICS:
            for partition in range(partitions):
                self.lanes[topic.name, partition] = Lane(intake.handle, LoggedRows())
        for partition in range(partitions):
            self._open_identity(partition, LoggedRows())
            self._open_join(partition, LoggedRows())
        self.clock = InputClock("simulator")
        self.sources = {topic.name: partitions for topic in INTAKE_TOPICS}
        self.clock.own({f"{name}/{partition}" for name in self.sources for partition in range(partitions)})

    def _open_identity(self, partition: int, rows: LoggedRows) -> None:
        stage = IdentityPartition(partition, self.partitions, rows, self.policy)
        stage.recover()
        self.lanes[IDENTITY.name, partition] = Lane(stage.handle, rows)

    def _open_join(self, partition: int, rows: LoggedRows) -> None:
        observe = join_observer(disabled().recorder)  # It refuses what production's would refuse.
        stage = self.joins[partition] = JoinPartition(partition, rows, self.policy, observe, self.portion)
        stage.recover()
        self.lanes[EVIDENCE.name, partition] = Lane(stage.handle, rows, stage.fold)

    def restart(self, *, rewind: int = 0, wiped: bool = False) -> None:
        """Every stage starts anew from its rows; the last `rewind` records of each partition are delivered again.

        `wiped`: the join's local store is lost, its rows are replayed from the changelog.
        """
        for (topic, partition), lane in list(self.lanes.items()):
            if topic == IDENTITY.name:
                self._open_identity(partition, lane.rows)
            elif topic == EVIDENCE.name:
                self._open_join(partition, lane.rows.replayed() if wiped else lane.rows)
            self.lanes[topic, partition].read = max(0, lane.read - len(lane.undone) - rewind)
            self.lanes[topic, partition].undone = deque()

    def publish(
        self, event: dict[str, Any] | bytes | None, *, topic: str | None = None, key: bytes = b"",
        headers: Headers = (),
    ) -> Incoming:  # fmt: skip
        """Append one input event at the current broker time; returns the record."""
        value = json.dumps(event).encode() if isinstance(event, dict) else event
        name = topic or (event["type"] if isinstance(event, dict) else "call-ended")
        return self._append(Outgoing(name, key or str(self.random.random()).encode(), value, headers))

    def _append(self, out: Outgoing) -> Incoming:
        partition = out.partition
        if partition is None:
            partition = (murmur2(out.key or b"") & 0x7FFFFFFF) % self.partitions
        records = self.log[out.topic][partition]
        record = Incoming(out.topic, partition, len(records), self.now, out.key, out.value, out.headers)
        records.append(record)
        return record

    def pump(self) -> None:
        """Deliver until nothing is left, partitions in seeded random order."""
        while True:
            open_lanes = [key for key, lane in self.lanes.items() if lane.read < len(self.log[key[0]][key[1]])]
            if not open_lanes:
                return
            self._deliver(self.random.choice(open_lanes))

    def _deliver(self, key: tuple[str, int]) -> None:
        lane = self.lanes[key]
        count = self.cuts.randint(1, self.batch) if lane.fold else 1
        records = self.log[key[0]][key[1]][lane.read : lane.read + count]
        lane.read += len(records)
        if lane.fold:
            folded = lane.rows.folded(lane.fold, records)
        else:
            folded = [lane.handle(record) for record in records]
            lane.rows.commit(folded)
        assert sum(not one.unfinished for one in folded) == len(records)
        for effects in folded:
            self._done(lane, effects)

    def _done(self, lane: Lane, effects: Effects) -> None:
        for send in effects.sends:
            self._append(send)
        lane.undone.append((effects, set(effects.expects), [False]))
        for entry, waiting, followed in lane.undone:
            waiting.difference_update(effects.receipts)
            if not waiting and not followed[0]:
                followed[0] = True
                for send in entry.then:
                    self._append(send)
        while lane.undone and lane.undone[0][2][0]:
            entry, _, _ = lane.undone.popleft()
            for send in entry.in_turn:
                self._append(send)

    def tick(self, ms: int = 0) -> None:
        """Let broker time pass, read everything, and say so in a clock record (twice: noted, then confirmed)."""
        self.now += ms
        for _ in range(2):
            ends = {
                f"{name}/{partition}": len(self.log[name][partition])
                for name in self.sources
                for partition in range(self.partitions)
            }
            self.clock.note(self.now, ends)
            self.pump()
            for name in self.sources:
                for partition in range(self.partitions):
                    self.clock.confirm(f"{name}/{partition}", self.lanes[name, partition].read)
                    if self.log[name][partition]:
                        self.clock.saw(name, self.log[name][partition][-1].timestamp_ms)
            record = self.clock.record(self.sources, self.partitions).to_bytes()
            for partition in range(self.partitions):
                self._append(Outgoing(IDENTITY.name, None, record, partition=partition))
            self.pump()

    def out(self, topic: str) -> list[dict[str, Any]]:
        """Every record of a topic as JSON, partition by partition."""
        return [json.loads(record.value or b"null") for records in self.log[topic] for record in records]

    def last_orders(self) -> dict[str, dict[str, Any]]:
        """Call ID -> its seal order with the highest version."""
        last: dict[str, dict[str, Any]] = defaultdict(lambda: {"version": 0})
        for order in self.out("seal-orders"):
            if order["version"] >= last[order["canonicalCallId"]]["version"]:
                last[order["canonicalCallId"]] = order
        return dict(last)
