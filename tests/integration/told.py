"""A story told to the pure engine and stored in a real ClickHouse, for tests of what readers see."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from infra.books import load_book
from infra.settings import Settings
from schemas import topics
from schemas.wire import encode
from sinks.clickhouse.client import connect
from sinks.clickhouse.insert import Inserter
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.rows import Batch, Message
from streams.core import story


def store_story(settings: Settings, lines: Iterable[bytes]) -> story.Story:
    """Bill `lines` and store every record of it in the database of `settings`, which is made; the told story."""
    dsn, database = settings.clickhouse_dsn.get_secret_value(), settings.clickhouse_database
    migrate(dsn, database)
    told = story.run(lines, load_book(settings.profiles_dir))
    batch = Batch()
    for topic, values in _messages(told):
        for offset, value in enumerate(values):
            faults = batch.take(Message(topic, 0, offset, 0, value))
            if faults:
                raise AssertionError(f"{topic}: {faults}")
    Inserter(lambda: connect(dsn, database), threading.Event()).insert(batch)
    return told


def _messages(told: story.Story) -> Iterable[tuple[str, list[bytes]]]:
    out = told.out
    yield topics.CHARGES, [encode([record]) for record in out.charges]
    yield topics.LEDGER, [encode([record]) for record in out.entries]
    yield topics.HOURLY, [encode(record) for record in out.hourly]
    yield topics.DAILY, [encode(record) for record in out.daily]
    yield topics.NOTICES, [encode(record) for record in out.notices]
    yield topics.COMMANDS, [encode(record) for record in out.commands]
    yield topics.REJECTIONS, [encode(record) for record in out.rejections]
    yield topics.BALANCES, [encode(record) for record in told.balances()]
