"""A story told to the pure engine and stored in a real ClickHouse, for tests of what readers see."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from infra.books import load_book
from infra.settings import Settings
from schemas import topics
from schemas.envelope import read_message
from schemas.journal import NO_CLOCK, encode_record
from schemas.wire import Unreadable, encode
from sinks.clickhouse.client import connect
from sinks.clickhouse.insert import Inserter
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.rows import Batch, Message
from streams.core import fold, story
from streams.core.book import Book

EVENTS_A_RECORD = 500


def store_story(settings: Settings, lines: Iterable[bytes]) -> story.Story:
    """Bill `lines` and store every record of it in the database of `settings`, which is made; the told story."""
    dsn, database = settings.clickhouse_dsn.get_secret_value(), settings.clickhouse_database
    migrate(dsn, database)
    book = load_book(settings.profiles_dir)
    came = list(lines)
    told = story.run(came, book)
    batch = Batch()
    for topic, values in (*_messages(told, book), (topics.JOURNAL_TOPIC, list(_journal(came)))):
        for offset, value in enumerate(values):
            faults = batch.take(Message(topic, 0, offset, 0, value))
            if faults:
                raise AssertionError(f"{topic}: {faults}")
    Inserter(lambda: connect(dsn, database), threading.Event()).insert(batch)
    return told


def _messages(told: story.Story, book: Book) -> Iterable[tuple[str, list[bytes]]]:
    out = told.out
    opened = [fold.open_windows(account, book) for account in told.accounts.values()]
    yield topics.CHARGES, [encode([record]) for record in out.charges]
    yield topics.LEDGER, [encode([record]) for record in out.entries]
    yield (
        topics.HOURLY,
        [encode(record) for record in (*out.hourly, *(hour for hours, _ in opened for hour in hours))],
    )
    yield (
        topics.DAILY,
        [encode(record) for record in (*out.daily, *(day for _, days in opened for day in days))],
    )
    yield topics.NOTICES, [encode(record) for record in out.notices]
    yield topics.COMMANDS, [encode(record) for record in out.commands]
    yield topics.REJECTIONS, [encode(record) for record in out.rejections]
    yield topics.BALANCES, [encode(record) for record in told.balances()]


def _journal(lines: Iterable[bytes]) -> Iterable[bytes]:
    """The journal as ingest would have written it, as far as readers look into it: each readable event once."""
    seen: set[tuple[str, str, str]] = set()
    accepted: list[bytes] = []
    for item in (item for line in lines for item in read_message(line)):
        event = item.read
        if not isinstance(event, Unreadable) and (event.account, event.source, event.id) not in seen:
            seen.add((event.account, event.source, event.id))
            accepted.append(item.raw)
    for first in range(0, len(accepted), EVENTS_A_RECORD):
        yield encode_record(NO_CLOCK, accepted[first : first + EVENTS_A_RECORD])
