"""On a real broker: one commit is all or nothing, one owner at a time, and the store only ever has what the log has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Effects, Incoming, Outgoing
from stream_app.runtime import durable as durables
from stream_app.runtime import steps
from stream_app.runtime.client import KafkaUnavailable, Publisher, TopicAbsent, read_topic
from stream_app.runtime.durable import Fenced, Unfenced
from stream_app.runtime.lane import Lane
from stream_app.runtime.pending_rows import PendingRows
from stream_app.runtime.record_batches import MAX_BATCH_BYTES, Partitioner
from stream_app.runtime.tables import Rows
from stream_app.settings import Settings
from tests.deployments import AWAY, Deployment, deployment
from tests.runtime.trace import record, until

CHANGELOG = "own-changelog"
OUTPUT = "packets"
LETTERS = "dead-letters"


class Store:
    """A table partition that writes down each write."""

    def __init__(self) -> None:
        self.partition = 1
        self.rows: dict[bytes, bytes | None] = {}
        self.offsets: list[int | None] = []
        self.fail: Exception | None = None

    def write(self, rows: Rows, local: Rows, offset: int | None) -> None:
        if self.fail is not None:
            raise self.fail
        self.rows.update({**rows, **local})
        self.offsets.append(offset)

    def get(self, key: bytes) -> bytes | None:
        return self.rows.get(key)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.rows.get(key) for key in keys]

    def scan(self, _first: bytes, _last: bytes, _limit: int | None = None) -> list[tuple[bytes, bytes]]:
        return []


@pytest.fixture(scope="module")
def shared(stack: Endpoints) -> Iterator[Deployment]:
    with deployment(stack, topics=(OUTPUT, LETTERS)) as made:
        made.create(CHANGELOG, 2, **{"cleanup.policy": "compact"})
        yield made


class Line:
    """One deployment's topics, read from where they ended when the test began; owners of changelog partition 1."""

    def __init__(self, deployment: Deployment) -> None:
        self.settings = deployment.settings
        self.starts: dict[tuple[str, int], int] = {}
        self.owners: list[Fenced] = []
        self.partitioner = Partitioner()
        for topic in (OUTPUT, LETTERS, CHANGELOG):
            self.partitioner.count(topic, 2)

    def owner(self, transactional_id: str = "owner") -> Fenced:
        names = {topic: self.settings.topic(topic) for topic in (OUTPUT, LETTERS, CHANGELOG)}
        made = Fenced(self.settings, self.settings.topic(transactional_id), self.partitioner, names, CHANGELOG)
        self.owners.append(made)
        return made

    async def owns(self) -> tuple[Fenced, Store]:
        """A fenced owner with a store."""
        owner, store = self.owner(), Store()
        await owner.fence()
        owner.bind(store)  # type: ignore[arg-type]
        return owner, store

    async def read(self, *topics: str) -> list[Incoming]:
        """What a reader of committed records sees of this test."""
        return [one async for one in read_topic(self.settings, *topics, start=self.starts)]

    async def ends(self, level: str) -> dict[tuple[str, int], int]:
        """Ends as readers of that isolation level have them."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.settings.kafka_bootstrap, isolation_level=level)
        await consumer.start()
        try:
            places = {
                (t, n): TopicPartition(self.settings.topic(t), n) for t in (OUTPUT, LETTERS, CHANGELOG) for n in (0, 1)
            }
            ends = await consumer.end_offsets(list(places.values()))
            return {place: ends[one] for place, one in places.items()}
        finally:
            await consumer.stop()


@pytest.fixture
async def line(shared: Deployment) -> AsyncIterator[Line]:
    made = Line(shared)
    made.starts = await made.ends("read_uncommitted")
    yield made
    for owner in made.owners:
        with suppress(Exception):
            await owner.stop()


@asynccontextmanager
async def held_open(owner: Fenced, sends: Sequence[Outgoing], rows: Rows) -> AsyncIterator[asyncio.Task[None]]:
    """A commit that stands where everything is written and the transaction is still open, until the block ends."""
    producer: Any = owner._producer
    commit_transaction, go_on, there = producer.commit_transaction, asyncio.Event(), asyncio.Event()

    async def wait_and_commit() -> None:
        there.set()
        await go_on.wait()
        await commit_transaction()

    producer.commit_transaction = wait_and_commit
    task = asyncio.create_task(owner.commit(sends, rows, {}))
    try:
        await asyncio.wait_for(there.wait(), 30)
        yield task
    finally:
        producer.commit_transaction = commit_transaction
        go_on.set()
        await asyncio.wait([task], timeout=30)


def output(*values: bytes) -> list[Outgoing]:
    return [Outgoing(OUTPUT, b"call", value) for value in values]


def values(records: Sequence[Incoming]) -> list[bytes | None]:
    return [one.value for one in records]


async def test_a_commit_is_rows_and_output_at_once_or_nothing(line: Line) -> None:
    owner, store = await line.owns()
    async with held_open(owner, output(b"a", b"b"), {b"row": b"1", b"gone": None}) as committing:
        assert await line.read(OUTPUT, CHANGELOG) == [], "not one of them, although every one is written"
        ends = await line.ends("read_uncommitted")
        assert sum(ends.values()) - sum(line.starts.values()) == 4, "they are: a careless reader would see them"
        assert store.offsets == [], "the store is never ahead of the log"
    committing.result()
    assert values(await line.read(OUTPUT)) == [b"a", b"b"]
    kept = await line.read(CHANGELOG)
    assert [(one.partition, one.key, one.value) for one in kept] == [(1, b"row", b"1"), (1, b"gone", None)]
    assert store.rows == {b"row": b"1", b"gone": None}
    assert store.offsets == [kept[-1].offset]


async def test_a_commit_that_is_never_finished_is_never_seen(line: Line) -> None:
    """The owner died between the last record and the commit: its successor's fence aborts what it left open."""
    dead, _ = await line.owns()
    async with held_open(dead, output(b"lost"), {b"row": b"lost"}) as committing:
        committing.cancel()
        await asyncio.wait([committing])
        successor, store = await line.owns()
        ends = await line.ends("read_committed")
        assert ends == await line.ends("read_uncommitted"), "nothing is open any more: readers are not held back"
        assert await line.read(OUTPUT, CHANGELOG) == []
        await successor.commit(output(b"made again"), {b"row": b"made again"}, {})
    assert values(await line.read(OUTPUT)) == [b"made again"]
    kept = await line.read(CHANGELOG)
    assert values(kept) == [b"made again"]
    assert store.offsets == [kept[-1].offset]


