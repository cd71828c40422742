"""Record batches become the records that stages know: bytes as they came, and what the client's own reader finds."""

from __future__ import annotations

import gc
import struct
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.pipeline.ports import Incoming
from stream_app.runtime.codec import unpacked

AT = 1_780_000_000_123
GZIP, CONTROL = 1, 0x20
ATTRIBUTES, CRC = struct.calcsize(">qiibI"), struct.calcsize(">qiib")
ABORT, COMMIT = b"\0\0\0\0", b"\0\0\0\1"
"""Keys of control records."""

Record = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes | None]]]


@dataclass
class Batch:
    """One record batch as it lies in the log; `producer` is that of a transaction."""

    base: int
    records: Sequence[Record] = ((b"k", b"{}", ()),)
    producer: int | None = None
    codec: int = 0
    marker: bytes | None = None
    compacted: int = 0
    """Records that compaction has taken from its end: the batch still says how far it went."""

    @property
    def end(self) -> int:
        return self.base + (1 if self.marker else len(self.records) + self.compacted)

    def written(self) -> bytes:
        producer = -1 if self.producer is None else self.producer
        builder = DefaultRecordBatchBuilder(2, self.codec, self.producer is not None, producer, 0, 0, 1 << 30)
        records = [(self.marker, b"", ())] if self.marker else self.records
        for number, (key, value, headers) in enumerate(records):
            builder.append(number, AT + number, key, value, list(headers))
        raw = bytearray(builder.build())
        struct.pack_into(">q", raw, 0, self.base)
        (attributes,) = struct.unpack_from(">h", raw, ATTRIBUTES)
        struct.pack_into(">hi", raw, ATTRIBUTES, attributes | (CONTROL if self.marker else 0), self.end - self.base - 1)
        struct.pack_into(">I", raw, CRC, calc_crc32c(bytes(raw[ATTRIBUTES:])))
        return bytes(raw)


@dataclass
class Log:
    """What one fetch brings of a partition."""

    batches: list[Batch] = field(default_factory=list)
    aborted: list[tuple[int, int]] = field(default_factory=list)

    def fetched(self, begin: int = 0, isolation: int = READ_COMMITTED, raw: bytes | None = None) -> PartitionRecords:
        written = b"".join(one.written() for one in self.batches) if raw is None else raw
        place = TopicPartition("dev-tool-call", 3)
        records = MemoryRecords(written)
        return PartitionRecords(place, records, list(self.aborted), begin, None, None, True, isolation)


def read(*batches: Batch, begin: int = 0) -> list[Incoming]:
    return unpacked(Log(list(batches)).fetched(begin), "tool-call")


def test_the_bytes_of_a_fetch_are_let_go_with_it() -> None:
    def freed(*, read: bool) -> bool:
        fetched = Log([Batch(41, [(b"k", b"{}", [])])]).fetched()
        watched = weakref.ref(fetched)
        if read:
            unpacked(fetched, "tool-call")
        del fetched
        return watched() is None

    gc.disable()
    try:
        assert freed(read=True)
        assert not freed(read=False), "the library has changed: it holds itself no more"
    finally:
        gc.enable()


def test_a_record_keeps_its_position_time_key_and_bytes() -> None:
    (made,) = read(Batch(41, [(b"k", b"{}", [("traceparent", b"00-1")])]))
    assert made == Incoming("tool-call", 3, 41, AT, b"k", b"{}", (("traceparent", b"00-1"),))


def test_a_batch_keeps_its_order_and_every_record_s_own_offset_and_time() -> None:
    made = read(Batch(40, [(b"k", b"%d" % n, ()) for n in range(1000)]), Batch(2000))
    assert [record.offset for record in made] == [*range(40, 1040), 2000]
    assert [record.timestamp_ms for record in made[:1000]] == [AT + n for n in range(1000)], "to the millisecond"
    assert [record.value for record in made[:1000]] == [b"%d" % n for n in range(1000)]
    assert {(record.topic, record.partition) for record in made} == {("tool-call", 3)}


def test_no_batches_are_no_records() -> None:
    assert read() == []


