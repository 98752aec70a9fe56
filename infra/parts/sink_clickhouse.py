"""Part `sink-clickhouse`: output topics land in ClickHouse."""

import logging
import signal
import threading

from infra.parts.ready import mark_ready
from infra.settings import Settings
from sinks.clickhouse.client import connect
from sinks.clickhouse.insert import Inserter
from sinks.clickhouse.tables import TOPICS
from sinks.clickhouse.writer import Writer


def main(settings: Settings) -> None:
    """Write until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    dsn = settings.clickhouse_dsn.get_secret_value()
    inserter = Inserter(lambda: connect(dsn, settings.clickhouse_database), stop)
    writer = Writer(
        settings.kafka_client_config(),
        settings.group("sink-clickhouse"),
        {settings.topic(name): name for name in TOPICS},
        inserter,
        stop,
    )
    # While ClickHouse is down this part is alive but not ready; what it will write waits in Kafka.
    if inserter.wait_until_reached():
        mark_ready(settings, "sink-clickhouse")
        writer.run()
