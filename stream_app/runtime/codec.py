"""The only place where record batches as the broker sent them become the records that stages know.

The client library makes one object of a record, and ours would be a second. So here its own reader of batches, in C, is
asked directly; what `PartitionRecords._unpack_records` does around it is done in the same order: checksums, aborted
transactions and control records left out, the position moved over them. Private names relied on: of that class
`_records, _records_iterator, _aborted_producers, _check_crcs, _isolation_level, _consume_aborted_up_to,
_contains_abort_marker`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiokafka.consumer.fetcher import READ_COMMITTED
from aiokafka.errors import CorruptRecordException

from stream_app.pipeline.ports import Headers, Incoming


def unpacked(fetched: Any, topic: str) -> list[Incoming]:
    """All records of one partition's part of a fetch, in order: raw bytes, broker or producer time in ms.

    `topic` is the name without prefix. Moves `next_fetch_offset` behind what was read. Raises CorruptRecordException;
    then nothing of it may be used, and it must be fetched again.
    """
    # It holds itself by the iterator that nobody asks here, and with itself all the bytes of the fetch: a megabyte each
    # that only the garbage collector's last generation would have found.
    fetched._records_iterator = None
    partition: int = fetched._tp.partition
    batches = fetched._records
    made: list[Incoming] = []
    while batches.has_next():
        batch = batches.next_batch()
        if fetched._check_crcs and not batch.validate_crc():
            raise CorruptRecordException(f"Invalid CRC - {fetched._tp}")
        if not _aborted(fetched, batch) and not batch.is_control_batch:
            position = fetched.next_fetch_offset
            # A compressed batch comes as a whole, also when reading begins within it.
            made += [
                Incoming(topic, partition, one.offset, one.timestamp, one.key, one.value, _headers(one.headers))
                if one.headers
                else Incoming(topic, partition, one.offset, one.timestamp, one.key, one.value)
                for one in batch
                if one.offset >= position
            ]
        # Also where compaction has taken the last record of a batch: or it would be fetched again for ever.
        fetched.next_fetch_offset = batch.next_offset
    return made


def _aborted(fetched: Any, batch: Any) -> bool:
    """Whether the batch belongs to a transaction that was aborted; batches must be asked for in their order."""
    if fetched._isolation_level != READ_COMMITTED or batch.producer_id is None:
        return False
    fetched._consume_aborted_up_to(batch.base_offset)
    if batch.is_control_batch and fetched._contains_abort_marker(batch):
        fetched._aborted_producers.discard(batch.producer_id)
    return bool(batch.is_transactional and batch.producer_id in fetched._aborted_producers)


def _headers(headers: Sequence[tuple[str, bytes | None]]) -> Headers:
    return tuple((name, content or b"") for name, content in headers)
