"""ClickHouse made anew from the journal: folded again, sent the worker's way, stored by the sink's own row builder.

Nothing has to stand still. The tables are emptied first and the journal's end is asked for afterwards, so whatever
the sink had written before is within what is written again, and what it writes meanwhile is the same rows or newer
ones. Kafka's coordinates of a row made here are those of the journal record; all else is as it was. What ingest
refused and what became of notices is not in the journal and comes from the topics `rejections` and `deliveries`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from clickhouse_connect.driver.client import Client

from infra.audit.observed import ask
from infra.audit.progress import Say, journal_ends
from infra.audit.reconcile import FOLDED
from infra.audit.refold import Refold
from infra.audit.topics import Topics
from infra.errors import CommandFailed
from schemas.topics import BALANCES, DAILY, DELIVERIES, HOURLY, JOURNAL_TOPIC, REJECTIONS
from schemas.wire import encode
from sinks.clickhouse.insert import Inserter
from sinks.clickhouse.rows import Batch, Message
from sinks.clickhouse.tables import COORDINATES, JOURNALED, REBUILT, TABLES
from streams.core.book import Book
from streams.core.state import Account
from streams.worker.outputs import emit
from streams.worker.ports import Names

ROWS_A_BATCH: Final = 50_000
_NAMES: Final = Names()
# By account, so that a difference says whose it is; a sum of hashes does not depend on order.
_PRINT: Final = "SELECT account, count(), toString(sum(toUInt128(cityHash64({columns})))) FROM {table} FINAL GROUP BY account"


def empty(client: Client) -> None:
    """Empty every table that the journal can fill."""
    for name in REBUILT:
        ask(client, f"TRUNCATE TABLE {name}")


def rebuild(topics: Topics, book: Book, connect: Callable[[], Client], say: Say) -> dict[str, int]:
    """Write the whole journal to the database that `connect` opens; the number of rows by table."""
    partitions = topics.partitions(JOURNAL_TOPIC)
    ends = journal_ends(topics, partitions)
    others = topics.ends([REJECTIONS, DELIVERIES], partitions)
    store = _Store(connect)
    for partition in range(partitions):
        say(f"folding partition {partition + 1} of {partitions}")
        _replay_partition(topics, book, store, partition, ends[partition])
        for record in topics.read(REJECTIONS, partition, others[REJECTIONS, partition]):
            if not record.value.startswith(FOLDED):
                store.take(REJECTIONS, partition, record.offset, record.value)
        for record in topics.read(DELIVERIES, partition, others[DELIVERIES, partition]):
            store.take(DELIVERIES, partition, record.offset, record.value)
    store.flush()
    return store.rows


def _replay_partition(topics: Topics, book: Book, store: _Store, partition: int, end: int) -> None:
    refold = Refold(book)
    offset = 0

    def send(topic: str, at: int, _key: str | None, value: bytes) -> None:
        store.take(topic, at, offset, value)

    for record in topics.read(JOURNAL_TOPIC, partition, end):
        offset = record.offset
        store.take(JOURNAL_TOPIC, partition, offset, record.value)
        emit(refold.take(offset, record.value), partition, _NAMES, send)
    # What follows from the states: only the last of it counts.
    for account in refold.accounts():
        for topic, value in _derived(refold, account):
            store.take(topic, partition, offset, value)


def _derived(refold: Refold, account: Account) -> Iterator[tuple[str, bytes]]:
    if not account.profile:
        return
    yield BALANCES, encode(refold.balance(account))
    hours, days = refold.open_windows(account)
    for topic, windows in ((HOURLY, hours), (DAILY, days)):
        for window in windows:
            yield topic, encode(window)


class _Store:
    """Rows on their way, a batch at a time."""

    def __init__(self, connect: Callable[[], Client]) -> None:
        self._inserter = Inserter(connect, threading.Event())
        self._batch = Batch()

    def take(self, topic: str, partition: int, offset: int, value: bytes) -> None:
        """Store one message of an output topic; raises CommandFailed where it is not what the table holds."""
        faults = self._batch.take(Message(topic, partition, offset, 0, value))
        if faults:
            raise CommandFailed(f"{topic}: the fold gives a record that cannot be stored: {faults[0]}")
        if self._batch.rows >= ROWS_A_BATCH:
            self.flush()

    def flush(self) -> None:
        """Wait until everything is stored."""
        self._inserter.insert(self._batch)
        self._batch = Batch()

    @property
    def rows(self) -> dict[str, int]:
        """Rows stored so far, by table; windows count once for each batch they are in."""
        return self._inserter.counts.rows


# --- the same rows? ---------------------------------------------------------------------------------------


def differing(client: Client, other: Client) -> list[tuple[str, str, int, int]]:
    """(table, account, rows here, rows there) wherever the two databases do not hold the same."""
    found = []
    for table, columns in ({table.name: table.columns for table in TABLES} | JOURNALED).items():
        here, there = (_fingerprints(each, table, columns) for each in (client, other))
        for account in sorted(here.keys() | there.keys()):
            mine, theirs = here.get(account, (0, "")), there.get(account, (0, ""))
            if mine != theirs:
                found.append((table, account, mine[0], theirs[0]))
    return found


def _fingerprints(client: Client, table: str, names: Sequence[str]) -> dict[str, tuple[int, str]]:
    columns = ", ".join(f"`{name}`" for name in names if name not in COORDINATES)
    rows = ask(client, _PRINT.format(columns=columns, table=table))
    return {account: (int(count), str(total)) for account, count, total in rows}
