"""Inserting a batch until ClickHouse has acknowledged all of it.

Promises: returns only when every row is stored (a row that ClickHouse refuses as data is stored among the
dead letters) or when told to stop; while ClickHouse is down it waits and tries again with the same rows. An
insert may run twice (the driver repeats it after a broken connection, a crash comes before the commit):
the tables absorb it.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from clickhouse_connect.driver.client import Client

from schemas.topics import JOURNAL_TOPIC
from sinks.clickhouse import tables
from sinks.clickhouse.client import ClickHouseError, DataRefused, translated
from sinks.clickhouse.rows import Batch, dead_letter

log = logging.getLogger(__name__)

SETTINGS: Final = {
    # On by default in new servers: an acknowledged row must be in the table.
    "async_insert": 0,
    # Two contents under one key stay to be seen until a merge, also those of one insert; and it is a fifth faster.
    "optimize_on_insert": 0,
    "date_time_input_format": "best_effort",
    # A later release of the worker may add fields: this one stores what it knows, Kafka keeps the record.
    "input_format_skip_unknown_fields": 1,
    "input_format_null_as_default": 1,
    # A back-fill of years touches more months at once than the default of 100.
    "max_partitions_per_insert_block": 0,
}
PAUSE_S_FIRST: Final = 0.2
PAUSE_S_MAX: Final = 5.0


@dataclass
class Counts:
    """What this process has done since it started."""

    rows: dict[str, int] = field(default_factory=dict)
    dead_letters: int = 0
    inserts: int = 0
    retries: int = 0


class Inserter:
    """Inserts batches over one connection, one batch at a time."""

    def __init__(self, connect: Callable[[], Client], stop: threading.Event) -> None:
        """`connect` is called when a connection is needed and may fail; `stop` ends the waiting for ClickHouse."""
        self._connect = connect
        self._stop = stop
        self._client: Client | None = None
        self.counts = Counts()

    def insert(self, batch: Batch) -> bool:
        """Store all of `batch`; False where it was told to stop before."""
        for table, columns, body, rows in batch.bodies():
            if not self._insert(table, columns, body, rows):
                return False
            self.counts.rows[table] = self.counts.rows.get(table, 0) + rows
        self.counts.dead_letters += batch.dead
        return True

    def wait_until_reached(self) -> bool:
        """Wait until ClickHouse answers; False where it was told to stop before."""
        return self._until_done(self._reach, "nothing is to be inserted yet")

    def _reach(self) -> None:
        with translated():
            self._connected().command("SELECT 1")

    def _insert(self, table: str, columns: tuple[str, ...], body: bytes, rows: int) -> bool:
        try:
            return self._until_done(lambda: self._send(table, columns, body), f"{rows} rows of {table} wait")
        except DataRefused as refused:
            return self._divide(table, columns, body, str(refused))

    def _divide(self, table: str, columns: tuple[str, ...], body: bytes, reason: str) -> bool:
        """Insert the halves, down to the one row that is refused: log2(rows) inserts for each bad row."""
        lines = body.split(b"\n")
        if len(lines) > 1:
            middle = len(lines) // 2
            halves = (lines[:middle], lines[middle:])
            return all(self._insert(table, columns, b"\n".join(half), len(half)) for half in halves)
        # The reason may quote the row: it is in the table, not in the log.
        log.error("a row of %s is refused and becomes a dead letter", table)
        self.counts.dead_letters += 1
        return self._insert(tables.DEAD_LETTERS, tables.DEAD_LETTER_COLUMNS, _buried(table, body, reason), 1)

    def _send(self, table: str, columns: tuple[str, ...], body: bytes) -> None:
        with translated():
            client = self._connected()
            client.raw_insert(table, columns, body, settings=SETTINGS, fmt="JSONEachRow")
        self.counts.inserts += 1

    def _connected(self) -> Client:
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _until_done(self, work: Callable[[], None], waiting: str) -> bool:
        """Do `work`, again and again while ClickHouse is not able to; raises only `DataRefused`."""
        pause_s = PAUSE_S_FIRST
        while True:
            try:
                work()
            except DataRefused:
                raise
            except ClickHouseError as error:
                self.counts.retries += 1
                log.warning("ClickHouse: %s; %s, next try in %.1f s", error, waiting, pause_s)
            else:
                return True
            # One try is made even when the end has come: what is in hand goes out where that is possible.
            if self._stop.wait(pause_s):
                return False
            pause_s = min(pause_s * 2, PAUSE_S_MAX)


def _buried(table: str, line: bytes, reason: str) -> bytes:
    row = json.loads(line)
    topic = next((known.topic for known in tables.TABLES if known.name == table), JOURNAL_TOPIC)
    place = (row.get("kafka_partition", 0), row.get("kafka_offset", 0))
    return dead_letter(topic, *place, 0, 0, line, reason)
