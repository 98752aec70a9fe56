"""The four Faust tables, their changelog deferred to the checkpoint and their recovery done in bulk.

Faust decides who owns which partition and when its tables must be restored. What is not left to it: a write only
marks the row (Faust would send it at once and not wait for it), and recovery reads in bulk, forward only.
"""

# ruff: noqa: ARG002, FBT001, FBT002 - the signatures are Faust's

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import Any

import faust
from faust.stores import base
from faust.types import TP, EventT

from streams.worker.bulk import ChangelogReader
from streams.worker.checks import check_journal
from streams.worker.rows import AccountRows, DerivedRows

ReaderFactory = Callable[[], ChangelogReader]
# Told the partitions, how many changelog records were read for them and how long that took in seconds.
OnRestored = Callable[[set[int], int, float], None]


def _nothing(_partitions: set[int], _records: int, _took_s: float) -> None:
    """Derived rows: nobody waits for them."""


class RowStore(base.Store[str, bytes]):
    """A Faust store whose rows lie in `streams.worker.rows`."""

    def __init__(
        self,
        *args: Any,
        rows: DerivedRows,
        new_reader: ReaderFactory,
        journal: str,
        on_restored: OnRestored,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.rows = rows
        self._on_restored = on_restored
        self._new_reader = new_reader
        self._journal = journal
        self._persisted: dict[int, int] = {}
        self._generation = -2

    def persisted_offset(self, tp: TP) -> int | None:
        """Everything up to here is restored already, so Faust has nothing left to read."""
        return self._persisted.get(tp.partition)

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],
        newly_assigned: set[TP],
        generation_id: int = 0,
    ) -> None:
        """Restore what this worker cannot know: new partitions, and all of them when it missed a generation.

        A worker that was paused beyond its session comes back to "its" partitions, which another one has folded
        meanwhile; Faust does not see that, the gap in the group's generations tells it.
        """
        mine = {tp.partition for tp in assigned if tp.topic == self.rows.topic}
        new = {tp.partition for tp in newly_assigned if tp.topic == self.rows.topic}
        stale = mine if generation_id != self._generation + 1 else new
        self._generation = generation_id
        self.rows.keep(mine - stale)
        # In a thread: heartbeats and the loop go on.
        started = monotonic()
        records = await asyncio.get_running_loop().run_in_executor(None, self._restore, mine, stale)
        # Here and not at Faust's signal: from here on the first event may come.
        self._on_restored(mine, records, monotonic() - started)

    def _restore(self, mine: set[int], stale: set[int]) -> int:
        reader = self._new_reader()
        records = 0
        try:
            ends = reader.ends(self.rows.topic, sorted(mine))
            if isinstance(self.rows, AccountRows) and stale:
                records = reader.read(self.rows.topic, sorted(stale), self.rows.restore)
                furthest = {partition: self.rows.furthest(partition) for partition in stale}
                check_journal(furthest, reader.ends(self._journal, sorted(stale)))
        finally:
            reader.close()
        # Faust counts from the last record, not from the next one.
        self._persisted = {partition: end - 1 for partition, end in ends.items()}
        return records

    def apply_changelog_batch(self, batch: Iterable[EventT[Any]], to_key: Any, to_value: Any) -> None:
        """Nothing: what came after our own reading is of a worker that does not know yet that it is not the owner.

        It could not commit the journal records behind it any more, so they are folded here, with the same result.
        """

    def reset_state(self) -> None:
        """There is nothing on disk."""

    async def backup_partition(
        self, tp: TP | int, flush: bool = True, purge: bool = False, keep: int = 1
    ) -> None:
        """The changelog topic is the backup."""

    def restore_backup(self, tp: TP | int, latest: bool = True, backup_id: int = 0) -> None:
        """The changelog topic is the backup."""

    def _part_of(self, key: str) -> dict[str, bytes] | None:
        if isinstance(self.rows, AccountRows):
            for partition in self.rows.partitions:
                if key in (part := self.rows.part(partition)):
                    return part
        return None

    def __getitem__(self, key: str) -> bytes:
        part = self._part_of(key)
        if part is None:
            raise KeyError(key)
        return part[key]

    def __setitem__(self, key: str, value: bytes) -> None:
        """Nothing to do: `RowTable.on_key_set` has written the row into its partition."""

    def __delitem__(self, key: str) -> None:
        raise TypeError("rows of these tables are never deleted")

    def __iter__(self) -> Iterator[str]:
        if isinstance(self.rows, AccountRows):
            for partition in self.rows.partitions:
                yield from self.rows.part(partition)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class RowTable(faust.Table[str, bytes]):
    """A Faust table that writes its changelog at checkpoints: setting a key only marks it."""

    def __init__(
        self,
        app: faust.App,
        *,
        rows: DerivedRows,
        new_reader: ReaderFactory,
        journal: str,
        on_restored: OnRestored = _nothing,
        **kwargs: Any,
    ) -> None:
        changelog = app.topic(
            rows.topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        )
        super().__init__(app, key_type=str, value_type=bytes, changelog_topic=changelog, **kwargs)
        self.rows = rows
        self._new_reader = new_reader
        self._journal = journal
        self._on_restored = on_restored

    def _new_store(self) -> RowStore:
        return RowStore(
            "memory://", self.app, self, table_name=self.name, loop=self.loop,
            rows=self.rows, new_reader=self._new_reader, journal=self._journal, on_restored=self._on_restored,
        )  # fmt: skip

    def on_key_set(self, key: str, value: bytes) -> None:
        """Write the row into the partition of the event being folded, and mark it for the checkpoint."""
        partition = self.partition_for_key(key)
        if partition is None:
            raise TypeError("a row is written by the partition of its account")
        self.rows.write(partition, key, value)

    def on_key_del(self, _key: str) -> None:
        """Never: an account's state outlives the account."""
        raise TypeError("rows of these tables are never deleted")