async def test_a_zombie_can_commit_nothing_and_its_store_gets_nothing(line: Line) -> None:
    zombie, its_store = await line.owns()
    await zombie.commit(output(b"before"), {b"row": b"before"}, {})
    successor, store = await line.owns()
    with pytest.raises(Exception, match=r"(?i)fenced|producer|transactional|epoch"):
        await asyncio.wait_for(zombie.commit(output(b"zombie"), {b"row": b"zombie"}, {}), 30)
    await successor.commit(output(b"after"), {b"row": b"after"}, {})
    assert values(await line.read(OUTPUT)) == [b"before", b"after"]
    assert its_store.rows == {b"row": b"before"}
    assert store.rows == {b"row": b"after"}


async def test_a_zombie_that_was_frozen_inside_its_transaction_cannot_finish_it(line: Line) -> None:
    zombie, its_store = await line.owns()
    async with held_open(zombie, output(b"zombie"), {b"row": b"zombie"}) as committing:
        await line.owns()
    assert isinstance(committing.exception(), Exception)
    assert await line.read(OUTPUT, CHANGELOG) == []
    assert its_store.offsets == []


async def test_owners_of_different_partitions_do_not_fence_each_other(line: Line) -> None:
    one, other = line.owner("one"), line.owner("other")
    await asyncio.gather(one.fence(), other.fence())
    for owner in (one, other):
        owner.bind(Store())  # type: ignore[arg-type]
    await asyncio.gather(one.commit(output(b"1"), {}, {}), other.commit(output(b"2"), {}, {}))
    assert set(values(await line.read(OUTPUT))) == {b"1", b"2"}


