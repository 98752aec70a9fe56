"""A story folded by the real engine and stored in a real ClickHouse by the sink's own rows, every row of it twice.

No broker: the journal is made here, and everything is stored once more under later offsets and packed
otherwise, as after a crash. Merges are stopped, so what a reader sees is seen over twins.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from infra.audit.refold import Refold
from infra.settings import Settings
from schemas.journal import NO_CLOCK, encode_record
from schemas.journaled import read_journaled
from schemas.topics import BALANCES, DAILY, HOURLY, JOURNAL_TOPIC
from schemas.values import instant_of
from schemas.wire import encode
from sinks.clickhouse.client import connect
from sinks.clickhouse.insert import Inserter
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.reports import Reports
from sinks.clickhouse.rows import Batch, Message
from sinks.clickhouse.tables import DERIVED, JOURNALED, TABLES
from streams.core.state import Account
from streams.worker.outputs import emit
from streams.worker.ports import Names
from tests.scenarios.telling import BOOK, at

EVENTS_A_RECORD = 25
_NAMES = Names()


class Stored:
    """A database of its own that holds what the told events come to."""

    def __init__(self, settings: Settings) -> None:
        dsn, database = settings.clickhouse_dsn.get_secret_value(), settings.clickhouse_database
        migrate(dsn, database)
        self.client = connect(dsn, database)
        profiles = {name: offer.profile for name, offer in BOOK.offers.items()}
        self.reports = Reports(self.client, profiles)
        self._inserter = Inserter(lambda: connect(dsn, database), threading.Event())
        self._messages: list[Message] = []
        self._offset = 0
        for name in (*(table.name for table in TABLES), *JOURNALED, DERIVED):
            self.client.command(f"SYSTEM STOP MERGES {name}")

    def tell(self, events: Iterable[bytes], until: str, *, twins: bool = True) -> Stored:
        """Fold `events` with the clock going on to `until`, and store all of it."""
        self._fold(list(events), instant_of(at(until)))
        self._store(self._messages)
        if twins:
            # Latest first, each by itself: other batches, and old versions of windows after new ones.
            again = [
                Message(m.topic, m.partition, m.offset + 1_000_000, m.time_ms, m.value)
                if m.topic != JOURNAL_TOPIC
                else m
                for m in reversed(self._messages)
            ]
            half = len(again) // 2
            self._store(again[:half])
            self._store(again[half:])
        return self

    def rows(self, sql: str, **parameters: Any) -> list[Any]:
        """All rows of a query, as tuples."""
        return list(self.client.query(sql, parameters=parameters).result_rows)

    def _fold(self, events: Sequence[bytes], until_ms: int) -> None:
        refold = Refold(BOOK)
        seen: set[tuple[str, str, str]] = set()
        accepted: list[bytes] = []

        def touched(accounts: Mapping[str, Account]) -> None:
            # A worker sends balances and open windows as it goes: every version, not only the last.
            for account in accounts.values():
                if account.profile:
                    self._note(BALANCES, encode(refold.balance(account)))
                    for topic, windows in zip((HOURLY, DAILY), refold.open_windows(account), strict=True):
                        for window in windows:
                            self._note(topic, encode(window))

        for raw in events:
            event = read_journaled(raw)
            identity = (event.account, event.source, event.id)
            # As ingest does: what is told again is dropped.
            if identity not in seen:
                seen.add(identity)
                accepted.append(raw)
        for first in range(0, len(accepted), EVENTS_A_RECORD):
            self._take(refold, encode_record(NO_CLOCK, accepted[first : first + EVENTS_A_RECORD]), touched)
        self._take(refold, encode_record(until_ms, []), touched)

    def _take(self, refold: Refold, value: bytes, touched: Callable[[Mapping[str, Account]], None]) -> None:
        self._note(JOURNAL_TOPIC, value)
        emit(refold.take(self._offset, value, touched), 0, _NAMES, self._send)

    def _send(self, topic: str, _partition: int, _key: str | None, value: bytes) -> None:
        self._note(topic, value)

    def _note(self, topic: str, value: bytes) -> None:
        self._offset += 1
        self._messages.append(Message(topic, 0, self._offset, 0, value))

    def _store(self, messages: Sequence[Message]) -> None:
        batch = Batch()
        for message in messages:
            faults = batch.take(message)
            assert not faults, faults
        assert self._inserter.insert(batch)
