"""Stories folded by the real engine and stored in a real ClickHouse by the sink's own rows, without a broker.

`store_story` stores what the whole story comes to, once: for tests of what readers get, refusals of ingest included.
`Stored` stores what a worker writes on its way, every row of it twice: once more under later offsets and packed otherwise,
as after a crash. Merges are stopped, so what a reader sees is seen over twins.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from infra.audit.refold import Refold
from infra.books import load_book
from infra.settings import Settings
from schemas import topics
from schemas.envelope import read_message
from schemas.journal import NO_CLOCK, encode_record
from schemas.values import instant_of
from schemas.wire import Unreadable, encode
from sinks.clickhouse.client import connect
from sinks.clickhouse.insert import Inserter
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.reports import Reports
from sinks.clickhouse.rows import Batch, Message
from sinks.clickhouse.tables import REBUILT
from streams.core import fold, story
from streams.core.book import Book
from streams.core.state import Account
from streams.worker.outputs import emit
from streams.worker.ports import Names
from tests.scenarios.telling import BOOK, at

EVENTS_A_RECORD = 25
_NAMES = Names()


class Database:
    """The migrated database of `settings`."""

    def __init__(self, settings: Settings) -> None:
        dsn, database = settings.clickhouse_dsn.get_secret_value(), settings.clickhouse_database
        migrate(dsn, database)
        self.client = connect(dsn, database)
        self._inserter = Inserter(lambda: connect(dsn, database), threading.Event())

    def rows(self, sql: str, **parameters: Any) -> list[Any]:
        """All rows of a query, as tuples."""
        return list(self.client.query(sql, parameters=parameters).result_rows)

    def store(self, messages: Iterable[Message]) -> None:
        """Write `messages` as one batch of the sink; none may become a dead letter."""
        batch = Batch()
        for message in messages:
            faults = batch.take(message)
            assert not faults, (message.topic, faults)
        assert self._inserter.insert(batch)


def journal_of(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The journal's records as ingest writes them, as far as readers look: each readable event once, without a clock."""
    seen: set[tuple[str, str, str]] = set()
    accepted: list[bytes] = []
    for item in (item for line in lines for item in read_message(line)):
        event = item.read
        if not isinstance(event, Unreadable) and (event.account, event.source, event.id) not in seen:
            seen.add((event.account, event.source, event.id))
            accepted.append(item.raw)
    for first in range(0, len(accepted), EVENTS_A_RECORD):
        yield encode_record(NO_CLOCK, accepted[first : first + EVENTS_A_RECORD])


# --- a whole story, once -----------------------------------------------------------------------------------


def store_story(settings: Settings, lines: Iterable[bytes]) -> story.Story:
    """Bill `lines` and store every record of it in the database of `settings`, which is made; the told story."""
    book = load_book(settings.profiles_dir)
    came = list(lines)
    told = story.run(came, book)
    values = _outputs(told, book) | {topics.JOURNAL_TOPIC: list(journal_of(came))}
    Database(settings).store(
        Message(topic, 0, offset, 0, value)
        for topic, each in values.items()
        for offset, value in enumerate(each)
    )
    return told


def _outputs(told: story.Story, book: Book) -> dict[str, list[bytes]]:
    """The messages of each output topic."""
    out = told.out
    opened = [fold.open_windows(account, book) for account in told.accounts.values()]
    records: dict[str, Iterable[Any]] = {
        topics.CHARGES: ([record] for record in out.charges),
        topics.LEDGER: ([record] for record in out.entries),
        topics.HOURLY: (*out.hourly, *(hour for hours, _ in opened for hour in hours)),
        topics.DAILY: (*out.daily, *(day for _, days in opened for day in days)),
        topics.NOTICES: out.notices,
        topics.COMMANDS: out.commands,
        topics.REJECTIONS: out.rejections,
        topics.BALANCES: told.balances(),
    }
    return {topic: [encode(record) for record in each] for topic, each in records.items()}


# --- on its way, and twice ---------------------------------------------------------------------------------


class Stored(Database):
    """A database that holds what the told events come to."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        profiles = {name: offer.profile for name, offer in BOOK.offers.items()}
        self.reports = Reports(self.client, profiles)
        self._messages: list[Message] = []
        self._offset = 0
        for name in REBUILT:
            self.client.command(f"SYSTEM STOP MERGES {name}")

    def tell(self, events: Iterable[bytes], until: str, *, twins: bool = True) -> Stored:
        """Fold `events` with the clock going on to `until`, and store all of it."""
        self._fold(events, instant_of(at(until)))
        self.store(self._messages)
        if twins:
            # Latest first, each by itself: other batches, and old versions of windows after new ones.
            again = [_later(message) for message in reversed(self._messages)]
            half = len(again) // 2
            self.store(again[:half])
            self.store(again[half:])
        return self

    def _fold(self, events: Iterable[bytes], until_ms: int) -> None:
        refold = Refold(BOOK)

        def touched(accounts: Mapping[str, Account]) -> None:
            # A worker sends balances and open windows as it goes: every version, not only the last.
            for account in accounts.values():
                if account.profile:
                    self._note(topics.BALANCES, encode(refold.balance(account)))
                    self._note_windows(refold.open_windows(account))

        for record in (*journal_of(events), encode_record(until_ms, [])):
            self._take(refold, record, touched)

    def _take(self, refold: Refold, value: bytes, touched: Callable[[Mapping[str, Account]], None]) -> None:
        self._note(topics.JOURNAL_TOPIC, value)
        emit(refold.take(self._offset, value, touched), 0, _NAMES, self._send)

    def _send(self, topic: str, _partition: int, _key: str | None, value: bytes) -> None:
        self._note(topic, value)

    def _note_windows(self, opened: Sequence[Iterable[Any]]) -> None:
        for topic, windows in zip((topics.HOURLY, topics.DAILY), opened, strict=True):
            for window in windows:
                self._note(topic, encode(window))

    def _note(self, topic: str, value: bytes) -> None:
        self._offset += 1
        self._messages.append(Message(topic, 0, self._offset, 0, value))


def _later(message: Message) -> Message:
    """`message` written once more; the journal is never."""
    if message.topic == topics.JOURNAL_TOPIC:
        return message
    return msgspec.structs.replace(message, offset=message.offset + 1_000_000)