@pytest.mark.parametrize("value", [None, b"", b"\x00\xff\xfe", b"not json", b"x" * (5 << 20)])
def test_values_pass_as_they_are(value: bytes | None) -> None:
    (made,) = read(Batch(0, [(None, value, ())]))
    assert (made.key, made.value) == (None, value)
    assert value is None or type(made.value) is bytes


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], ()),
        ([("a", b"1"), ("a", b"2")], (("a", b"1"), ("a", b"2"))),
        ([("a", None)], (("a", b""),)),
    ],
)
def test_headers_keep_order_and_repeats(
    headers: list[tuple[str, bytes | None]], expected: tuple[tuple[str, bytes], ...]
) -> None:
    (made,) = read(Batch(0, [(b"k", b"", headers)]))
    assert made.headers == expected


def test_reading_may_begin_within_a_batch() -> None:
    whole = Batch(10, [(b"k", b"%d" % n, ()) for n in range(5)], codec=GZIP)
    assert [one.offset for one in read(whole, Batch(15), begin=13)] == [13, 14, 15]


def test_what_was_aborted_and_every_marker_is_left_out_and_passed_over() -> None:
    log = Log(
        [
            Batch(0, producer=7),
            Batch(1, producer=8),
            Batch(2, producer=7, marker=ABORT),
            Batch(3, producer=8, marker=COMMIT),
            Batch(4, producer=7),
            Batch(5, producer=7, marker=COMMIT),
        ],
        [(7, 0)],
    )
    fetched = log.fetched()
    assert [one.offset for one in unpacked(fetched, "tool-call")] == [1, 4], "a producer's next transaction counts"
    assert fetched.next_fetch_offset == 6, "behind the marker: nobody is ever given it"
    careless = log.fetched(isolation=READ_UNCOMMITTED)
    assert [one.offset for one in unpacked(careless, "tool-call")] == [0, 1, 4]


def test_a_batch_whose_end_was_compacted_is_passed_over() -> None:
    fetched = Log([Batch(0, compacted=4)]).fetched()
    assert [one.offset for one in unpacked(fetched, "tool-call")] == [0]
    assert fetched.next_fetch_offset == 5, "or it would be fetched again for ever"


def test_a_damaged_batch_is_an_error() -> None:
    raw = bytearray(Batch(0).written() + Batch(1).written())
    raw[-1] ^= 1
    with pytest.raises(CorruptRecordException, match="tool-call"):
        unpacked(Log().fetched(raw=bytes(raw)), "tool-call")


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """Transactions of three producers one among another, some aborted, and records of none."""
    log, at, open_since = Log(), draw(st.integers(0, 3)), dict[int, int]()
    for _ in range(draw(st.integers(0, 12))):
        producer = draw(st.sampled_from([None, 1, 2, 3]))
        ends = producer in open_since and draw(st.booleans())
        if ends and producer is not None:
            abort = draw(st.booleans())
            if abort:
                log.aborted.append((producer, open_since[producer]))
            del open_since[producer]
            batch = Batch(at, producer=producer, marker=ABORT if abort else COMMIT)
        else:
            count, codec = draw(st.integers(1, 3)), draw(st.sampled_from([0, GZIP]))
            compacted = draw(st.integers(0, 2))
            records = [(b"k", b"%d" % (at + n), [("h", None)] * (n % 2)) for n in range(count)]
            batch = Batch(at, records, producer, codec, compacted=compacted)
            if producer is not None:
                open_since.setdefault(producer, at)
        log.batches.append(batch)
        at = batch.end + draw(st.integers(0, 1))
    return log


@settings(max_examples=150)
@given(logs(), st.integers(0, 8), st.sampled_from([READ_COMMITTED, READ_UNCOMMITTED]))
def test_we_find_what_the_client_s_own_reader_finds(log: Log, begin: int, isolation: int) -> None:
    theirs, ours = log.fetched(begin, isolation), log.fetched(begin, isolation)
    expected = [(one.offset, one.timestamp, one.key, one.value, len(one.headers)) for one in theirs]
    found = [(one.offset, one.timestamp_ms, one.key, one.value, len(one.headers)) for one in unpacked(ours, "t")]
    assert found == expected
    assert ours.next_fetch_offset == theirs.next_fetch_offset
