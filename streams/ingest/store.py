"""The index of identities on disk: one RocksDB a partition, with bounded memory.

A write is atomic and outlives the process; after a power cut the database is whole but may have lost its last
writes, which the journal gives back. A database that cannot be read is made anew.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rocksdict import BlockBasedOptions, Cache, DBCompressionType, Options, Rdict, WriteBatch

from streams.ingest.errors import StoreFailed

WRITE_BUFFER_BYTES = 32 * 1_048_576
# One false lookup in a hundred reads a block from disk.
BLOOM_BITS = 10
OPEN_FILES_MAX = 256


# What is wrong with the machine and not with the files: they must not be thrown away for it.
MACHINE_TROUBLES = ("no space left", "permission denied", "too many open files", "quota", "read-only")


class StoreIsTaken(Exception):
    """Another process has the database open."""


class StoreIsBroken(Exception):
    """The files are no readable database."""


class RocksStore:
    """A `streams.ingest.identities.Store` in `directory`; `cache` is shared by all partitions."""

    def __init__(self, directory: Path, cache: Cache) -> None:
        """Opens or creates it. Raises StoreIsTaken or StoreIsBroken."""
        directory.parent.mkdir(parents=True, exist_ok=True)
        with _translated():
            self._db = Rdict(str(directory), _options(cache))

    def get(self, keys: list[bytes]) -> list[bytes | None]:
        """The values of `keys`, None where there is none."""
        with _translated():
            values: list[bytes | None] = self._db.get(keys)  # type: ignore[arg-type, assignment]
        return values

    def write(self, changes: dict[bytes, bytes | None]) -> None:
        """Put every value, delete where it is None; all of it or nothing."""
        batch = WriteBatch(raw_mode=True)
        put, delete = batch.put, batch.delete
        for key, value in changes.items():
            if value is None:
                delete(key)
            else:
                put(key, value)
        with _translated():
            self._db.write(batch)

    def scan(self, start: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """Up to `limit` entries from `start` on, in the order of keys."""
        entries: list[tuple[bytes, bytes]] = []
        with _translated():
            walk = self._db.iter()
            walk.seek(start)
            while len(entries) < limit and walk.valid():
                entries.append((walk.key(), walk.value()))
                walk.next()
            walk.status()
        return entries

    def close(self) -> None:
        """Give up the files."""
        self._db.close()


@contextmanager
def _translated() -> Iterator[None]:
    """RocksDB's errors as ours: the one place that knows its words."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - rocksdict raises bare Exception for everything
        text = str(error).lower()
        if "lock" in text and ("hold" in text or "unavailable" in text):
            raise StoreIsTaken(str(error)) from None
        if any(trouble in text for trouble in MACHINE_TROUBLES):
            raise StoreFailed(f"the index of identities: {error}") from None
        raise StoreIsBroken(str(error)) from None


def destroy(directory: Path) -> None:
    """Remove a database that cannot be read."""
    shutil.rmtree(directory, ignore_errors=True)


def _options(cache: Cache) -> Options:
    table = BlockBasedOptions()
    table.set_block_cache(cache)
    table.set_bloom_filter(BLOOM_BITS, False)
    # Filters and indexes count towards the bound, too.
    table.set_cache_index_and_filter_blocks(True)
    table.set_pin_l0_filter_and_index_blocks_in_cache(True)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(table)
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_max_open_files(OPEN_FILES_MAX)
    options.set_keep_log_file_num(2)
    options.set_compression_type(DBCompressionType.lz4())
    # Most lookups are for identities never seen: the memtable says so without a walk.
    options.set_memtable_whole_key_filtering(True)
    options.set_memtable_prefix_bloom_ratio(0.1)
    return options