async def test_the_store_gets_the_offset_of_the_last_row_however_many_batches_they_took(line: Line) -> None:
    owner, store = await line.owns()
    row = b"x" * 2000
    many: Rows = {b"%05d" % n: row for n in range(3 * MAX_BATCH_BYTES // len(row))}
    await owner.commit(output(b"beside"), many, {b"index": b"local"})
    kept = await line.read(CHANGELOG)
    assert [one.key for one in kept] == list(many), "in their order, all of them, and no local row"
    assert store.offsets == [kept[-1].offset]
    assert store.rows == {**many, b"index": b"local"}
    await owner.commit([], {b"next": b"1"}, {})
    assert store.offsets[1] == (await line.read(CHANGELOG))[-1].offset > kept[-1].offset + 1, "a marker lies between"


async def test_output_without_rows_leaves_the_offset_alone(line: Line) -> None:
    owner, store = await line.owns()
    await owner.commit(output(b"a"), {}, {})
    assert store.offsets == [None]
    assert await line.read(CHANGELOG) == []


async def test_with_nothing_to_keep_or_send_there_is_no_transaction(line: Line) -> None:
    owner, store = await line.owns()
    await owner.commit([], {}, {})
    assert await line.ends("read_uncommitted") == line.starts
    assert store.offsets == []


async def test_a_large_record_goes_beside_many_small_ones(line: Line) -> None:
    owner, _ = await line.owns()
    large = Outgoing(LETTERS, b"call", b"x" * (3 << 20))
    small = [Outgoing(OUTPUT, b"%d" % (n % 50), b"%06d" % n + b"." * 900) for n in range(3000)]
    await owner.commit([*small[:1500], large, *small[1500:]], {}, {})
    assert [one.value for one in await line.read(LETTERS)] == [large.value]
    read = await line.read(OUTPUT)
    assert len(read) == 3000
    for partition in (0, 1):
        ours = [one for one in small if line.partitioner.partition(one) == partition]
        assert [(one.key, one.value) for one in read if one.partition == partition] == [
            (one.key, one.value) for one in ours
        ]


async def test_two_lanes_over_one_store_take_turns(line: Line) -> None:
    """Seal has two input topics over one store: its offset must never be beyond a row it has not got."""
    owner, store = await line.owns()
    under_way, most = 0, 0
    transact = owner._transact

    async def counted(sends: Sequence[Outgoing], rows: Rows, partition: int) -> int | None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            return await transact(sends, rows, partition)
        finally:
            under_way -= 1

    owner._transact = counted  # type: ignore[method-assign]

    async def lane(name: str) -> None:
        for number in range(5):
            await owner.commit(output(f"{name} {number}".encode()), {f"{name} {number}".encode(): b"1"}, {})

    await asyncio.gather(lane("orders"), lane("retry"))
    assert most == 1
    kept = await line.read(CHANGELOG)
    assert store.offsets == [one.offset for one in kept], "each commit's own last row, and ascending"
    for name in ("orders", "retry"):
        read = [value for value in values(await line.read(OUTPUT)) if value and value.startswith(name.encode())]
        assert read == [f"{name} {number}".encode() for number in range(5)]


async def test_after_a_commit_whose_end_is_not_known_there_is_no_other(line: Line) -> None:
    """The other lane's commit would move the store's offset over the rows of the one that was cut off."""
    owner, store = await line.owns()
    async with held_open(owner, output(b"cut off"), {b"row": b"1"}) as committing:
        other = asyncio.create_task(owner.commit(output(b"other"), {b"other": b"1"}, {}))
        await asyncio.sleep(0.05)
        assert not other.done()
        committing.cancel()
        with pytest.raises(RuntimeError, match="a commit after one whose end is not known"):
            await other
    assert store.offsets == []
    assert await line.read(OUTPUT, CHANGELOG) == []


async def test_a_store_that_cannot_be_written_ends_it_too(line: Line) -> None:
    owner, store = await line.owns()
    store.fail = OSError("no space left on device")
    with pytest.raises(OSError, match="no space left"):
        await owner.commit([], {b"row": b"1"}, {})
    store.fail = None
    with pytest.raises(RuntimeError, match="end is not known"):
        await owner.commit([], {b"next": b"1"}, {})
    assert values(await line.read(CHANGELOG)) == [b"1"], "the log has it, and the replay brings it"


async def test_a_commit_that_hangs_is_given_up(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, store = await line.owns()
    monkeypatch.setattr(durables, "COMMIT_TIMEOUT_S", 1.0)
    async with held_open(owner, output(b"hangs"), {}) as committing:
        with pytest.raises(TimeoutError):
            await committing
    assert store.offsets == []


async def test_a_cancellation_in_the_moment_the_broker_answers_is_not_lost(line: Line) -> None:
    """`asyncio.wait_for` of Python 3.11 loses it: the lane would go on, and whoever closes it would wait for ever."""
    owner, _ = await line.owns()
    answer = asyncio.Event()

    async def answered(*_: object) -> int:
        await answer.wait()
        return 7

    owner._transact = answered  # type: ignore[method-assign]
    committing = asyncio.create_task(owner.commit([], {b"row": b"1"}, {}))
    await asyncio.sleep(0.01)
    answer.set()
    await asyncio.sleep(0)
    taken = committing.cancel()  # False where it has come to its end already.
    await asyncio.wait([committing])
    assert committing.cancelled() == taken


async def test_only_who_has_recovered_may_commit_and_nobody_who_was_stopped(line: Line) -> None:
    owner = line.owner()
    await owner.fence()
    with pytest.raises(RuntimeError, match="before the partition was recovered"):
        await owner.commit(output(b"a"), {}, {})
    owner.bind(Store())  # type: ignore[arg-type]
    await owner.stop()
    with pytest.raises(RuntimeError, match="after it was given up"):
        await owner.commit(output(b"a"), {}, {})
    assert await line.read(OUTPUT) == []


async def test_a_record_the_broker_refuses_fails_the_whole_commit(line: Line) -> None:
    owner, store = await line.owns()
    with pytest.raises(Exception, match=r"(?i)large"):
        await owner.commit([*output(b"a"), Outgoing(LETTERS, b"k", b"x" * (17 << 20))], {b"row": b"1"}, {})
    await owner.stop()
    await line.owns()  # Whoever comes next aborts it.
    assert await line.read(OUTPUT, CHANGELOG) == []
    assert store.offsets == []


async def test_a_broker_that_is_away_is_said_by_the_fence() -> None:
    owner = Fenced(Settings(kafka_bootstrap=AWAY, request_timeout_s=1), "x", Partitioner(), {}, CHANGELOG)
    with pytest.raises(KafkaUnavailable, match="does not answer"):
        await owner.fence()
    await owner.stop()


async def test_a_lane_reaches_its_steps_in_order(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the chaos harness kills at: each step stands where its name says."""
    owner, store = await line.owns()
    reached: list[str] = []
    at: dict[str, tuple[int, int]] = {}
    acked: list[int] = []

    def watch(step: str) -> None:
        reached.append(step)
        at[step] = (len(store.offsets), len(acked))

    effects = Effects(sends=tuple(output(b"a")), rows=((b"row", b"1"),))
    failures: list[object] = []
    rows = PendingRows(store)
    lane = Lane("evidence/1", lambda batch: [effects] * len(batch), owner, lambda *it: failures.append(it), rows=rows)
    monkeypatch.setattr(steps, "watch", watch)
    await lane.submit([record(0), record(1)], acked.append)
    await until(lambda: acked, 30)
    await lane.close(0)
    assert reached == ["folded", "before-transaction", "in-transaction", "committed", "stored", "before-ack"]
    assert at["committed"] == (0, 0)
    assert at["stored"] == at["before-ack"] == (1, 0)
    assert not failures
    assert {one.key for one in await line.read(CHANGELOG)} == {b"row", b"progress/evidence/1"}


@pytest.mark.parametrize(
    "step", ["folded", "before-transaction", "in-transaction", "committed", "stored", "before-ack"]
)
async def test_whatever_step_it_dies_at_the_successor_leaves_one_of_everything(
    line: Line, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The crash is an exception that nobody handles; the store is read again from the changelog, as a replay does."""
    owner, store = await line.owns()

    def dies(reached: str) -> None:
        if reached == step:
            raise InterruptedError(step)

    def lane_of(durable: Fenced, rows: Store, failed: list[object]) -> Lane:
        def fold(batch: Sequence[Incoming]) -> list[Effects]:
            return [
                Effects(sends=tuple(output(b"packet %d" % one.offset)), rows=((b"row", b"%d" % one.offset),))
                for one in batch
            ]

        return Lane("evidence/1", fold, durable, lambda *it: failed.append(it), rows=PendingRows(rows))

    failed: list[object] = []
    acked: list[int] = []
    first = lane_of(owner, store, failed)
    monkeypatch.setattr(steps, "watch", dies)
    await first.submit([record(0), record(1)], acked.append)
    await until(lambda: failed, 30)
    await first.close(0)
    monkeypatch.setattr(steps, "watch", None)
    assert acked == []
    successor, restored = await line.owns()
    for one in await line.read(CHANGELOG):
        restored.rows[one.key or b""] = one.value
    second = lane_of(successor, restored, failed)
    await second.submit([record(0), record(1)], acked.append)
    await until(lambda: acked == [1], 30)
    await second.close(0)
    assert values(await line.read(OUTPUT)) == [b"packet 0", b"packet 1"]
    assert restored.rows[b"row"] == b"1"
    assert len(failed) == 1


# Without a fence.


class Publishing:
    """A publisher of which each wave waits to be let go; writes down the waves."""

    def __init__(self) -> None:
        self.waves: list[list[bytes | None]] = []
        self.under_way = 0
        self.most = 0
        self._gate = asyncio.Semaphore(0)
        self.refuse: bytes | None = None

    def let_go(self, waves: int = 100) -> None:
        for _ in range(waves):
            self._gate.release()

    async def send_batches(self, records: Sequence[Outgoing]) -> None:
        self.waves.append(values_of(records))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self._gate.acquire()
        finally:
            self.under_way -= 1
        if self.refuse in values_of(records):
            raise KafkaUnavailable("away")


def values_of(records: Sequence[Outgoing]) -> list[bytes | None]:
    return [one.value for one in records]


async def test_what_lanes_want_sent_while_a_wave_is_under_way_goes_out_together_in_the_next() -> None:
    publisher = Publishing()
    unfenced = Unfenced(publisher)  # type: ignore[arg-type]
    commits = [asyncio.create_task(unfenced.commit(output(b"0"), {}, {}))]
    await until(lambda: publisher.waves)
    commits += [asyncio.create_task(unfenced.commit(output(b"%d" % n, b"%d again" % n), {}, {})) for n in range(1, 30)]
    await asyncio.sleep(0.01)
    assert publisher.waves == [[b"0"]]
    publisher.let_go()
    await asyncio.gather(*commits)
    assert len(publisher.waves) == 2
    assert publisher.waves[1] == [value for n in range(1, 30) for value in (b"%d" % n, b"%d again" % n)]
    assert publisher.most == 1


async def test_no_lane_returns_before_its_own_wave_is_confirmed() -> None:
    publisher = Publishing()
    unfenced = Unfenced(publisher)  # type: ignore[arg-type]
    first = asyncio.create_task(unfenced.commit(output(b"0"), {}, {}))
    await until(lambda: publisher.waves)
    second = asyncio.create_task(unfenced.commit(output(b"1"), {}, {}))
    publisher.let_go(1)
    await first
    await until(lambda: len(publisher.waves) == 2)
    await asyncio.sleep(0.01)
    assert not second.done()
    publisher.let_go()
    await second


async def test_a_lane_that_is_given_up_takes_no_other_with_it() -> None:
    publisher = Publishing()
    unfenced = Unfenced(publisher)  # type: ignore[arg-type]
    given_up, stays = (asyncio.create_task(unfenced.commit(output(name), {}, {})) for name in (b"0", b"1"))
    await until(lambda: publisher.waves)
    given_up.cancel()
    await asyncio.wait([given_up])
    publisher.let_go()
    await stays
    await unfenced.commit(output(b"2"), {}, {})
    assert publisher.waves == [[b"0", b"1"], [b"2"]]


async def test_a_wave_that_fails_fails_every_lane_in_it_and_no_later_one() -> None:
    publisher = Publishing()
    publisher.refuse = b"bad"
    unfenced = Unfenced(publisher)  # type: ignore[arg-type]
    lanes = [asyncio.create_task(unfenced.commit(output(name), {}, {})) for name in (b"bad", b"good")]
    publisher.let_go()
    ended = await asyncio.gather(*lanes, return_exceptions=True)
    assert [type(one) for one in ended] == [KafkaUnavailable, KafkaUnavailable]
    await unfenced.commit(output(b"next"), {}, {})


async def test_rows_need_a_fence() -> None:
    with pytest.raises(ValueError, match="without a table"):
        await Unfenced(Publishing()).commit([], {b"k": b"1"}, {})  # type: ignore[arg-type]


async def test_many_lanes_over_one_publisher_lose_nothing_and_keep_their_order(line: Line) -> None:
    async with Publisher(line.settings) as publisher:
        unfenced = Unfenced(publisher)

        async def lane(name: int) -> None:
            for number in range(25):
                await unfenced.commit([Outgoing(OUTPUT, b"%d" % name, b"%d %d" % (name, number))], {}, {})

        await asyncio.gather(*(lane(name) for name in range(12)))
        with pytest.raises(TopicAbsent):
            await unfenced.commit([Outgoing("no-such-topic", b"k", b"v")], {}, {})
    read = await line.read(OUTPUT)
    assert len(read) == 12 * 25
    for name in range(12):
        assert [one.value for one in read if one.key == b"%d" % name] == [b"%d %d" % (name, n) for n in range(25)]
