"""A sink between a real broker and a real ClickHouse, for tests that watch what lands."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Producer

from infra.settings import Settings
from infra.topics import create_topics
from sinks.clickhouse.client import connect
from sinks.clickhouse.insert import Inserter
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.reports import Reports
from sinks.clickhouse.tables import TOPICS
from sinks.clickhouse.writer import Batching, Writer
from tests.waiting import wait_until


class Landing:
    """Topics and a database of its own; `send` puts messages in, `rows` and `reports` see what came out."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.dsn = settings.clickhouse_dsn.get_secret_value()
        create_topics(settings)
        migrate(self.dsn, settings.clickhouse_database)
        self.client = connect(self.dsn, settings.clickhouse_database)
        self.reports = Reports(self.client)
        self._producer = Producer(settings.kafka_client_config(quiet=True) | {"linger.ms": 5})
        self.sent = 0

    def send(self, topic: str, *values: bytes | None, partition: int = 0, key: bytes = b"a1") -> None:
        """One message for each value, in this order, in one partition."""
        for value in values:
            self._producer.produce(self.settings.topic(topic), value, key, partition)
        self.sent += len(values)
        if self._producer.flush(30):
            raise AssertionError("the broker did not take the messages")

    def rows(self, sql: str, **parameters: Any) -> list[Any]:
        """All rows of a query, as tuples."""
        return list(self.client.query(sql, parameters=parameters).result_rows)

    @contextmanager
    def sink(self, group: str = "sink-clickhouse", batching: Batching | None = None) -> Iterator[Writer]:
        """A running writer in consumer group `group`; what it has in hand goes out at the end of the block."""
        stop = threading.Event()
        database = self.settings.clickhouse_database
        names: Mapping[str, str] = {self.settings.topic(name): name for name in TOPICS}
        inserter = Inserter(lambda: connect(self.dsn, database), stop)
        writer = Writer(
            self.settings.kafka_client_config(),
            self.settings.group(group),
            names,
            inserter,
            stop,
            batching or Batching(linger_s=0.05),
        )
        thread = threading.Thread(target=writer.run, name="sink")
        thread.start()
        try:
            yield writer
        finally:
            stop.set()
            thread.join(30)

    def land(
        self, group: str = "sink-clickhouse", batching: Batching | None = None, messages: int | None = None
    ) -> Writer:
        """Run a sink until `messages` (all that were sent) are committed."""
        wanted = self.sent if messages is None else messages
        with self.sink(group, batching) as writer:
            wait_until(
                lambda: writer.committed_messages >= wanted, f"{wanted} messages are committed", timeout_s=60
            )
        return writer
