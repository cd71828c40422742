"""The only place that bounds what the local stores of one worker take of memory, however many partitions it owns.

RocksDB's limits are per store, and a worker has one store a partition: with Faust's own options (2 GiB of cache and
three buffers of 64 MiB each) memory grows with the partitions until the machine has no more. Here all stores of a
process share one cache, and what they have not written to files yet counts into it, as do indexes and filters.
"""

from __future__ import annotations

from typing import Any

from faust.stores.rocksdb import RocksDBOptions
from rocksdict import (
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    DBCompactionStyle,
    DBCompressionType,
    Options,
    WriteBufferManager,
)

WRITE_BUFFER_BYTES = 16 << 20
"""Of one store, where the others have little to write: a file of this size is worth its name."""
ARENA_BYTES = 64 << 10
"""What a buffer grows by; of its own RocksDB would take a megabyte for a store that has a single row to write."""
OPEN_FILES = 256
FILE_BYTES = 64 << 20
BLOOM_BITS = 10
"""A key: most look-ups ask for calls that are new, and should read no block for it (1 % do)."""


class SharedMemory(RocksDBOptions):  # type: ignore[misc]
    """Options of every store of a process: half of `megabytes` for what is to be written, the rest for reading."""

    def __init__(self, megabytes: int) -> None:
        super().__init__(use_rocksdict=True)
        self._cache = Cache(megabytes << 20)
        self._buffers = WriteBufferManager.new_write_buffer_manager_with_cache(
            megabytes << 19, allow_stall=False, cache=self._cache
        )

    def as_options(self) -> Any:
        """For one store. (Faust asks for them at each opening, twice.)"""
        tables = BlockBasedOptions()
        tables.set_bloom_filter(BLOOM_BITS, block_based=False)
        tables.set_block_cache(self._cache)
        tables.set_cache_index_and_filter_blocks(True)
        tables.set_pin_l0_filter_and_index_blocks_in_cache(True)
        tables.set_index_type(BlockBasedIndexType.binary_search())
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_max_open_files(OPEN_FILES)
        options.set_write_buffer_manager(self._buffers)
        options.set_write_buffer_size(WRITE_BUFFER_BYTES)
        options.set_arena_block_size(ARENA_BYTES)
        options.set_target_file_size_base(FILE_BYTES)
        options.set_block_based_table_factory(tables)
        # Compacting by levels took 29 % of the join's CPU with a million calls (bench/README.md).
        options.set_compaction_style(DBCompactionStyle.universal())
        options.set_compression_type(DBCompressionType.lz4())
        return options


def bound(table: Any, megabytes: int) -> None:
    """Have the stores of this Faust table share so much memory; call it before any is opened."""
    table.data.rocksdb_options = SharedMemory(megabytes)
